"""Figure 13: LAMBDA's computation graph, and where its gradients are cut (Algorithm 2)."""

from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from plotting.drawing import BUDGET_COLOUR, STYLE, Outcome, save


class Node(NamedTuple):
    """A box: its text, its centre, and whether it is a loss or holds weights that one moves."""

    text: str
    x: float
    y: float
    kind: str = "values"


class Edge(NamedTuple):
    """Values go from one node to the other; gradients come back, or are cut."""

    start: str
    end: str
    gradient: bool
    what: str = ""
    """What passes, where the nodes do not say it."""


NODES = {
    "replay": Node("Replay\n$o, a, r, c$", 0.0, 3.0),
    "encoder": Node("Encoder", 1.3, 3.0, "weights"),
    "belief": Node("RSSM posterior\n$z_t, h_t$", 2.7, 3.0, "weights"),
    "heads": Node("Decoder and heads", 4.4, 3.0, "weights"),
    "model loss": Node("Model loss", 6.1, 3.0, "loss"),
    "swag": Node("SWAG\n$\\theta_1 \\ldots \\theta_N$", 0.0, 1.5),
    "imagined": Node("Imagined\nsequences", 2.0, 1.5),
    "predicted": Node("Rewards, costs\nunder $\\theta_j$", 3.7, 1.9),
    "critics": Node("Critics\n$v, v_c$", 3.7, 0.8, "weights"),
    "returns": Node("$V_\\lambda, V^c_\\lambda$\nof each draw", 5.1, 1.5),
    "bounds": Node("Upper bounds\n(max over draws)", 6.6, 1.5),
    "actor": Node("Actor $\\pi$", 1.0, 0.1, "weights"),
    "shadow": Node("Shadow critics", 3.7, -0.4),
    "targets": Node("Targets", 5.1, -0.4),
    "critic losses": Node("Critic losses", 5.1, 0.45, "loss"),
    "penalty": Node("$\\Psi$ (Eq. 8)", 8.1, 1.1),
    "multiplier": Node("Multiplier\n$\\lambda_k, \\mu_k$", 8.1, 0.1),
    "actor loss": Node("Actor loss", 8.1, 2.1, "loss"),
}
EDGES = (
    Edge("replay", "encoder", False, "data"),
    Edge("encoder", "belief", True),
    Edge("belief", "heads", True),
    Edge("heads", "model loss", True),
    Edge("belief", "swag", False, "snapshots"),
    Edge("belief", "imagined", False, "start beliefs"),
    Edge("swag", "imagined", False, "drawn weights"),
    Edge("imagined", "actor", False, "features"),
    Edge("actor", "imagined", True, "actions"),
    Edge("imagined", "predicted", True),
    Edge("imagined", "critics", True),
    Edge("predicted", "returns", True),
    Edge("critics", "returns", True),
    Edge("returns", "bounds", True),
    Edge("bounds", "actor loss", True, "task"),
    Edge("bounds", "penalty", True, "cost"),
    Edge("penalty", "actor loss", True),
    Edge("bounds", "multiplier", False, "constraint"),
    Edge("multiplier", "penalty", False),
    Edge("critics", "shadow", False, "copied"),
    Edge("shadow", "targets", False),
    Edge("bounds", "targets", False, "chosen\nsequences"),
    Edge("critics", "critic losses", True),
    Edge("targets", "critic losses", False),
)
FILL = {"values": "#F4F4F4", "weights": "#D6E6F2", "loss": "#FBE3C0"}


def draw_graph(folder: Path) -> Outcome:
    """Draws the figure into RESULTS/figures."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.6), layout="constrained")
        ax = figure.subplots()
        ax.set_xlim(-0.7, 8.8)
        ax.set_ylim(-0.8, 3.5)
        ax.set_axis_off()
        boxes = {name: _draw_node(ax, node) for name, node in NODES.items()}
        for edge in EDGES:
            _draw_edge(ax, edge, boxes)
        _legend(figure)
        path = save(figure, folder, "figure_13", [edge._asdict() for edge in EDGES])
    return Outcome(files=[path])


def _draw_node(ax: Axes, node: Node) -> Patch:
    box = {"boxstyle": "round,pad=0.35", "facecolor": FILL[node.kind], "linewidth": 0.7}
    text = ax.text(node.x, node.y, node.text, ha="center", va="center", fontsize=7, bbox=box)
    return text.get_bbox_patch()


def _draw_edge(ax: Axes, edge: Edge, boxes: dict[str, Patch]) -> None:
    start, end = NODES[edge.start], NODES[edge.end]
    both = any((other.start, other.end) == (edge.end, edge.start) for other in EDGES)
    look = {
        "arrowstyle": "-|>",
        "color": "#333333" if edge.gradient else BUDGET_COLOUR,
        "linestyle": "-" if edge.gradient else (0, (3, 2)),
        "linewidth": 0.9,
        "patchA": boxes[edge.start],
        "patchB": boxes[edge.end],
        "shrinkA": 1,
        "shrinkB": 1,
        "connectionstyle": f"arc3,rad={0.25 if both else 0.0}",
    }
    ax.annotate("", (end.x, end.y), (start.x, start.y), arrowprops=look)
    if edge.what:
        offset = 0.0 if not both else (0.3 if edge.gradient else -0.3)
        middle = (start.x + end.x) / 2 + offset, (start.y + end.y) / 2
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        ax.text(*middle, edge.what, fontsize=6.5, ha="center", va="center", bbox=box)


def _legend(figure: Figure) -> None:
    lines = [
        Line2D([], [], color="#333333", label="gradient flows back"),
        Line2D([], [], color=BUDGET_COLOUR, linestyle=(0, (3, 2)), label="no gradient"),
    ]
    names = {"weights": "weights that learn", "loss": "loss", "values": "values"}
    for kind, name in names.items():
        marker = {"marker": "s", "markersize": 8, "markeredgecolor": "black"}
        lines.append(Line2D([], [], linestyle="", color=FILL[kind], label=name, **marker))
    figure.legend(handles=lines, loc="outside lower center", ncols=5)
