"""The policy and the critics, with the critics' shadow copies (Section 4.1)."""

import math

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from la_mbda import networks
from la_mbda.settings import BehaviourConfig

tfd, tfb = tfp.distributions, tfp.bijectors


class Actor(tf.Module):
    """A tanh-squashed Normal policy π(a | features)."""

    def __init__(
        self, config: BehaviourConfig, features: int, actions: int, seed: int, precision: str
    ):
        """Args: precision: of products, as `networks.cast` takes it."""
        super().__init__(name="actor")
        self._precision = precision
        initializer = networks.Initializer(np.random.default_rng(seed))
        self.weights = initializer.mlp(
            features, config.actor_units, config.actor_layers, 2 * actions
        )
        # softplus(raw + this) is the configured standard deviation at raw = 0.
        self._raw_std = math.log(math.expm1(config.actor_initial_std))
        self._minimum_std, self._mean_bound = config.actor_minimum_std, config.actor_mean_bound
        self.optimizer = keras.optimizers.Adam(
            config.actor_learning_rate,
            epsilon=config.adam_epsilon,
            global_clipnorm=config.actor_clip,
        )
        self.optimizer.build(tf.nest.flatten(self.weights))

    def sample(self, features: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Reparameterised actions `[…, actions]` for standard normal noise of that shape."""
        mean, std = self._parameters(features)
        return tf.tanh(mean + std * noise)

    def mode(self, features: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Return the most likely of some samples.

        The density of a wide squashed Normal peaks at the bounds, so it has no useful closed form.

        Args:
            features: `[batch, features]`.
            noise: standard normal `[samples, 1, actions]`, the same at each call.

        Returns:
            Actions `[batch, actions]`.
        """
        mean, std = self._parameters(features)
        unsquashed = mean + std * noise
        log_probs = log_probability(mean, std, unsquashed)
        best = tf.argmax(log_probs, 0, output_type=tf.int32)
        rows = tf.stack([best, tf.range(tf.shape(best)[0])], -1)
        return tf.tanh(tf.gather_nd(unsquashed, rows))

    def update(self, tape: tf.GradientTape, loss: tf.Tensor) -> tf.Tensor:
        """Make one optimiser step down a loss; return the gradient's global norm."""
        variables = tf.nest.flatten(self.weights)
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply(gradients, variables)
        return tf.linalg.global_norm(gradients)

    def _parameters(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        weights = networks.cast(self.weights, self._precision)
        raw_mean, raw_std = tf.split(networks.mlp(weights, features), 2, -1)
        mean = self._mean_bound * tf.tanh(raw_mean / self._mean_bound)
        return mean, tf.nn.softplus(raw_std + self._raw_std) + self._minimum_std


def log_probability(mean: tf.Tensor, std: tf.Tensor, unsquashed: tf.Tensor) -> tf.Tensor:
    """Return the log-density `[…]` of the action tanh(unsquashed), summed over its dimensions."""
    log_probs = tfd.Normal(mean, std).log_prob(unsquashed)
    return tf.reduce_sum(log_probs - tfb.Tanh().forward_log_det_jacobian(unsquashed), -1)


class Critic(tf.Module):
    """A value function v(features) and its shadow: a delayed copy that makes its targets."""

    def __init__(
        self,
        config: BehaviourConfig,
        features: int,
        learning_rate: float,
        clip: float,
        seed: int,
        name: str,
        precision: str,
    ):
        super().__init__(name=name)
        self._precision = precision
        initializer = networks.Initializer(np.random.default_rng(seed))
        self.weights = initializer.mlp(features, config.critic_units, config.critic_layers, 1)
        self.shadow = tf.nest.map_structure(tf.Variable, self.weights)
        self.optimizer = keras.optimizers.Adam(
            learning_rate, epsilon=config.adam_epsilon, clipnorm=clip
        )
        self.optimizer.build(tf.nest.flatten(self.weights))

    def value(self, features: tf.Tensor) -> tf.Tensor:
        """Return values `[…]` of the live critic."""
        return self._evaluate(self.weights, features)

    def shadow_value(self, features: tf.Tensor) -> tf.Tensor:
        """Return values `[…]` of the shadow."""
        return self._evaluate(self.shadow, features)

    def _evaluate(self, weights: list[dict], features: tf.Tensor) -> tf.Tensor:
        return networks.mlp(networks.cast(weights, self._precision), features)[..., 0]

    def update(self, tape: tf.GradientTape, loss: tf.Tensor) -> tf.Tensor:
        """Make one optimiser step down a loss; return the gradient's global norm."""
        variables = tf.nest.flatten(self.weights)
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply(gradients, variables)
        return tf.linalg.global_norm(gradients)

    def copy_to_shadow(self) -> None:
        """Make the shadow equal to the live critic."""
        pairs = zip(tf.nest.flatten(self.shadow), tf.nest.flatten(self.weights), strict=True)
        for shadow, live in pairs:
            shadow.assign(live)
