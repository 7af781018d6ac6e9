"""LAMBDA and its ablations. `Agent.learn` is the body of Algorithm 2, in the paper's order."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from la_mbda import rssm
from la_mbda.actor_critic import Actor, Critic
from la_mbda.config import Config
from la_mbda.imagination import Trajectories, imagine, upper_bound
from la_mbda.lagrangian import AugmentedLagrangian
from la_mbda.model_based import ModelBasedAgent
from la_mbda.randomness import Noise
from la_mbda.replay import Sequences
from la_mbda.returns import lambda_values


class Objective(NamedTuple):
    """What a critic values: the task's reward or one constraint's cost."""

    signal: Callable[[Trajectories], tf.Tensor]
    """Its part `[…, time]` of trajectories."""
    critic: Critic
    discount: float
    lambda_: float


class Bound(NamedTuple):
    """V_λ `[start, time − 1]` of the trajectories learnt from, and the critic's loss on them."""

    values: tf.Tensor
    critic_loss: tf.Tensor


class Agent(ModelBasedAgent):
    """LAMBDA and its ablations, by the config's `algorithm`.

    `lambda` learns, for each start, from the optimistic sample's trajectory for the task and the
    pessimistic sample's for each constraint. `greedy_lambda` (Appendix G) learns for both from the
    average of the N samples' trajectories (`Trajectories.average`): features, rewards, costs
    and terminal probabilities are averaged before any critic sees them, so that V_λ is the value of
    the average trajectory, not the average of the samples' values. `unsafe_lambda` (Appendix E) is
    LAMBDA without constraints: no Ψ in the actor's loss, and no safety critic is made or trained;
    costs are recorded all the same.
    """

    def __init__(self, config: Config, observation_shape: tuple[int, ...], actions: int):
        super().__init__(config, observation_shape, actions)
        behaviour, precision = config.behaviour, config.compute.precision
        self.actor = Actor(
            behaviour, self._features, actions, self._seed("actor weights"), precision
        )
        self.task_critic = self._make_critic(
            "task_critic", behaviour.task_critic_learning_rate, behaviour.task_critic_clip
        )
        self.safety_critics = [
            self._make_critic(
                f"safety_critic_{i}",
                behaviour.safety_critic_learning_rate,
                behaviour.safety_critic_clip,
            )
            for i in range(len(config.lagrangian.cost_budget) if self._safe else 0)
        ]
        self.lagrangian = AugmentedLagrangian(config.lagrangian)
        self.updates = tf.Variable(0, dtype=tf.int64, trainable=False, name="updates")
        mode_samples = behaviour.actor_mode_samples
        mode_noise = Noise(self._seed("mode"), "mode_noise")
        self._mode_noise = mode_noise.normal(mode_samples, 1, actions)

    def _make_critic(self, name: str, learning_rate: float, clip: float) -> Critic:
        seed, precision = self._seed(name), self.config.compute.precision
        return Critic(
            self.config.behaviour, self._features, learning_rate, clip, seed, name, precision
        )

    @property
    def _features(self) -> int:
        return self.config.model.stochastic_size + self.config.model.deterministic_size

    @property
    def _safe(self) -> bool:
        return self.config.algorithm != "unsafe_lambda"

    @property
    def learnt(self) -> tf.Module:
        """The weights that acting and imagining use: no optimiser, no posterior, no memory."""
        learnt = super().learnt
        learnt.actor = self.actor.weights
        learnt.critics = [critic.weights for critic in (self.task_critic, *self.safety_critics)]
        return learnt

    def decide(self, belief: rssm.Belief, noise: Noise, explore: bool) -> tf.Tensor:
        """Sample the policy (training) or take its mode (evaluation)."""
        if not explore:
            return self.actor.mode(belief.features, self._mode_noise)
        normals = noise.normal(belief.features.shape[0], self.actions)
        return self.actor.sample(belief.features, normals)

    def learn(self, batch: Sequences) -> dict:
        """Run the inner loop of Algorithm 2, from a batch of sequences on."""
        beliefs, metrics = self.model.update(batch, self.update_noise)
        samples = self.sample_models(self.update_noise)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(self.behaviour_weights())
            starts = starting_beliefs(beliefs, batch)
            imagined = self.imagine(samples, starts, self.update_noise)
            task = self.bound_task(imagined)
            safety = [self.bound_safety(imagined, i) for i in range(len(self.safety_critics))]
            excess = self.excess(safety)
            actor_loss = self.actor_loss(task, excess)
        metrics["actor_gradient_norm"] = self.actor.update(tape, actor_loss)
        metrics["task_critic_gradient_norm"] = self.task_critic.update(tape, task.critic_loss)
        for i, (critic, bound) in enumerate(zip(self.safety_critics, safety, strict=True)):
            norm = critic.update(tape, bound.critic_loss)
            metrics[f"safety_critic_gradient_norm_{i}"] = norm
        if safety:
            self.lagrangian.update(excess)
        self._copy_to_shadows()
        metrics |= self._behaviour_metrics(batch, imagined, task, safety)
        return metrics | {"actor_loss": actor_loss}

    def behaviour_weights(self) -> list[tf.Variable]:
        modules: tuple[Any, ...] = (self.actor, self.task_critic, *self.safety_critics)
        return tf.nest.flatten([module.weights for module in modules])

    def imagine(self, samples: dict, starts: rssm.Belief, noise: Noise) -> Trajectories:
        """Follow the policy from beliefs `[start, …]` under each sample, to the horizon."""
        horizon = self.config.behaviour.horizon
        return imagine(self.model, samples, self.actor.sample, starts, horizon, self.actions, noise)

    def values_of_samples(self, imagined: Trajectories, rule: str) -> dict[str, tf.Tensor]:
        """Return what upper bounds compare samples by, `[sample, start, …]` of `task`, `cost_0`, …

        Args: rule: as `bound_by`.
        """
        objectives = {"task": self._task_objective}
        for i in range(len(self.safety_critics)):
            objectives[f"cost_{i}"] = self._safety_objective(i)
        return {
            name: _values_by(rule, objective, imagined) for name, objective in objectives.items()
        }

    def excess(self, safety: list[Bound]) -> tf.Tensor | None:
        """Return expected costs minus budgets `[constraints]` by the pessimistic bounds, if any.

        Eq. 11, with a mean over starts and time where it sums. As the authors do, the discounted
        cost-to-go is held against an episode's whole budget: with γ_c = 0.995 it sees about 200
        decisions ahead.
        """
        costs = [tf.reduce_mean(bound.values) for bound in safety]
        return tf.stack(costs) - tf.constant(self.config.lagrangian.cost_budget) if safety else None

    def actor_loss(self, task: Bound, excess: tf.Tensor | None) -> tf.Tensor:
        """Eq. 10 with the augmented Lagrangian's Ψ; without it where there are no constraints.

        The authors' weights of V_λ are γ^t for t = 0 … H−2, with a mean where the equation writes a
        plain sum.
        """
        behaviour = self.config.behaviour
        discounts = behaviour.discount ** tf.range(behaviour.horizon - 1, dtype=tf.float32)
        loss = -tf.reduce_mean(discounts * task.values)
        return loss if excess is None else loss + self.lagrangian.psi(excess)

    @property
    def _task_objective(self) -> Objective:
        behaviour = self.config.behaviour
        return Objective(
            lambda trajectories: trajectories.rewards,
            self.task_critic,
            behaviour.discount,
            behaviour.return_lambda,
        )

    def _safety_objective(self, constraint: int) -> Objective:
        behaviour = self.config.behaviour
        return Objective(
            lambda trajectories: trajectories.costs[..., constraint],
            self.safety_critics[constraint],
            behaviour.cost_discount,
            behaviour.cost_return_lambda,
        )

    def bound_task(self, imagined: Trajectories) -> Bound:
        return self._bound(imagined, self._task_objective)

    def bound_safety(self, imagined: Trajectories, constraint: int) -> Bound:
        return self._bound(imagined, self._safety_objective(constraint))

    def _bound(self, imagined: Trajectories, objective: Objective) -> Bound:
        """Choose a trajectory per start and estimate its values and the critic's loss on it."""
        critic = objective.critic
        if self.config.algorithm == "greedy_lambda":
            chosen = imagined.average()
        else:
            rule = self.config.behaviour.bound_by
            chosen = imagined.choose(upper_bound(_values_by(rule, objective, imagined)))
        # One pass serves both losses: the actor's takes its gradient through the features alone,
        # the critic's through the critic's weights alone.
        live, shadow = critic.value(chosen.features), critic.shadow_value(chosen.features)
        targets = tf.stop_gradient(_values(objective, chosen, shadow))
        critic_loss = 0.5 * tf.reduce_mean(tf.math.squared_difference(live[..., :-1], targets))
        return Bound(_values(objective, chosen, live), critic_loss)

    def _copy_to_shadows(self) -> None:
        due = self.updates.assign_add(1) % self.config.behaviour.shadow_interval == 0

        def copy() -> None:
            for critic in (self.task_critic, *self.safety_critics):
                critic.copy_to_shadow()

        tf.cond(due, copy, lambda: None)

    def _behaviour_metrics(self, batch, imagined, task: Bound, safety: list[Bound]) -> dict:
        """Real and imagined figures are per decision, side by side."""
        metrics = self._batch_metrics(batch) | {
            "task_bound": tf.reduce_mean(task.values),
            "task_critic_loss": task.critic_loss,
            "imagined_reward": tf.reduce_mean(imagined.rewards),
            "penalty": self.lagrangian.penalty,
        }
        for i in range(len(self.config.lagrangian.cost_budget)):
            metrics[f"imagined_cost_{i}"] = tf.reduce_mean(imagined.costs[..., i])
        for i, bound in enumerate(safety):
            metrics[f"safety_bound_{i}"] = tf.reduce_mean(bound.values)
            metrics[f"safety_critic_loss_{i}"] = bound.critic_loss
            metrics[f"multiplier_{i}"] = self.lagrangian.multiplier[i]
        return metrics


