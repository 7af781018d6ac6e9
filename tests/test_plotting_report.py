"""The report page: what it says, that it is safe and whole, and how it does in a real browser."""

import json
import re
import shutil
import subprocess

import pytest
from test_plotting_reading import write_run

from plotting.drawing import Outcome
from plotting.report import MOST_VIDEO_BYTES, write_report
from plotting.results import read_published, read_results
from plotting.table3 import table3_published

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Errors are caught from the start; what the page came to is written into it at the end.
WATCH = "<script>window.failures = []; addEventListener('error', e => failures.push(e.message));"
WATCH += "</script>"
PROBE = """<pre id="probe"></pre><script>
const read = () => document.getElementById("plot").data.filter(t => t.name).map(t => t.name);
const first = read();
const metric = document.getElementById("metric");
metric.value = "cost return per episode";
metric.dispatchEvent(new Event("change"));
const second = document.getElementById("plot");
document.getElementById("probe").textContent = JSON.stringify({
  names: first,
  traces: second.data.length,
  last: second.data.filter(t => t.name).map(t => Array.from(t.y)),
  budgets: second.layout.shapes.map(s => s.y0),
  failures: window.failures,
  fetched: performance.getEntriesByType("resource").map(r => r.name)
    .filter(name => !name.startsWith("data:")),
  buttons: Array.from(document.querySelectorAll(".modebar-btn")).map(b => b.dataset.title),
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
});
</script>"""


def report(tmp_path, drawn=None):
    results = read_results(tmp_path, shipped=tmp_path / "none")
    tables = [table3_published(read_published())]
    return write_report(tmp_path, results.runs, tables, drawn or Outcome())


def test_it_says_what_ran_at_what_scale_and_links_its_settings(tmp_path):
    run = write_run(tmp_path)
    made = {"commit": "abc123", "versions": {"tensorflow": "2.21.0"}, "started": "2026-11-20"}
    (run / "run.json").write_text(json.dumps(made))
    path = report(tmp_path)
    page = path.read_text()
    assert path == tmp_path / "report" / "index.html"
    assert "quick preset (reduced scale, not comparable with the paper)" in page
    for text in ("abc123", "2.21.0", "2026-11-20", "1.526, 0.0, 0.466"):
        assert text in page
    (link,) = re.findall(r'href="([^"]*config\.json)"', page)
    assert (path.parent / link).resolve() == (run / "config.json").resolve()


def test_without_runs_it_names_the_command(tmp_path):
    page = report(tmp_path).read_text()
    assert "0 runs read" in page
    assert "bash experiments/run_sg6.sh" in page
    assert "1.526, 0.0, 0.466" in page


def test_what_files_say_cannot_run(tmp_path):
    evil = "<script>alert(1)</script>"
    run = write_run(tmp_path)
    (run / "run.json").write_text(json.dumps({"commit": evil, "machine": {"processor": evil}}))
    write_run(tmp_path, task=f"gymnasium:{evil}-v0", score=None)
    page = report(tmp_path, Outcome(missing=[evil])).read_text()
    assert evil not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3


def test_small_videos_are_inside_and_large_ones_linked(tmp_path):
    small, large = write_run(tmp_path), write_run(tmp_path, task="CarGoal1")
    (small / "video.mp4").write_bytes(b"film")
    (large / "video.mp4").write_bytes(bytes(MOST_VIDEO_BYTES + 1))
    page = report(tmp_path).read_text()
    assert 'src="data:video/mp4;base64,ZmlsbQ=="' in page
    assert 'src="../quick/lambda/CarGoal1/seed_0/video.mp4"' in page
    assert "LAMBDA on PointGoal1, quick preset, seed 0" in page


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
@pytest.mark.parametrize("width", [375, 1280])
def test_in_a_browser(tmp_path, width):
    """Curves are drawn with the runs' numbers; nothing fails, is fetched or sticks out."""
    for seed in range(2):
        write_run(tmp_path, seed=seed)
        write_run(tmp_path, algorithm="unsafe_lambda", seed=seed)
    page = report(tmp_path).read_text()
    page = page.replace("<head>", f"<head>{WATCH}").replace("</body>", f"{PROBE}</body>")
    (tmp_path / "report" / "index.html").write_text(page)
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--window-size={width},900", "--virtual-time-budget=10000"]
    command += [f"--user-data-dir={tmp_path / 'profile'}"]
    url = (tmp_path / "report" / "index.html").as_uri()
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=90)
    probe = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout).group(1)
    found = json.loads(probe)
    assert found["failures"] == []
    assert found["fetched"] == []
    assert found["names"] == ["LAMBDA", "Unsafe LAMBDA"]
    assert found["traces"] == 2 * (2 + 1 + 1)  # Of each: two seeds, their spread, the median.
    assert found["last"] == [[30.0] * 4] * 2
    assert found["budgets"] == [25.0]
    assert found["wide"] <= 0
    assert any("Zoom" in title for title in found["buttons"])
    assert not [t for t in found["buttons"] if re.search("share|cloud|edit", t.lower())]
