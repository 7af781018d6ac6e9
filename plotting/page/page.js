"use strict";
// Draws the learning curves, and counts costs in step with the videos.

const { panels, open, counters, budget } = JSON.parse(document.getElementById("data").textContent);
const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const whole = new Intl.NumberFormat("en");
const hundredths = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "negative" });

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// ---- Learning curves

const hidden = new Set(); // Names of lines that were switched off, whatever the task.
const chosen = {};

function fill(select, names, before = select.value) {
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(before)) select.value = before;
}

function chip(type, name, checked, onChange) {
  const label = element("label", undefined, { class: "chip" });
  const input = element("input", undefined, { type, name: type === "radio" ? "metric" : "line", value: name });
  input.checked = checked;
  input.addEventListener("change", () => onChange(input.checked));
  label.append(input, name);
  return label;
}

function swatch(line) {
  const box = element("span", undefined, { class: "swatch" });
  const stroke = element("i");
  stroke.style.borderTopColor = line.colour;
  stroke.style.borderTopStyle = line.published ? "dashed" : "solid";
  box.append(stroke);
  return box;
}

function refill(fieldset, chips) {
  fieldset.replaceChildren(fieldset.querySelector("legend"), ...chips);
}

function choose(first = {}) {
  const [preset, task] = ["preset", "task"].map((id) => document.getElementById(id));
  fill(preset, Object.keys(panels), first.preset);
  const { title, tasks } = panels[preset.value];
  fill(task, Object.keys(tasks), first.task);
  const metrics = tasks[task.value];
  if (!(chosen.metric in metrics)) chosen.metric = Object.keys(metrics)[0];
  const panel = metrics[chosen.metric];
  refill(document.getElementById("metrics"), Object.keys(metrics).map((name) =>
    chip("radio", name, name === chosen.metric, () => { chosen.metric = name; draw(title, task.value, metrics[name]); })));
  refill(document.getElementById("lines"), panel.lines.map((line) => {
    const made = chip("checkbox", line.name, !hidden.has(line.name), (on) => {
      hidden[on ? "delete" : "add"](line.name);
      draw(title, task.value, metrics[chosen.metric]);
    });
    made.insertBefore(swatch(line), made.lastChild);
    return made;
  }));
  draw(title, task.value, panel);
}

function tracesOf(line, end, dashed) {
  const colour = line.colour;
  const base = { mode: "lines", showlegend: false };
  const quiet = { ...base, hoverinfo: "skip" };
  if (line.published)
    return [{ ...base, name: line.name, x: [0, end], y: [line.y, line.y], line: { color: colour, width: 1.5, dash: "dash" } }];
  const several = line.seeds.length > 1;
  const traces = several || !line.x ? line.seeds.map((seed) => ({ ...quiet, name: `${line.name}, seed ${seed.seed}`,
    x: seed.x ?? line.x, y: seed.y, opacity: 0.45, line: { color: colour, width: 1 } })) : [];
  if (line.low)
    traces.push({ ...quiet, name: `${line.name}, 5–95 %`, x: [...line.x, ...line.x.slice().reverse()],
      y: [...line.high, ...line.low.slice().reverse()], fill: "toself", fillcolor: colour, opacity: 0.18, line: { width: 0 } });
  if (line.x) {
    const spread = line.low ? " (%{customdata[0]:.4g} to %{customdata[1]:.4g})" : "";
    traces.push({ ...base, name: line.name, x: line.x, y: line.y, mode: line.x.length <= 20 ? "lines+markers" : "lines",
      customdata: line.low ? line.low.map((low, i) => [low, line.high[i]]) : undefined, hovertemplate: `%{y:.4g}${spread}`,
      marker: { size: 5 }, line: { color: colour, width: 2.5, dash: dashed && line.shipped ? "dashdot" : "solid" } });
  }
  return traces;
}

function draw(title, task, panel) {
  const shown = panel.lines.filter((line) => !hidden.has(line.name));
  const steps = panel.lines.flatMap((line) => line.published ? [] : line.seeds.map((seed) => (seed.x ?? line.x).at(-1)));
  const end = Math.max(...steps);
  const dashed = panel.lines.some((line) => !line.published && !line.shipped); // Shipped ones beside ours.
  const narrow = innerWidth < 700, touch = matchMedia("(pointer: coarse)").matches;
  const levels = panel.budgets.map((level) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: level, y1: level,
    line: { color: budget, dash: "dash", width: 1.5 }, label: { text: `budget ${number.format(level)}`,
      textposition: "end", font: { color: budget, size: 11 } } }));
  const cost = panel.unit.startsWith("cost");
  const heights = [...panel.budgets, panel.top];
  const axis = { gridcolor: "#e4e7ea", zerolinecolor: "#c4c9ce", linecolor: "#888888", ticks: "outside" };
  Plotly.react("plot", shown.flatMap((line) => tracesOf(line, end, dashed)), {
    shapes: levels, height: narrow ? 380 : 480, margin: { t: 34, r: 16, l: 64, b: 58 }, showlegend: false,
    paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff", font: { color: "#1c1f22", size: 12 },
    hovermode: narrow ? "closest" : "x unified", dragmode: touch ? false : "zoom",
    xaxis: { ...axis, title: { text: "environment steps" }, range: [0, end * 1.02] },
    yaxis: { ...axis, title: { text: panel.unit }, rangemode: cost ? "tozero" : "normal",
      ...(panel.top ? { range: [0, 1.08 * Math.max(...heights)] } : { autorange: true }) },
    // Zoom stays while lines are switched on and off, not from one plot to the next.
    uirevision: [title, task, chosen.metric].join(),
  }, { responsive: true, displaylogo: false, displayModeBar: true, modeBarButtonsToRemove: ["select2d", "lasso2d"],
    showSendToCloud: false }); // Else Plotly offers to upload the numbers.
  document.getElementById("plot-title").textContent = `${title}: ${task}, ${chosen.metric}`;
  tabulate(shown, panel.unit);
}

