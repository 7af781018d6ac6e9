"""What the rules of the upper bound (`bound_by`) choose on a trained agent, side by side."""

from collections.abc import Iterable
from typing import NamedTuple

import gymnasium
import numpy as np
import tensorflow as tf

from la_mbda import rssm
from la_mbda.agent import Agent
from la_mbda.episodes import play_evaluating
from la_mbda.imagination import upper_bound
from la_mbda.settings import BOUND_RULES, BoundRule


class Comparison(NamedTuple):
    """One objective's samples, and which of them each rule takes, for every start."""

    values: np.ndarray
    """V_λ `[sample, start]`, the mean over time."""
    chosen: dict[BoundRule, np.ndarray]
    """Indices of samples `[start]` by rule."""
    of_one: np.ndarray
    """V_λ as `values`, of as many trajectories under one sample: they differ by noise alone."""

    @property
    def agreement(self) -> float:
        """The share of starts at which all rules take the same sample."""
        first, *others = self.chosen.values()
        return float(np.mean([first == other for other in others]))

    @property
    def of_all(self) -> float:
        """The mean V_λ of all samples."""
        return float(self.values.mean())

    def of_chosen(self, rule: BoundRule) -> float:
        """Return the mean V_λ of the samples that a rule takes."""
        return float(np.take_along_axis(self.values, self.chosen[rule][None], 0).mean())

    @property
    def lift(self) -> float:
        """What the largest of all samples has above their mean."""
        return _lift(self.values)

    @property
    def lift_by_noise(self) -> float:
        """The same of trajectories under one sample, which it cannot have from the posterior."""
        return _lift(self.of_one)


def _lift(values: np.ndarray) -> float:
    return float(values.max(0).mean() - values.mean())


def compare_rules(agent: Agent, env: gymnasium.Env, seeds: Iterable[int]) -> dict[str, Comparison]:
    """Follow the policy from every belief of some evaluation episodes, under each sample.

    Both rules choose among the same imagined trajectories; each episode has samples of its own.

    Returns:
        By objective: `task` and, where there are safety critics, `cost_0`, …
    """
    parts = [_compare_on_episode(agent, env, seed) for seed in seeds]
    return {name: _join([part[name] for part in parts]) for name in parts[0]}


def _compare_on_episode(agent: Agent, env: gymnasium.Env, seed: int) -> dict[str, Comparison]:
    _, states = play_evaluating(env, agent, seed)
    beliefs = [state.belief for state in states]
    starts = rssm.Belief(*(tf.concat(part, 0) for part in zip(*beliefs, strict=True)))
    noise = agent.evaluation_noise
    samples = agent.sample_models(noise)
    imagined = agent.imagine(samples, starts, noise)
    by_rule = {rule: agent.values_of_samples(imagined, rule) for rule in BOUND_RULES}
    first = tf.nest.map_structure(lambda x: tf.repeat(x[:1], len(x), 0), samples)
    of_first = agent.values_of_samples(agent.imagine(first, starts, noise), "values")
    return {
        name: Comparison(
            tf.reduce_mean(values, -1).numpy(),
            {rule: upper_bound(by_rule[rule][name]).numpy() for rule in BOUND_RULES},
            tf.reduce_mean(of_first[name], -1).numpy(),
        )
        for name, values in by_rule["values"].items()
    }


def _join(parts: list[Comparison]) -> Comparison:
    """Of all their starts, one after the other."""
    chosen = {rule: np.concatenate([part.chosen[rule] for part in parts]) for rule in BOUND_RULES}
    values = np.concatenate([part.values for part in parts], 1)
    return Comparison(values, chosen, np.concatenate([part.of_one for part in parts], 1))
