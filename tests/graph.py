"""What Figure 13 says that a loss moves."""

from plotting.computation_graph import EDGES, NODES


def moved_by(loss: str) -> set[str]:
    """Nodes with weights to which gradients come back from a loss."""
    reached, waiting = set(), [loss]
    while waiting:
        end = waiting.pop()
        found = {edge.start for edge in EDGES if edge.end == end and edge.gradient} - reached
        reached |= found
        waiting += found
    return {name for name in reached if NODES[name].kind == "weights"}
