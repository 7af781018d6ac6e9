"""Figure 13 says of each loss what tests/test_gradients.py finds in the agent."""

import csv

import pytest

from plotting.graph import EDGES, NODES, draw_graph

MODEL = {"encoder", "belief", "heads"}


def moved_by(loss: str) -> set[str]:
    """Nodes with weights to which gradients come back from a loss."""
    reached, waiting = set(), [loss]
    while waiting:
        end = waiting.pop()
        found = {edge.start for edge in EDGES if edge.end == end and edge.gradient} - reached
        reached |= found
        waiting += found
    return {name for name in reached if NODES[name].kind == "weights"}


@pytest.mark.parametrize(
    ("loss", "moved"),
    [
        ("model loss", MODEL),
        # It passes through the critics, whose weights its optimiser does not hold.
        ("actor loss", {"actor", "critics"}),
    ],
)
def test_a_loss_reaches_what_it_may_move(loss, moved):
    assert moved_by(loss) == moved


def test_the_critics_losses_leave_the_model_alone():
    assert "critics" in moved_by("critic losses")
    assert not moved_by("critic losses") & MODEL


def test_every_node_is_joined_and_the_csv_lists_every_edge(tmp_path):
    assert {name for edge in EDGES for name in edge[:2]} == set(NODES)
    (path,) = draw_graph(tmp_path).files
    rows = list(csv.DictReader(path.with_suffix(".csv").open()))
    assert [(r["start"], r["end"], r["gradient"]) for r in rows] == [
        (edge.start, edge.end, str(edge.gradient)) for edge in EDGES
    ]
