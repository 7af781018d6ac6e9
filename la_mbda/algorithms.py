"""Every algorithm by its name: what it is called, its agent, and what trains it.

Classes are named as `module:Class` and loaded when they are needed, as TensorFlow takes seconds.
"""

from dataclasses import dataclass
from reprlib import repr as short
from typing import TYPE_CHECKING

import gymnasium

from la_mbda import references, validation
from la_mbda.errors import ExpectedError
from la_mbda.spaces import action_count, observation_shape

if TYPE_CHECKING:
    from la_mbda.baselines.agent import BaselineAgent
    from la_mbda.config import Config
    from la_mbda.model_based import ModelBasedAgent


@dataclass(frozen=True)
class Algorithm:
    """One algorithm."""

    display_name: str
    agent: str
    """Its class, made from the configuration, the shape of observations and the number of
    actions."""
    trainer: str = "la_mbda.training:Trainer"
    """The class of its outer loop, made from the configuration and the run's folder."""
    model_free: bool = False
    """Whether it is a baseline that learns from whole epochs of vectors, without a model."""


def _baseline(display_name: str) -> Algorithm:
    agent, trainer = "la_mbda.baselines.agent:BaselineAgent", "la_mbda.baselines.training"
    return Algorithm(display_name, agent, f"{trainer}:BaselineTrainer", model_free=True)


ALGORITHMS = {
    "lambda": Algorithm("LAMBDA", "la_mbda.agent:Agent"),
    "unsafe_lambda": Algorithm("Unsafe LAMBDA", "la_mbda.agent:Agent"),
    "greedy_lambda": Algorithm("Greedy LAMBDA", "la_mbda.agent:Agent"),
    "cem_mpc": Algorithm("CEM-MPC", "la_mbda.cem_mpc:CemMpcAgent"),
    "ppo": _baseline("PPO"),
    "ppo_lagrangian": _baseline("PPO-Lagrangian"),
    "trpo_lagrangian": _baseline("TRPO-Lagrangian"),
    "cpo": _baseline("CPO"),
}


def find(name: str) -> Algorithm:
    """Find a registered algorithm, or one's own, named by its agent as `my_package.mine:MyAgent`.

    One's own is trained as LAMBDA is: its agent derives from `Agent` or `ModelBasedAgent`.

    Raises:
        ValueError: there is none of that name.
    """
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    if not references.is_reference(name):
        validation.choose("algorithm", name, (*ALGORITHMS, "my_package.module:Agent"))
    return Algorithm(name.partition(":")[2], name)


def agent_class(name: str) -> "type[ModelBasedAgent | BaselineAgent]":
    """Load the class of an algorithm's agent, and TensorFlow with it.

    Raises:
        ValueError: there is none of that name, or it is no agent.
    """
    found = references.load("algorithm", find(name).agent)
    if name not in ALGORITHMS:
        from la_mbda.model_based import ModelBasedAgent

        if not (isinstance(found, type) and issubclass(found, ModelBasedAgent)):
            raise ExpectedError(
                f"algorithm {name} is {short(found)}: name a class derived from Agent or "
                "ModelBasedAgent, see CONTRIBUTING.md"
            )
    return found


def make_agent(config: "Config", env: gymnasium.Env) -> "ModelBasedAgent | BaselineAgent":
    """Make a new agent of the config's algorithm for the spaces of an environment."""
    kind = agent_class(config.algorithm)
    return kind(config, observation_shape(env), action_count(env))
