"""Figure 13: LAMBDA's computation graph, and where its gradients are cut (Algorithm 2)."""

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from plotting.drawing import Drawing, Outcome
from plotting.looks import BUDGET_COLOUR
from plotting.results import Results


class Node(NamedTuple):
    """A box: its text, its centre, and whether it is a loss or holds weights that one moves."""

    text: str
    x: float
    y: float
    kind: str = "values"


class Edge(NamedTuple):
    """Values go from one node to the other; gradients that a weight's update uses come back."""

    start: str
    end: str
    gradient: bool
    what: str = ""
    """What passes, where the nodes do not say it."""
    bend: float = 0.0
    """Its curvature, as matplotlib's `arc3` takes it."""


NODES = {
    "replay": Node("Replay\n$o, a, r, c$", 0.0, 3.1),
    "encoder": Node("Encoder", 1.4, 3.1, "weights"),
    "rssm": Node("RSSM\n$z_t, h_t$", 2.8, 3.1, "weights"),
    "heads": Node("Decoder and heads", 4.6, 3.1, "weights"),
    "model loss": Node("Model loss", 6.6, 3.1, "loss"),
    "swag": Node("SWAG: prior and\nheads $\\theta_1 \\ldots \\theta_N$", 3.7, 2.1),
    "imagined": Node("Imagined\nsequences", 1.8, 1.2),
    "predicted": Node("Rewards, costs\nunder $\\theta_j$", 3.7, 1.2),
    "values": Node("$v, v_c$ of\nimagined states", 3.7, 0.3),
    "returns": Node("$V_\\lambda, V^c_\\lambda$\nof each sample", 5.3, 0.9),
    "bounds": Node("Upper bounds\n(max over samples)", 6.9, 0.9),
    "penalty": Node("$\\Psi$ (Eq. 8)", 8.5, 0.9),
    "actor loss": Node("Actor loss", 8.5, 1.8, "loss"),
    "multiplier": Node("Multiplier\n$\\lambda_k, \\mu_k$", 8.5, -0.1),
    "actor": Node("Actor $\\pi$", 0.3, 0.3, "weights"),
    "critics": Node("Critics $v, v_c$", 3.7, -0.6, "weights"),
    "critic losses": Node("Critic losses", 5.4, -0.6, "loss"),
    "chosen": Node("Chosen\nsequences", 6.9, -0.6),
    "shadow": Node("Shadow critics", 3.7, -1.4),
    "targets": Node("Targets", 5.4, -1.4),
}
EDGES = (
    Edge("replay", "encoder", False, "data"),
    Edge("encoder", "rssm", True),
    Edge("rssm", "heads", True),
    Edge("rssm", "model loss", True, "KL", bend=-0.15),
    Edge("heads", "model loss", True),
    Edge("rssm", "swag", False, "snapshots"),
    Edge("heads", "swag", False, "snapshots"),
    Edge("rssm", "imagined", False, "start beliefs"),
    Edge("swag", "imagined", False, "prior of $\\theta_j$"),
    Edge("swag", "predicted", False, "heads of $\\theta_j$"),
    Edge("imagined", "actor", False, "features", bend=0.25),
    Edge("actor", "imagined", True, "actions", bend=0.25),
    Edge("imagined", "predicted", True),
    Edge("imagined", "values", True),
    # The actor's loss passes through the critics, but does not move their weights.
    Edge("critics", "values", False, "weights"),
    Edge("predicted", "returns", True),
    Edge("values", "returns", True),
    Edge("returns", "bounds", True),
    Edge("bounds", "actor loss", True, "task"),
    Edge("bounds", "penalty", True, "cost"),
    Edge("penalty", "actor loss", True),
    Edge("bounds", "multiplier", False, "constraint"),
    Edge("multiplier", "penalty", False),
    Edge("bounds", "chosen", False),
    # Nor does a critic's loss move the actor or the model through what it is evaluated on.
    Edge("chosen", "critic losses", False),
    Edge("chosen", "targets", False),
    Edge("critics", "critic losses", True),
    Edge("critics", "shadow", False, "copied"),
    Edge("shadow", "targets", False),
    Edge("targets", "critic losses", False),
)
FILL = {"values": "#F4F4F4", "weights": "#D6E6F2", "loss": "#FBE3C0"}


def computation_graph(results: Results) -> Outcome:
    """Figure 13, which is of the method and not of results."""
    edges = pd.DataFrame(EDGES).drop(columns="bend")
    return Outcome([Drawing("figure_13", edges, _draw, ())])


def _draw() -> Figure:
    figure = Figure(figsize=(7.4, 4.0), layout="constrained")
    ax = figure.subplots()
    ax.set_xlim(-0.6, 9.1)
    ax.set_ylim(-1.7, 3.7)
    ax.set_axis_off()
    boxes = {name: _draw_node(ax, node) for name, node in NODES.items()}
    for edge in EDGES:
        _draw_edge(ax, edge, boxes)
    _legend(figure)
    return figure


def _draw_node(ax: Axes, node: Node) -> Patch:
    box = {"boxstyle": "round,pad=0.35", "facecolor": FILL[node.kind], "linewidth": 0.7}
    text = ax.text(node.x, node.y, node.text, ha="center", va="center", fontsize=7, bbox=box)
    return text.get_bbox_patch()


def _draw_edge(ax: Axes, edge: Edge, boxes: dict[str, Patch]) -> None:
    start, end = NODES[edge.start], NODES[edge.end]
    look = {
        "arrowstyle": "-|>",
        "color": "#333333" if edge.gradient else BUDGET_COLOUR,
        "linestyle": "-" if edge.gradient else (0, (3, 2)),
        "linewidth": 0.9,
        "patchA": boxes[edge.start],
        "patchB": boxes[edge.end],
        "shrinkA": 1,
        "shrinkB": 1,
        "connectionstyle": f"arc3,rad={edge.bend}",
    }
    ax.annotate("", (end.x, end.y), (start.x, start.y), arrowprops=look)
    if edge.what:
        aside = edge.bend / 2 * (end.y - start.y), edge.bend / 2 * (start.x - end.x)
        middle = (start.x + end.x) / 2 + aside[0], (start.y + end.y) / 2 + aside[1]
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        ax.text(*middle, edge.what, fontsize=6.5, ha="center", va="center", bbox=box)


def _legend(figure: Figure) -> None:
    lines = [
        Line2D([], [], color="#333333", label="gradient flows back"),
        Line2D([], [], color=BUDGET_COLOUR, linestyle=(0, (3, 2)), label="no gradient"),
    ]
    marker = {"linestyle": "", "marker": "s", "markersize": 8, "markeredgecolor": "black"}
    for kind, name in {"weights": "weights that learn", "loss": "loss", "values": "values"}.items():
        lines.append(Line2D([], [], color=FILL[kind], label=name, **marker))
    figure.legend(handles=lines, loc="outside lower center", ncols=5)
