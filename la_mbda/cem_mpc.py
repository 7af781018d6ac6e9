"""CEM-MPC with rejection (Appendix F; Liu et al. 2021): planning in place of a policy.

At each decision the cross-entropy method searches action sequences whose imagined return is high
under the world model's posterior, and rejects those whose imagined cost is above the budget. The
world model is trained as LAMBDA's; there is no actor, no critic and no multiplier.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from la_mbda import rssm
from la_mbda.config import Config
from la_mbda.imagination import follow
from la_mbda.model_based import ModelBasedAgent
from la_mbda.randomness import Noise
from la_mbda.replay import Sequences
from la_mbda.settings import PlannerConfig


class Scores(NamedTuple):
    """What candidates are judged by, each `[environment, candidate]`."""

    returns: tf.Tensor
    """Predicted return, as large as can be."""
    excess: tf.Tensor
    """Predicted cost minus its bound, of the constraint that is met worst; feasible below 0."""


class Plan(NamedTuple):
    """The best sequence met so far for each environment."""

    actions: tf.Tensor
    """`[environment, time, actions]` in [-1, 1]."""
    feasible: tf.Tensor
    """`[environment]`: whether it is feasible."""
    merit: tf.Tensor
    """`[environment]`: its return where it is feasible, else minus its excess."""


class Elites(NamedTuple):
    """The best candidates of an iteration, best first."""

    actions: tf.Tensor
    """`[environment, elite, time, actions]`."""
    taken: tf.Tensor
    """`[environment, elite]`: 1, or 0 where fewer candidates are feasible than elites wanted."""
    feasible: tf.Tensor
    """`[environment]`: whether any candidate is feasible."""
    merit: tf.Tensor
    """`[environment]`: of the best one, as in `Plan`."""


def search(
    score: Callable[[tf.Tensor], Scores],
    settings: PlannerConfig,
    environments: int,
    actions: int,
    noise: Noise,
) -> tuple[Plan, tf.Tensor]:
    """Plan by the cross-entropy method for a batch of environments, from mean 0, deviation 1.

    An environment whose mean deviation has come down to `planner_stop_std` stays as it is while the
    others go on.

    Args:
        score: judges candidates `[environment, candidate, time, actions]`.

    Returns:
        The plans, and how many iterations were made. A plan whose scores never were numbers is NaN.
    """
    shape = environments, settings.planner_horizon, actions
    mean, std = tf.zeros(shape), tf.ones(shape)
    nothing = Plan(
        tf.fill(shape, float("nan")),
        tf.fill([environments], False),
        tf.fill([environments], -float("inf")),
    )

    def searching(std: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(std, [1, 2]) > settings.planner_stop_std

    def going_on(iteration, mean, std, plan):
        return (iteration < settings.planner_iterations) & tf.reduce_any(searching(std))

    def improve(iteration, mean, std, plan):
        normals = noise.normal(environments, settings.candidates, *shape[1:])
        candidates = tf.clip_by_value(mean[:, None] + std[:, None] * normals, -1.0, 1.0)
        elites = choose_elites(candidates, score(candidates), settings.elites)
        active = searching(std)
        fitted = fit(elites)
        mean = tf.where(active[:, None, None], fitted[0], mean)
        std = tf.where(active[:, None, None], fitted[1], std)
        return iteration + 1, mean, std, _better(plan, elites, active)

    start = tf.constant(0), mean, std, nothing
    iterations, _, _, plan = tf.while_loop(going_on, improve, start)
    return plan, iterations


def choose_elites(candidates: tf.Tensor, scores: Scores, count: int) -> Elites:
    """Choose the best feasible candidates by return; where there is none, those of least excess."""
    feasible = scores.excess < 0.0
    any_feasible = tf.reduce_any(feasible, 1, keepdims=True)
    eligible = tf.where(any_feasible, feasible, True)
    merit = tf.where(any_feasible, scores.returns, -scores.excess)
    merit, indices = tf.math.top_k(tf.where(eligible, merit, -float("inf")), count)
    return Elites(
        tf.gather(candidates, indices, batch_dims=1),
        tf.cast(tf.gather(eligible, indices, batch_dims=1), tf.float32),
        any_feasible[:, 0],
        merit[:, 0],
    )


def fit(elites: Elites) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and standard deviation `[environment, time, actions]` of the elites taken."""
    weights = elites.taken / tf.reduce_sum(elites.taken, 1, keepdims=True)
    weights = weights[..., None, None]
    mean = tf.reduce_sum(weights * elites.actions, 1)
    squares = tf.math.squared_difference(elites.actions, mean[:, None])
    return mean, tf.sqrt(tf.reduce_sum(weights * squares, 1))


