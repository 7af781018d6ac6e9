"""Figure 13 says of each loss what tests/test_gradients.py finds in the agent."""

import pytest

from plotting.computation_graph import EDGES, NODES, computation_graph

MODEL = {"encoder", "rssm", "heads"}


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
    [("model loss", MODEL), ("actor loss", {"actor"}), ("critic losses", {"critics"})],
)
def test_each_loss_reaches_the_weights_that_it_moves(loss, moved):
    assert moved_by(loss) == moved


def test_every_node_is_joined_and_the_csv_lists_every_edge():
    assert {name for edge in EDGES for name in edge[:2]} == set(NODES)
    (drawing,) = computation_graph(None).made
    rows = drawing.numbers[["start", "end", "gradient"]].itertuples(index=False, name=None)
    assert list(rows) == [(edge.start, edge.end, edge.gradient) for edge in EDGES]