function tabulate(lines, unit) {
  document.getElementById("unit").textContent = unit;
  document.querySelector("#ends tbody").replaceChildren(...lines.map((line) => {
    const row = element("tr"), last = (values) => (Array.isArray(values) ? values.at(-1) : values);
    const known = line.y !== null, spread = line.low !== null && line.low !== undefined;
    row.append(element("th", line.name, { scope: "row" }), ...[
      line.published ? "published" : line.seeds.length,
      line.published ? "" : known ? whole.format(last(line.x)) : "no steps in common",
      known ? number.format(last(line.y)) : "–",
      spread ? `${number.format(last(line.low))} to ${number.format(last(line.high))}` : "–",
    ].map((text) => element("td", text)));
    return row;
  }));
}

if (Object.keys(panels).length) {
  for (const id of ["preset", "task"]) document.getElementById(id).addEventListener("change", () => choose());
  choose(open);
}

// ---- Costs in step with the videos

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 480, HEIGHT = 210, LEFT = 8, RIGHT = 48, BOTTOM = 22, TOP = 24;

function drawn(svg, name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  svg.append(made);
  return made;
}

// A chart of one cost so far; returns what moves its mark to a frame.
function chart(place, costs, limit, steps) {
  const frames = costs.length, highest = Math.max(limit * 1.15, costs.at(-1), 1e-9);
  const x = (frame) => LEFT + (WIDTH - LEFT - RIGHT) * (frame + 1) / frames;
  const y = (cost) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * cost / highest;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Cost so far over ${frames * steps} environment steps, up to ${number.format(costs.at(-1))}; budget ${number.format(limit)}`);
  drawn(svg, "line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(0), y2: y(0) });
  drawn(svg, "line", { class: "budget", x1: LEFT, x2: WIDTH - RIGHT, y1: y(limit), y2: y(limit) });
  drawn(svg, "text", { x: WIDTH - RIGHT, y: y(limit) - 4, "text-anchor": "end" }, `budget ${number.format(limit)}`);
  drawn(svg, "text", { x: LEFT, y: 12 }, "cost so far");
  drawn(svg, "text", { x: WIDTH - RIGHT + 6, y: y(costs.at(-1)) + 4 }, number.format(costs.at(-1)));
  drawn(svg, "text", { x: WIDTH - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, `${whole.format(frames * steps)} env steps`);
  drawn(svg, "polyline", { class: "cost", points: [`${LEFT},${y(0)}`, ...costs.map((cost, i) => `${x(i)},${y(cost)}`)].join(" ") });
  const line = drawn(svg, "line", { class: "elapsed", y1: TOP, y2: y(0) });
  const mark = drawn(svg, "circle", { class: "now", r: 4.5 });
  place.append(svg);
  return (frame) => {
    line.setAttribute("x1", x(frame)); line.setAttribute("x2", x(frame));
    mark.setAttribute("cx", x(frame)); mark.setAttribute("cy", y(costs[frame]));
  };
}

function follow(place, counter) {
  const video = place.parentElement.querySelector("video");
  const frames = counter.return.length, steps = counter.env_steps_per_frame;
  const list = element("dl");
  const values = ["env steps", "return", ...counter.cost_budget.map((_, i) => `cost${i ? ` ${i + 1}` : ""} so far`)].map((name) => {
    const value = element("dd");
    list.append(element("dt", name), value);
    return value;
  });
  const live = element("div");
  live.append(list);
  place.prepend(live);
  const moves = counter.cost_budget.map((limit, i) => chart(live, counter.cost_return.map((costs) => costs[i]), limit, steps));
  const show = (seconds) => {
    // Players round a frame's start, sometimes to just before it.
    const frame = Math.min(frames - 1, Math.floor(seconds * counter.frames_per_second + 0.1));
    values[0].textContent = `${whole.format((frame + 1) * steps)} of ${whole.format(frames * steps)}`;
    values[1].textContent = hundredths.format(counter.return[frame]);
    counter.cost_budget.forEach((limit, i) => {
      const cost = counter.cost_return[frame][i], over = cost > limit;
      values[2 + i].textContent = `${number.format(cost)} of ${number.format(limit)}: ${over ? "over budget" : "within budget"}`;
      values[2 + i].classList.toggle("over", over);
      moves[i](frame);
    });
  };
  show(0);
  for (const event of ["timeupdate", "seeked"]) video.addEventListener(event, () => show(video.currentTime));
  if ("requestVideoFrameCallback" in video) {
    const next = (_, { mediaTime }) => { show(mediaTime); video.requestVideoFrameCallback(next); };
    video.requestVideoFrameCallback(next);
  }
}

for (const place of document.querySelectorAll(".counter"))
  if (counters[place.dataset.video]) follow(place, counters[place.dataset.video]);