def _better(plan: Plan, elites: Elites, active: tf.Tensor) -> Plan:
    """Choose the better of the plan and the best elite, a feasible one before any that is not."""
    more = (elites.feasible == plan.feasible) & (elites.merit > plan.merit)
    better = active & (more | (elites.feasible & ~plan.feasible))
    return Plan(
        tf.where(better[:, None, None], elites.actions[:, 0], plan.actions),
        tf.where(better, elites.feasible, plan.feasible),
        tf.where(better, elites.merit, plan.merit),
    )


def judge(rewards: tf.Tensor, costs: tf.Tensor, config: Config) -> Scores:
    """Score by what each posterior sample predicts: optimism is not asked for, caution is.

    The return is the samples' mean of Σ_t γ^t r_t. A cost is the largest over the samples of
    Σ_t γ_c^t c_t / H, for t = 1 … H and c_t per simulator step, and is held against d per simulator
    step of an episode. Terminal states are not looked at.

    Args:
        rewards: `[sample, environment, candidate, time]`.
        costs: of decisions, `[sample, environment, candidate, time, constraints]`.
    """
    training, behaviour = config.training, config.behaviour
    horizon = rewards.shape[-1]
    # Sums of products and not `tf.linalg.matvec`: with oneDNN and one environment TensorFlow 2.21's
    # writes past its memory.
    times = tf.range(1, horizon + 1, dtype=tf.float32)
    returns = tf.reduce_mean(tf.reduce_sum(behaviour.discount**times * rewards, -1), 0)
    # Safety Gym's 0/1 costs are predicted as p_t times the action repeat: here it is p_t again.
    per_step = costs / training.action_repeat
    weights = behaviour.cost_discount ** times[:, None] / horizon
    discounted = tf.reduce_sum(weights * per_step, -2)
    bounds = tf.constant(config.lagrangian.cost_budget) / training.episode_steps
    excess = tf.reduce_max(discounted, 0) - bounds
    return Scores(returns, tf.reduce_max(excess, -1))


class CemMpcAgent(ModelBasedAgent):
    """Plans each decision anew, with posterior samples of its own that all environments share.

    Before the posterior is active its samples are the current weights, N times: they then differ by
    the noise of their imagined states alone.
    """

    def __init__(self, config: Config, observation_shape: tuple[int, ...], actions: int):
        super().__init__(config, observation_shape, actions)
        counter = {"dtype": tf.int64, "trainable": False}
        self.decisions = tf.Variable(0, name="decisions", **counter)
        self.feasible_decisions = tf.Variable(0, name="feasible_decisions", **counter)

    @property
    def changed_by_acting(self) -> list[tf.Variable]:
        """The variables that acting changes."""
        return [*super().changed_by_acting, self.decisions, self.feasible_decisions]

    def decide(self, belief: rssm.Belief, noise: Noise, explore: bool) -> tf.Tensor:
        """Take the first action of the best sequence found; training and evaluation plan alike."""
        plan, _ = self.plan(belief, noise)
        if explore:
            self.decisions.assign_add(plan.feasible.shape[0])
            self.feasible_decisions.assign_add(tf.math.count_nonzero(plan.feasible))
        return plan.actions[:, 0]

    def plan(self, belief: rssm.Belief, noise: Noise) -> tuple[Plan, tf.Tensor]:
        """Plan from beliefs `[environment, …]`; also return the iterations made."""
        samples = self.sample_models(noise)
        environments = belief.stochastic.shape[0]

        def score(candidates: tf.Tensor) -> Scores:
            return self._score(samples, belief, candidates, noise)

        return search(score, self.config.planner, environments, self.actions, noise)

    def _score(self, samples, belief: rssm.Belief, candidates: tf.Tensor, noise: Noise) -> Scores:
        """Imagine every candidate from its environment's belief under every sample."""
        environments, count, horizon, _ = candidates.shape
        starts = rssm.Belief(*(tf.repeat(part, count, axis=0) for part in belief))
        flat = tf.reshape(candidates, [environments * count, horizon, -1])
        features = follow(samples, starts, flat, noise)
        rewards, costs = self.model.reward(samples, features), self.model.cost(samples, features)
        shape = [features.shape[0], environments, count, horizon]
        return judge(tf.reshape(rewards, shape), tf.reshape(costs, [*shape, -1]), self.config)

    def learn(self, batch: Sequences) -> dict:
        """Update the world model alone; the share of feasible plans is of all decisions so far.

        Where it is small, the planner mostly flees from costs: see `calibrate_cost`.
        """
        share = tf.math.divide_no_nan(
            tf.cast(self.feasible_decisions, tf.float32), tf.cast(self.decisions, tf.float32)
        )
        metrics = self.learn_model(batch) | self._batch_metrics(batch)
        return metrics | {"feasible_decisions": share}
