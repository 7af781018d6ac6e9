"""Floating-point operations of an update or a plan, from shapes (a multiply-add is two).

A layer that is trained costs three times its forward product (forward, gradient of inputs, gradient
of weights), one that only passes gradients on costs two. Element-wise work is not counted.
"""

from itertools import pairwise

from la_mbda.config import Config
from la_mbda.networks import DECODER_KERNELS, ENCODER_KERNEL


def count(config: Config, actions: int) -> dict[str, float]:
    """GFLOP of each part of an update from 64x64 images."""
    model, behaviour = config.model, config.behaviour
    frames = config.training.batch_size * config.training.sequence_length
    trajectories = frames * behaviour.horizon
    imagined = trajectories * config.swag.posterior_samples
    features = model.stochastic_size + model.deterministic_size
    constraints = len(config.lagrangian.cost_budget)
    critics = 1 + (constraints if config.algorithm != "unsafe_lambda" else 0)

    encoder = _encoder(model.image_channels)
    head = _mlp(features, model.head_units, model.head_layers, 1)
    heads = (1 + constraints + model.terminal_head) * head
    prior, posterior = _rssm(config, actions)
    autoencoder = sum(encoder) + _decoder(features, model.image_channels)
    actor = _mlp(features, behaviour.actor_units, behaviour.actor_layers, 2 * actions)
    critic = _mlp(features, behaviour.critic_units, behaviour.critic_layers, 1)
    # No gradient of the images, nor of the features that the policy is conditioned on.
    unneeded = frames * encoder[0] + imagined * 2 * features * behaviour.actor_units
    flop = {
        "world_model": frames * 3 * (autoencoder + prior + posterior + heads),
        "imagination_and_actor": imagined * (3 * actor + 2 * prior + 2 * heads) - unneeded,
        # On all samples to choose one; on the chosen one live, with both gradients, and the shadow.
        "critics": critics * critic * (imagined + (3 + 1) * trajectories),
    }
    return {name: value / 1e9 for name, value in flop.items()}


def count_plan(config: Config, actions: int, iterations: int) -> float:
    """GFLOP of CEM-MPC's search for one environment: the dynamics, the reward and the costs."""
    model, planner = config.model, config.planner
    features = model.stochastic_size + model.deterministic_size
    head = _mlp(features, model.head_units, model.head_layers, 1)
    prior, _ = _rssm(config, actions)
    imagined = planner.candidates * planner.planner_horizon * config.swag.posterior_samples
    step = prior + (1 + len(config.lagrangian.cost_budget)) * head
    return iterations * imagined * step / 1e9


def _mlp(inputs: int, units: int, layers: int, outputs: int) -> int:
    return 2 * sum(a * b for a, b in pairwise([inputs, *[units] * layers, outputs]))


def _rssm(config: Config, actions: int) -> tuple[int, int]:
    """Of the prior step and of what the posterior adds."""
    model = config.model
    z, h, units = model.stochastic_size, model.deterministic_size, model.rssm_units
    statistics = units * 2 * z
    prior = (actions + z) * units + 3 * h * (units + h) + h * units + statistics
    return 2 * prior, 2 * ((h + 32 * model.image_channels) * units + statistics)


def _encoder(channels: int) -> list[int]:
    sizes = [3, *(channels * 2**i for i in range(4))]
    widths = (31, 14, 6, 2)
    kernel = ENCODER_KERNEL**2
    return [2 * kernel * a * b * w**2 for (a, b), w in zip(pairwise(sizes), widths, strict=True)]


def _decoder(features: int, channels: int) -> int:
    sizes = [32 * channels, 4 * channels, 2 * channels, channels, 3]
    widths = (1, 5, 13, 30)
    layers = zip(DECODER_KERNELS, pairwise(sizes), widths, strict=True)
    transposed = sum(2 * kernel**2 * a * b * width**2 for kernel, (a, b), width in layers)
    return 2 * features * 32 * channels + transposed
