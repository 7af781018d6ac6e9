"""The agent: act, observe, update. `update` is the body of Algorithm 2, in the paper's order."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from la_mbda import rssm
from la_mbda.actor_critic import Actor, Critic
from la_mbda.config import Config
from la_mbda.imagination import Trajectories, imagine, upper_bound
from la_mbda.lagrangian import AugmentedLagrangian
from la_mbda.randomness import Noise, derive_seed
from la_mbda.replay import Episode, Replay
from la_mbda.returns import lambda_values
from la_mbda.swag import Swag
from la_mbda.world_model import WorldModel


class PolicyState(NamedTuple):
    """What acting carries from one decision to the next, for a batch of environments."""

    belief: rssm.Belief
    action: tf.Tensor


class Bound(NamedTuple):
    """V_λ `[start, time − 1]` of the trajectories learnt from, and the critic's loss on them."""

    values: tf.Tensor
    critic_loss: tf.Tensor


class Agent(tf.Module):
    """LAMBDA and its ablations, by the config's `algorithm`.

    `lambda` takes the optimistic draw for the task and the pessimistic one for each constraint;
    `greedy_lambda` (Appendix G) the average trajectory over draws for both; `unsafe_lambda`
    (Appendix E) is LAMBDA without constraints: no Ψ, and no safety critic is trained.
    """

    def __init__(self, config: Config, observation_shape: tuple[int, ...], actions: int):
        super().__init__(name="agent")
        self.config = config
        self.actions = actions

        def seed(name: str) -> int:
            return derive_seed(config.seed, name)

        self.model = WorldModel(config, observation_shape, actions, seed("world model weights"))
        self.posterior = Swag(self.model.imagination_weights, config.swag)
        self.model.after_step(self.posterior.on_step)
        behaviour = config.behaviour
        precision = config.compute.precision
        self.actor = Actor(behaviour, self._features, actions, seed("actor weights"), precision)
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
        self.acting_noise = Noise(seed("acting"), "acting_noise")
        self.evaluation_noise = Noise(seed("evaluation"), "evaluation_noise")
        self.update_noise = Noise(seed("updates"), "update_noise")
        mode_samples = behaviour.actor_mode_samples
        self._mode_noise = Noise(seed("mode"), "mode_noise").normal(mode_samples, 1, actions)
        training = config.training
        capacity = training.replay_capacity // training.action_repeat
        self.replay = Replay(training.sequence_length, capacity, seed("replay"))
        # Each is one program.
        xla = config.compute.compile == "xla"
        self._explore, self._exploit, self._learn_model, self._learn = (
            tf.function(method, jit_compile=xla)
            for method in (self._explore, self._exploit, self._learn_model, self._learn)
        )

    def _make_critic(self, name: str, learning_rate: float, clip: float) -> Critic:
        seed, precision = derive_seed(self.config.seed, name), self.config.compute.precision
        return Critic(
            self.config.behaviour, self._features, learning_rate, clip, seed, name, precision
        )

    @property
    def _features(self) -> int:
        return self.config.model.stochastic_size + self.config.model.deterministic_size

    @property
    def _safe(self) -> bool:
        return self.config.algorithm != "unsafe_lambda"

    # Acting

    def initial_state(self, environments: int) -> PolicyState:
        """The state at the start of episodes."""
        belief = rssm.initial_belief(self.config.model, environments)
        return PolicyState(belief, tf.zeros([environments, self.actions]))

    def act(
        self, observations: np.ndarray, state: PolicyState, explore: bool
    ) -> tuple[np.ndarray, PolicyState]:
        """Infers the belief and decides.

        Args:
            observations: `[environments, …]`.
            explore: sample the action (training) or take its mode (evaluation). The two draw on
                separate noise, so that evaluating leaves training untouched.

        Returns:
            Actions `[environments, actions]` in [-1, 1] and the next state.

        Raises:
            RuntimeError: an action is not finite.
        """
        policy = self._explore if explore else self._exploit
        action, state = policy(tf.constant(observations), state)
        action = action.numpy()
        if not np.isfinite(action).all():
            raise RuntimeError(f"the policy's action is {action}: its weights are broken")
        return action, state

    def _explore(self, observations: tf.Tensor, state: PolicyState):
        belief = self._infer(observations, state, self.acting_noise)
        noise = self.acting_noise.normal(*state.action.shape)
        action = self.actor.sample(belief.features, noise)
        return action, PolicyState(belief, action)

    def _exploit(self, observations: tf.Tensor, state: PolicyState):
        belief = self._infer(observations, state, self.evaluation_noise)
        action = self.actor.mode(belief.features, self._mode_noise)
        return action, PolicyState(belief, action)

    def _infer(self, observations, state: PolicyState, noise: Noise) -> rssm.Belief:
        weights = self.model.cast_weights["rssm"]
        projected = rssm.project(weights, self.model.encode(observations))
        draws = noise.normal(*state.belief.stochastic.shape)
        belief, _ = rssm.observe_step(weights, state.belief, state.action, projected, draws)
        return belief

    # Observing

    def observe(self, episode: Episode) -> None:
        """Remembers a finished episode and takes it into the running statistics."""
        self.replay.add(episode)
        self.model.take_statistics(episode)

    # Updating

    def pretrain(self) -> dict[str, float]:
        """One update of the world model alone; returns its metrics."""
        return _numbers(self._learn_model(self._sample()))

    def update(self) -> dict[str, float]:
        """One update of everything; returns metrics."""
        return _numbers(self._learn(self._sample()))

    def _sample(self) -> Episode:
        batch = self.replay.sample(self.config.training.batch_size)
        return Episode(*map(tf.constant, batch))

    def _learn_model(self, batch: Episode) -> dict:
        _, metrics = self.model.update(batch, self.update_noise)
        return metrics

    def _learn(self, batch: Episode) -> dict:
        """The inner loop of Algorithm 2, from a batch of sequences on."""
        beliefs, metrics = self.model.update(batch, self.update_noise)
        draws = self._draw_models()
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(self._behaviour_weights())
            imagined = self._imagine(draws, beliefs)
            task = self._bound_task(imagined)
            safety = [self._bound_safety(imagined, i) for i in range(len(self.safety_critics))]
            excess = self._excess(safety)
            actor_loss = self._actor_loss(task, excess)
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

    def _draw_models(self) -> dict:
        """θ_j ~ p(θ | D), j = 1 … N, on a leading axis."""
        draws = self.posterior.sample(self.config.swag.posterior_samples, self.update_noise)
        return self.model.cast(draws)

    def _behaviour_weights(self) -> list[tf.Variable]:
        modules = (self.actor, self.task_critic, *self.safety_critics)
        return tf.nest.flatten([module.weights for module in modules])

    def _imagine(self, draws: dict, beliefs: rssm.Belief) -> Trajectories:
        """From each belief of the batch `[batch, time, …]`, under each draw."""
        starts = rssm.Belief(*(tf.reshape(part, [-1, part.shape[-1]]) for part in beliefs))
        horizon, noise = self.config.behaviour.horizon, self.update_noise
        return imagine(self.model, draws, self.actor.sample, starts, horizon, self.actions, noise)

    def _excess(self, safety: list[Bound]) -> tf.Tensor | None:
        """Expected costs minus budgets `[constraints]` by the pessimistic bounds, if there are any.

        As the authors do, the discounted cost-to-go is held against an episode's whole budget: with
        γ_c = 0.995 it sees about 200 decisions ahead.
        """
        costs = [tf.reduce_mean(bound.values) for bound in safety]
        return tf.stack(costs) - tf.constant(self.config.lagrangian.cost_budget) if safety else None

    def _actor_loss(self, task: Bound, excess: tf.Tensor | None) -> tf.Tensor:
        """Eq. 11 with the augmented Lagrangian's Ψ; without it where there are no constraints.

        The authors' weights of V_λ are γ^t for t = 0 … H−2, with a mean where Eq. 10 writes a plain
        sum.
        """
        behaviour = self.config.behaviour
        discounts = behaviour.discount ** tf.range(behaviour.horizon - 1, dtype=tf.float32)
        loss = -tf.reduce_mean(discounts * task.values)
        return loss if excess is None else loss + self.lagrangian.psi(excess)

    def _bound_task(self, imagined: Trajectories) -> Bound:
        behaviour = self.config.behaviour
        return self._bound(
            imagined,
            lambda trajectories: trajectories.rewards,
            self.task_critic,
            behaviour.discount,
            behaviour.return_lambda,
        )

    def _bound_safety(self, imagined: Trajectories, constraint: int) -> Bound:
        behaviour = self.config.behaviour
        return self._bound(
            imagined,
            lambda trajectories: trajectories.costs[..., constraint],
            self.safety_critics[constraint],
            behaviour.cost_discount,
            behaviour.cost_return_lambda,
        )

    def _bound(
        self,
        imagined: Trajectories,
        signal: Callable[[Trajectories], tf.Tensor],
        critic: Critic,
        discount: float,
        lambda_: float,
    ) -> Bound:
        """Chooses a trajectory per start and estimates its values and the critic's loss on it."""

        def values(trajectories: Trajectories, of_states: tf.Tensor) -> tf.Tensor:
            # s_H only bootstraps: V_λ is of s_1 … s_{H−1}.
            return lambda_values(
                signal(trajectories)[..., :-1],
                of_states[..., 1:],
                trajectories.terminals[..., :-1],
                discount,
                lambda_,
            )

        if self.config.algorithm == "greedy_lambda":
            chosen = imagined.average()
        else:
            of_all = critic.value(tf.stop_gradient(imagined.features))
            chosen = imagined.choose(upper_bound(values(imagined, of_all)))
        # One pass serves both losses: the actor's takes its gradient through the features alone,
        # the critic's through the critic's weights alone.
        live = critic.value(chosen.features)
        targets = tf.stop_gradient(values(chosen, critic.shadow_value(chosen.features)))
        critic_loss = 0.5 * tf.reduce_mean(tf.math.squared_difference(live[..., :-1], targets))
        return Bound(values(chosen, live), critic_loss)

    def _copy_to_shadows(self) -> None:
        due = self.updates.assign_add(1) % self.config.behaviour.shadow_interval == 0

        def copy() -> None:
            for critic in (self.task_critic, *self.safety_critics):
                critic.copy_to_shadow()

        tf.cond(due, copy, lambda: None)

    def _behaviour_metrics(self, batch, imagined, task: Bound, safety: list[Bound]) -> dict:
        """Real and imagined figures are per decision, side by side."""
        metrics = {
            "task_bound": tf.reduce_mean(task.values),
            "task_critic_loss": task.critic_loss,
            "real_reward": tf.reduce_mean(batch.reward),
            "imagined_reward": tf.reduce_mean(imagined.rewards),
            "penalty": self.lagrangian.penalty,
            "posterior_active": tf.cast(self.posterior.active, tf.float32),
        }
        for i in range(len(self.config.lagrangian.cost_budget)):
            metrics[f"real_cost_{i}"] = tf.reduce_mean(batch.cost[..., i])
            metrics[f"imagined_cost_{i}"] = tf.reduce_mean(imagined.costs[..., i])
        for i, bound in enumerate(safety):
            metrics[f"safety_bound_{i}"] = tf.reduce_mean(bound.values)
            metrics[f"safety_critic_loss_{i}"] = bound.critic_loss
            metrics[f"multiplier_{i}"] = self.lagrangian.multiplier[i]
        return metrics


def _numbers(metrics: dict[str, tf.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
