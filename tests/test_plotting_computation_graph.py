"""Figure 13 says of each loss what tests/test_gradients.py finds in the agent."""

import pytest
from graph import moved_by

from plotting.computation_graph import EDGES, NODES, computation_graph

MODEL = {"encoder", "rssm", "heads"}


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
