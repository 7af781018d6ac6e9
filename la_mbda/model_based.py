"""What LAMBDA and CEM-MPC share: a memory, a Bayesian world model, and acting on its beliefs."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from la_mbda import rssm
from la_mbda.config import Config
from la_mbda.errors import ExpectedError
from la_mbda.posterior import Posterior
from la_mbda.randomness import Noise, derive_seed
from la_mbda.replay import Episode, Replay, Sequences
from la_mbda.swag import Swag
from la_mbda.world_model import WorldModel


class PolicyState(NamedTuple):
    """What acting carries from one decision to the next, for a batch of environments."""

    belief: rssm.Belief
    action: tf.Tensor


class ModelBasedAgent(tf.Module):
    """Remembers episodes, learns a world model and its posterior from them, and filters beliefs.

    How to decide and what else to learn is up to the subclasses: `decide` and `learn`.
    """

    def __init__(self, config: Config, observation_shape: tuple[int, ...], actions: int):
        super().__init__(name="agent")
        self.config = config
        self.actions = actions
        self.model = WorldModel(
            config, observation_shape, actions, self._seed("world model weights")
        )
        self.posterior = self.make_posterior()
        self.model.learn_with(self.posterior)
        self.acting_noise = Noise(self._seed("acting"), "acting_noise")
        self.evaluation_noise = Noise(self._seed("evaluation"), "evaluation_noise")
        self.update_noise = Noise(self._seed("updates"), "update_noise")
        training = config.training
        capacity = training.replay_capacity // training.action_repeat
        self.replay = Replay(training.sequence_length, capacity, self._seed("replay"))
        # Each is one program; all control flow in them is fixed when it is traced.
        xla = config.compute.compile == "xla"
        self._act, self.learn_model, self.learn = (
            tf.function(method, jit_compile=xla, autograph=False)
            for method in (self._act, self.learn_model, self.learn)
        )

    def make_posterior(self) -> Posterior:
        """Return the posterior over the weights that imagining uses."""
        return Swag(self.model.imagination_weights, self.config.swag)

    def _seed(self, name: str) -> int:
        return derive_seed(self.config.seed, name)

    @property
    def learnt(self) -> tf.Module:
        """The weights that acting and imagining use: no optimiser, no posterior, no memory."""
        learnt = tf.Module(name="learnt")
        learnt.model = self.model.weights
        learnt.statistics = [self.model.normalizer, self.model.cost_scale]
        return learnt

    @property
    def changed_by_acting(self) -> list[tf.Variable]:
        """The variables that acting changes."""
        return [self.acting_noise.draws, self.evaluation_noise.draws]

    # Acting

    def initial_state(self, environments: int) -> PolicyState:
        """Return the state at the start of episodes."""
        belief = rssm.initial_belief(self.config.model, environments)
        return PolicyState(belief, tf.zeros([environments, self.actions]))

    def act(
        self, observations: np.ndarray, state: PolicyState, explore: bool
    ) -> tuple[np.ndarray, PolicyState]:
        """Infer the belief and decide.

        Args:
            observations: `[environments, …]`.
            explore: decide as in training or as in evaluation. The two draw on separate noise, so
                that evaluating leaves training untouched.

        Returns:
            Actions `[environments, actions]` in [-1, 1] and the next state.

        Raises:
            ValueError: an action is not finite.
        """
        action, state = self._act(tf.constant(observations), state, explore=explore)
        action = action.numpy()
        if not np.isfinite(action).all():
            raise ExpectedError(f"the policy's action is {action}: its weights are broken")
        return action, state

    def _act(self, observations: tf.Tensor, state: PolicyState, explore: bool):
        noise = self.acting_noise if explore else self.evaluation_noise
        belief = self._infer(observations, state, noise)
        action = self.decide(belief, noise, explore)
        return action, PolicyState(belief, action)

    def _infer(self, observations, state: PolicyState, noise: Noise) -> rssm.Belief:
        weights = self.model.cast_weights["rssm"]
        projected = rssm.project(weights, self.model.encode(observations))
        normals = noise.normal(*state.belief.stochastic.shape)
        belief, _ = rssm.observe_step(weights, state.belief, state.action, projected, normals)
        return belief

    def decide(self, belief: rssm.Belief, noise: Noise, explore: bool) -> tf.Tensor:
        """Actions `[environments, actions]` for beliefs `[environments, …]`."""
        raise NotImplementedError

    # Observing

    def observe(self, episode: Episode) -> None:
        """Store a finished episode and take it into the running statistics."""
        self.replay.add(episode)
        self.model.take_statistics(episode)

    # Updating

    def pretrain(self) -> dict[str, float]:
        """Update the world model alone; return its metrics."""
        return _numbers(self.learn_model(self._sample()))

    def update(self) -> dict[str, float]:
        """Update everything; return metrics."""
        return _numbers(self.learn(self._sample()))

    def sample_models(self, noise: Noise) -> dict:
        """Return θ_j ~ p(θ | D), j = 1 … N, on a leading axis."""
        return self.model.cast(self.posterior.sample(self.config.swag.posterior_samples, noise))

    def _sample(self) -> Sequences:
        batch = self.replay.sample(self.config.training.batch_size)
        return Sequences._make(None if part is None else tf.constant(part) for part in batch)

    def learn_model(self, batch: Sequences) -> dict:
        _, metrics = self.model.update(batch, self.update_noise)
        return metrics

    def learn(self, batch: Sequences) -> dict:
        """Update everything from a batch of sequences; return metrics."""
        raise NotImplementedError

    def _batch_metrics(self, batch: Sequences) -> dict:
        """Return what the batch really met, per decision, and whether samples differ yet."""
        metrics = {
            "real_reward": tf.reduce_mean(batch.reward),
            "posterior_active": tf.cast(self.posterior.active, tf.float32),
        }
        for i in range(len(self.config.lagrangian.cost_budget)):
            metrics[f"real_cost_{i}"] = tf.reduce_mean(batch.cost[..., i])
        return metrics


def _numbers(metrics: dict[str, tf.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
