"""The Recurrent State Space Model (Hafner et al. 2019; Section 3.1): beliefs and their steps.

A belief is a stochastic part z and a deterministic part h. The *prior* step moves a belief by an
action alone; the *posterior* step then corrects z by what was observed.
"""

from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from la_mbda import networks
from la_mbda.settings import WorldModelConfig

MINIMUM_STD = 0.1


class Belief(NamedTuple):
    """What the agent knows of the state: z `[…, stochastic]` and h `[…, deterministic]`."""

    stochastic: tf.Tensor
    deterministic: tf.Tensor

    @property
    def features(self) -> tf.Tensor:
        """concat(z, h), what all heads, the actor and the critics see."""
        return tf.concat(self, -1)


class DiagonalNormal(NamedTuple):
    """Mean and standard deviation of z, both `[…, stochastic]`."""

    mean: tf.Tensor
    std: tf.Tensor

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """Return the reparameterised sample for this standard normal noise."""
        return self.mean + self.std * noise

    def distribution(self, stop_gradient: bool = False) -> tfd.Distribution:
        """Return the distribution over vectors z."""
        mean, std = map(tf.stop_gradient, self) if stop_gradient else self
        return tfd.MultivariateNormalDiag(mean, std)


class Inference(NamedTuple):
    """Beliefs of sequences `[batch, time, …]` with the posteriors and priors of their z."""

    beliefs: Belief
    posterior: DiagonalNormal
    prior: DiagonalNormal


def initial_weights(
    initializer: networks.Initializer, config: WorldModelConfig, embedding: int, actions: int
) -> dict:
    """Return weights of the prior step (recurrent cell and prior) and of the posterior."""
    z, h, units = config.stochastic_size, config.deterministic_size, config.rssm_units
    return {
        "prior": {
            "input": initializer.dense(actions + z, units),
            "gru": initializer.gru(units, h),
            "hidden": initializer.dense(h, units),
            "statistics": initializer.dense(units, 2 * z),
        },
        "posterior": {
            "hidden": initializer.dense(h + embedding, units),
            "statistics": initializer.dense(units, 2 * z),
        },
    }


def initial_belief(config: WorldModelConfig, batch: int) -> Belief:
    """Return the zero belief before the first step of a sequence."""
    return Belief(
        tf.zeros([batch, config.stochastic_size]), tf.zeros([batch, config.deterministic_size])
    )


def prior_step(prior: dict, belief: Belief, action: tf.Tensor) -> tf.Tensor:
    """Return the next deterministic part h `[…, deterministic]` after an action `[…, actions]`."""
    inputs = tf.concat([action, belief.stochastic], -1)
    x = tf.nn.elu(networks.dense(prior["input"], inputs))
    return networks.gru(prior["gru"], x, belief.deterministic)


def prior_distribution(prior: dict, deterministic: tf.Tensor) -> DiagonalNormal:
    """Return the prior of z given h."""
    hidden = tf.nn.elu(networks.dense(prior["hidden"], deterministic))
    return _statistics(prior, hidden)


def imagine_step(prior: dict, belief: Belief, action: tf.Tensor, noise: tf.Tensor) -> Belief:
    """Return the next belief under the prior alone, sampled with this noise `[…, stochastic]`."""
    deterministic = prior_step(prior, belief, action)
    return Belief(prior_distribution(prior, deterministic).sample(noise), deterministic)


def observe_step(
    weights: dict, belief: Belief, action: tf.Tensor, projected: tf.Tensor, noise: tf.Tensor
) -> tuple[Belief, DiagonalNormal]:
    """Infer the next belief from an action and an observation; return its posterior too.

    Args:
        projected: the observation as `project` gives it, `[batch, units]`.
    """
    deterministic = prior_step(weights["prior"], belief, action)
    posterior = weights["posterior"]
    kernel = posterior["hidden"]["kernel"][: deterministic.shape[-1]]
    product = tf.matmul(tf.cast(deterministic, kernel.dtype), kernel)
    hidden = tf.nn.elu(tf.cast(product, tf.float32) + projected)
    distribution = _statistics(posterior, hidden)
    return Belief(distribution.sample(noise), deterministic), distribution


def project(weights: dict, embeddings: tf.Tensor) -> tf.Tensor:
    """Return what the embeddings `[…, embedding]` add to the posterior's hidden layer.

    It does not depend on the belief, so a sequence takes one product instead of one per step.
    """
    layer = weights["posterior"]["hidden"]
    kernel = layer["kernel"][-embeddings.shape[-1] :]
    flat = tf.reshape(embeddings, [-1, embeddings.shape[-1]])
    # Not `networks.dense`: TensorFlow 2.21 fails to fuse its bias with the sum in `observe_step`,
    # and then leaves the whole function as it is.
    projected = tf.matmul(tf.cast(flat, kernel.dtype), kernel) + layer["bias"]
    shape = [*embeddings.shape[:-1], projected.shape[-1]]
    return tf.reshape(tf.cast(projected, tf.float32), shape)


def observe(
    weights: dict,
    start: Belief,
    actions: tf.Tensor,
    embeddings: tf.Tensor,
    noise: tf.Tensor,
    first: tf.Tensor | None = None,
) -> Inference:
    """Infer the beliefs of sequences.

    Args:
        start: beliefs `[batch, …]` before the first step.
        actions: `[batch, time, actions]`, each the action that led to the observation.
        embeddings: `[batch, time, embedding]`.
        noise: standard normal `[batch, time, stochastic]`.
        first: `[batch, time]` bool, before which steps the belief is that of the start again.
    """
    inputs = (actions, project(weights, embeddings), noise)
    steps = zip(*(tf.unstack(x, axis=1) for x in inputs), strict=True)
    belief, beliefs, posteriors = start, [], []
    for time, step in enumerate(steps):
        if first is not None:
            pairs = zip(start, belief, strict=True)
            belief = Belief(*(tf.where(first[:, time, None], new, old) for new, old in pairs))
        belief, posterior = observe_step(weights, belief, *step)
        beliefs.append(belief)
        posteriors.append(posterior)
    stacked = Belief(*(tf.stack(part, 1) for part in zip(*beliefs, strict=True)))
    posterior = DiagonalNormal(*(tf.stack(part, 1) for part in zip(*posteriors, strict=True)))
    prior = prior_distribution(weights["prior"], stacked.deterministic)
    return Inference(stacked, posterior, prior)


def balanced_kl(
    posterior: DiagonalNormal, prior: DiagonalNormal, free_nats: float, mix: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """KL balancing (Hafner et al. 2021): the loss, and the plain mean KL in nats.

    `mix` of the loss trains the prior towards the posterior and the rest the posterior towards the
    prior; both are held at `free_nats`, which is compared with the mean over batch and time.
    """
    towards_prior = tf.reduce_mean(
        tfd.kl_divergence(posterior.distribution(), prior.distribution(stop_gradient=True))
    )
    towards_posterior = tf.reduce_mean(
        tfd.kl_divergence(posterior.distribution(stop_gradient=True), prior.distribution())
    )
    loss = (1.0 - mix) * tf.maximum(towards_prior, free_nats)
    loss += mix * tf.maximum(towards_posterior, free_nats)
    return loss, towards_posterior


def _statistics(weights: dict, hidden: tf.Tensor) -> DiagonalNormal:
    mean, raw = tf.split(networks.dense(weights["statistics"], hidden), 2, -1)
    return DiagonalNormal(mean, tf.nn.softplus(raw) + MINIMUM_STD)
