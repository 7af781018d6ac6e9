"""What algorithms are called, in which order they stand, and their colours."""

from collections.abc import Collection
from itertools import cycle

from la_mbda import algorithms, config

# One colour per algorithm in every figure. Chosen for their least distance (CIELAB) from one
# another and from the budget's red, as seen with each form of colour blindness: over 20 each.
COLOURS = {
    "lambda": "#0072B2",
    "unsafe_lambda": "#E69F00",
    "greedy_lambda": "#FF4BF0",
    "cem_mpc": "#882255",
    "ppo": "#000000",
    "ppo_lagrangian": "#949494",
    "trpo_lagrangian": "#8C564B",
    "cpo": "#DDCC77",
}
# Those of one's own algorithms, taken in turn.
OWN_COLOURS = ("#7800F0", "#780000", "#B4D2A5", "#96E1F0")
BUDGET_COLOUR = "#D00000"


def label(algorithm: str) -> str:
    """Return what people call it, with a variant's name, or the module of one's own behind it."""
    base, _, name = algorithm.partition("@")
    module, _, own = base.partition(":")
    besides = [part for part in (module if own else "", name) if part]
    shown = algorithms.find(base).display_name
    return f"{shown} ({', '.join(besides)})" if besides else shown


def is_baseline(algorithm: str) -> bool:
    """Return whether it is a model-free baseline, or a variant of one."""
    return algorithm.partition("@")[0] in config.BASELINES


def in_order(found: Collection[str], last: Collection[str] = ()) -> list[str]:
    """Return each algorithm once: the repository's in its order, one's own by name, then the last.

    Args:
        found: their names.
        last: of these, in this order.
    """
    known = [name for name in config.ALGORITHMS if name in set(found)]
    names = [*known, *own_of(found)]
    return [name for name in names if name not in last] + [name for name in last if name in names]


def own_of(found: Collection[str]) -> list[str]:
    """Return one's own algorithms, and variants, among some."""
    return sorted(set(found).difference(config.ALGORITHMS))


def colours_of(found: Collection[str]) -> dict[str, str]:
    """Return a colour for each of the repository's algorithms, and for one's own among some."""
    return COLOURS | dict(zip(own_of(found), cycle(OWN_COLOURS)))
