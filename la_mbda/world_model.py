"""The world model: an RSSM with heads for what is observed, rewarded, unsafe and terminal.

Section 3.1 of the paper; the loss is the negative evidence lower bound of Hafner et al. (2019).
"""

import math

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from la_mbda import networks, rssm
from la_mbda.config import Config
from la_mbda.posterior import Posterior
from la_mbda.randomness import Noise
from la_mbda.replay import Episode, Sequences
from la_mbda.running_statistics import CostScale, Normalizer

tfd = tfp.distributions


class WorldModel(tf.Module):
    """Weights, loss and optimiser step of the model p(o, r, c, d | beliefs)."""

    def __init__(self, config: Config, observation_shape: tuple[int, ...], actions: int, seed: int):
        super().__init__(name="world_model")
        self._config = config.model
        self._precision = config.compute.precision
        self._image = len(observation_shape) == 3
        self._constraints = len(config.lagrangian.cost_budget)
        self.normalizer = None if self._image else Normalizer(observation_shape[0])
        self.cost_scale = CostScale(self._constraints, config.training.action_repeat)
        initializer = networks.Initializer(np.random.default_rng(seed))
        self.weights = self._initial_weights(initializer, observation_shape, actions)
        self._adam_epsilon = config.behaviour.adam_epsilon

    def _initial_weights(self, initializer, observation_shape, actions: int) -> dict:
        config = self._config
        features = config.stochastic_size + config.deterministic_size
        if self._image:
            channels = observation_shape[2]
            encoder = initializer.image_encoder(config.image_channels, channels)
            decoder = initializer.image_decoder(features, config.image_channels, channels)
            embedding = 32 * config.image_channels
        else:
            (size,), units = observation_shape, config.vector_units
            encoder = initializer.mlp(size, units, config.vector_layers - 1, units)
            decoder = initializer.mlp(features, units, config.vector_layers, size)
            embedding = units

        def head():
            return initializer.mlp(features, config.head_units, config.head_layers, 1)

        weights = {
            "encoder": encoder,
            "decoder": decoder,
            "rssm": rssm.initial_weights(initializer, config, embedding, actions),
            "reward": head(),
            "cost": [head() for _ in range(self._constraints)],
        }
        if config.terminal_head:
            weights["terminal"] = head()
        return weights

    @property
    def imagination_weights(self) -> dict:
        """The weights that imagining uses: all that has to be drawn from the posterior."""
        names = ("reward", "cost", "terminal") if self._config.terminal_head else ("reward", "cost")
        return {"prior": self.weights["rssm"]["prior"]} | {k: self.weights[k] for k in names}

    @property
    def cast_weights(self) -> dict:
        """The weights in the type of products; what computes takes these."""
        return self.cast(self.weights)

    def cast(self, weights: dict) -> dict:
        """Any weights, those of samples too, in the type of products."""
        return networks.cast(weights, self._precision)

    def learn_with(self, posterior: Posterior) -> None:
        """Make the optimiser, whose steps the posterior follows, before the first update."""
        self._after_step = posterior.on_step
        self.optimizer = keras.optimizers.Adam(
            posterior.learning_rate(self._config),
            epsilon=self._adam_epsilon,
            global_clipnorm=self._config.model_clip,
        )
        self.optimizer.build(tf.nest.flatten(self.weights))

    def encode(self, observations: tf.Tensor) -> tf.Tensor:
        """Return embeddings `[batch, embedding]` of observations `[batch, …]`."""
        x = self._preprocess(observations)
        if self._image:
            return networks.encode_image(self.cast_weights["encoder"], x)
        return tf.nn.elu(networks.mlp(self.cast_weights["encoder"], x))

    def decode(self, features: tf.Tensor) -> tf.Tensor:
        """Mean observations `[batch, …]` in the model's units (images: x/255 − 0.5)."""
        decoder = self.cast_weights["decoder"]
        return (networks.decode_image if self._image else networks.mlp)(decoder, features)

    def reward(self, weights: dict, features: tf.Tensor) -> tf.Tensor:
        """Predicted rewards `[…]`; weights as from `imagination_weights` or a sample of them."""
        return self._config.reward_std * networks.mlp(weights["reward"], features)[..., 0]

    def unsafe_probability(self, weights: dict, features: tf.Tensor) -> tf.Tensor:
        """Predicted probability `[…, constraints]` that a decision costs anything.

        With weight w on unsafe states a perfect head says q = w p / (1 + (w − 1) p) for a true p;
        `calibrate_cost` inverts that. The published method does not.
        """
        q = tf.sigmoid(self._cost_logits(weights, features))
        weight = self._config.cost_weight
        return q / (weight - (weight - 1.0) * q) if self._config.calibrate_cost else q

    def cost(self, weights: dict, features: tf.Tensor) -> tf.Tensor:
        """Predicted costs of decisions `[…, constraints]`."""
        return self.unsafe_probability(weights, features) * self.cost_scale()

    def terminal(self, weights: dict, features: tf.Tensor) -> tf.Tensor:
        """Predicted probability `[…]` of a terminal state; 0 without a terminal head."""
        if not self._config.terminal_head:
            return tf.zeros(tf.shape(features)[:-1])
        return tf.sigmoid(networks.mlp(weights["terminal"], features)[..., 0])

    def infer(self, batch: Sequences, noise: Noise) -> tuple[rssm.Inference, tf.Tensor]:
        """Infer beliefs of a batch of sequences, from the zero belief; return the targets too."""
        batch_size, length = batch.reward.shape
        flat = tf.reshape(batch.observation, [-1, *batch.observation.shape[2:]])
        embeddings = tf.reshape(self.encode(flat), [batch_size, length, -1])
        start = rssm.initial_belief(self._config, batch_size)
        normals = noise.normal(batch_size, length, self._config.stochastic_size)
        weights = self.cast_weights["rssm"]
        inference = rssm.observe(weights, start, batch.action, embeddings, normals, batch.first)
        return inference, self._preprocess(flat)

    def loss(self, batch: Sequences, noise: Noise) -> tuple[tf.Tensor, rssm.Belief, dict]:
        """Negative evidence lower bound (mean over batch and time), beliefs and metrics."""
        config, weights = self._config, self.cast_weights
        inference, targets = self.infer(batch, noise)
        features = inference.beliefs.features
        kl_loss, kl = rssm.balanced_kl(
            inference.posterior, inference.prior, config.free_nats, config.kl_mix
        )
        losses = {
            "observation_loss": self._observation_loss(features, targets),
            "reward_loss": self._reward_loss(weights, features, batch.reward),
            "cost_loss": self._cost_loss(weights, features, batch.cost),
        }
        if config.terminal_head:
            logits = networks.mlp(weights["terminal"], features)[..., 0]
            losses["terminal_loss"] = -tf.reduce_mean(
                tfd.Bernoulli(logits).log_prob(batch.terminal)
            )
        loss = config.kl_scale * kl_loss + tf.add_n(list(losses.values()))
        return loss, inference.beliefs, {"model_loss": loss, "kl": kl, **losses}

    def update(self, batch: Sequences, noise: Noise) -> tuple[rssm.Belief, dict]:
        """Make one optimiser step, which the posterior is told of.

        Returns:
            The beliefs `[batch, time, …]` of the forward pass, gradients stopped, and metrics.
        """
        variables = tf.nest.flatten(self.weights)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss, beliefs, metrics = self.loss(batch, noise)
        gradients = tape.gradient(loss, variables)
        metrics["model_gradient_norm"] = tf.linalg.global_norm(gradients)
        self.optimizer.apply(gradients, variables)
        self._after_step()
        return rssm.Belief(*map(tf.stop_gradient, beliefs)), metrics

    def take_statistics(self, episode: Episode) -> None:
        """Update the running statistics with a new episode."""
        self.cost_scale.update(episode.cost)
        if self.normalizer is not None:
            self.normalizer.update(episode.observation)

    def _preprocess(self, observations: tf.Tensor) -> tf.Tensor:
        x = tf.cast(observations, tf.float32)
        return x / 255.0 - 0.5 if self.normalizer is None else self.normalizer(x)

    def _observation_loss(self, features: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(features, [-1, features.shape[-1]])
        return _normal_loss(self.decode(flat), targets, batch_axes=1)

    def _reward_loss(self, weights: dict, features: tf.Tensor, rewards: tf.Tensor) -> tf.Tensor:
        return _normal_loss(
            self.reward(weights, features), rewards, batch_axes=2, std=self._config.reward_std
        )

    def _cost_logits(self, weights: dict, features: tf.Tensor) -> tf.Tensor:
        return tf.concat([networks.mlp(head, features) for head in weights["cost"]], -1)

    def _cost_loss(self, model_weights: dict, features: tf.Tensor, costs: tf.Tensor) -> tf.Tensor:
        """Weighted Bernoulli loss of "unsafe", summed over constraints."""
        unsafe = tf.cast(costs > 0.0, tf.float32)
        weights = 1.0 + (self._config.cost_weight - 1.0) * unsafe
        log_prob = tfd.Bernoulli(self._cost_logits(model_weights, features)).log_prob(unsafe)
        return -tf.reduce_mean(tf.reduce_sum(weights * log_prob, -1))


def _normal_loss(
    means: tf.Tensor, targets: tf.Tensor, batch_axes: int, std: float = 1.0
) -> tf.Tensor:
    """−log Normal(target; mean, std), summed over all but the batch axes, mean over those."""
    squares = tf.reduce_sum(tf.math.squared_difference(means, targets))
    batch = math.prod(means.shape[:batch_axes])
    size = means.shape.num_elements() / batch
    return 0.5 * squares / (std**2 * batch) + 0.5 * size * math.log(2.0 * math.pi * std**2)