def starting_beliefs(beliefs: rssm.Belief, batch: Sequences) -> rssm.Belief:
    """Return the beliefs `[start, …]` after which an episode continued, of `[batch, time, …]`.

    Nothing follows a terminal state: in place of their beliefs the first others come twice, so that
    there are as many starts each time. Where no episode is short, one step in thousands is terminal
    at most, and all stay as they are.
    """
    flat = rssm.Belief(*(tf.reshape(part, [-1, part.shape[-1]]) for part in beliefs))
    if batch.first is None:
        return flat
    order = tf.argsort(tf.reshape(batch.terminal, [-1]), stable=True)
    count = tf.math.count_nonzero(batch.terminal == 0.0, dtype=tf.int32)
    chosen = tf.gather(order, tf.range(tf.size(order)) % tf.maximum(count, 1))
    return rssm.Belief(*(tf.ensure_shape(tf.gather(x, chosen), x.shape) for x in flat))


def _values_by(rule: str, objective: Objective, imagined: Trajectories) -> tf.Tensor:
    """V_λ of s_1 … s_{H−1}, or, by the rule `critic`, the live critic's v of s_1 … s_H.

    The authors' code takes the mean of v over all imagined states, s_1 and s_H too; its largest is
    that of the sum. It looks at predicted rewards and costs only through what v has learnt of them.
    """
    of_states = objective.critic.value(tf.stop_gradient(imagined.features))
    return of_states if rule == "critic" else _values(objective, imagined, of_states)


def _values(objective: Objective, trajectories: Trajectories, of_states: tf.Tensor) -> tf.Tensor:
    """V_λ of s_1 … s_{H−1} `[…, time − 1]`, where s_H only bootstraps.

    Args:
        of_states: the critic's values `[…, time]`.
    """
    return lambda_values(
        objective.signal(trajectories)[..., :-1],
        of_states[..., 1:],
        trajectories.terminals[..., :-1],
        objective.discount,
        objective.lambda_,
    )
