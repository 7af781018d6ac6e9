"""Ranges of the settings, and what must fit together; errors name the value and the fix."""

import difflib
import math
from collections.abc import Iterable

from la_mbda.errors import ExpectedError

# By which an upper bound chooses among the posterior's draws.
BOUND_RULES = ("values", "critic")


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean {close[0]!r}?" if close else f": choose one of {', '.join(known)}"


def choose(name: str, value: str, choices: Iterable[str]) -> None:
    """Raises a ValueError if the value is not one of the choices."""
    if value not in choices:
        raise ExpectedError(f"unknown {name} {value!r}{suggest(str(value), choices)}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_POSITIVE_INTEGERS = _names(
    """
    deterministic_size stochastic_size rssm_units image_channels vector_units vector_layers
    head_units head_layers posterior_samples swag_period swag_models actor_units actor_layers
    actor_mode_samples critic_units critic_layers shadow_interval env_steps updates_per_iteration
    steps_per_iteration batch_size sequence_length action_repeat episode_steps evaluate_every
    evaluation_episodes checkpoint_every replay_capacity epoch_steps baseline_units
    baseline_layers value_steps policy_steps conjugate_gradient_steps backtracks planner_horizon
    candidates planner_iterations elites
    """
)
_POSITIVE = _names(
    """
    kl_scale cost_weight model_learning_rate model_clip actor_initial_std actor_learning_rate
    actor_clip task_critic_learning_rate task_critic_clip safety_critic_learning_rate
    safety_critic_clip adam_epsilon initial_penalty value_learning_rate policy_learning_rate
    clip_ratio target_kl initial_cost_penalty cost_penalty_learning_rate backtrack
    """
)
_NOT_NEGATIVE = _names(
    """
    free_nats swag_burn_in swag_scale initial_multiplier penalty_growth random_steps
    pretraining_updates kl_margin damping planner_stop_std final_episodes
    """
)
_FRACTIONS = _names(
    """
    kl_mix swag_decay discount return_lambda cost_discount cost_return_lambda advantage_discount
    advantage_lambda backtrack
    """
)


def check_ranges(values: dict) -> None:
    """Raises a ValueError if any value, by field name, is out of its range."""
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ExpectedError(f"{name} is {value}: choose a finite number")
    for name in _POSITIVE_INTEGERS:
        if values[name] < 1:
            raise ExpectedError(f"{name} is {values[name]}: choose 1 or more")
    for name in _POSITIVE:
        if values[name] <= 0:
            raise ExpectedError(f"{name} is {values[name]}: choose more than 0")
    for name in _NOT_NEGATIVE:
        if values[name] < 0:
            raise ExpectedError(f"{name} is {values[name]}: choose 0 or more")
    for name in _FRACTIONS:
        if not 0 <= values[name] <= 1:
            raise ExpectedError(f"{name} is {values[name]}: choose a value from 0 to 1")
    if values["horizon"] < 2:
        raise ExpectedError(
            f"horizon is {values['horizon']}: choose 2 or more (the last state only bootstraps)"
        )
    if values["swag_models"] < 2:
        raise ExpectedError(f"swag_models is {values['swag_models']}: choose 2 or more")
    if values["final_episodes"] == 1:
        raise ExpectedError(
            "final_episodes is 1: choose 0, or 2 or more (one alone has no standard error)"
        )
    if values["elites"] > values["candidates"]:
        raise ExpectedError(
            f"elites is {values['elites']}: choose candidates ({values['candidates']}) or fewer"
        )
    if values["cyclic_factor"] < 1:
        raise ExpectedError(f"cyclic_factor is {values['cyclic_factor']}: choose 1 or more")
    if not values["cost_budget"] or not all(0 <= d < math.inf for d in values["cost_budget"]):
        raise ExpectedError(
            f"cost_budget is {values['cost_budget']}: give one number of 0 or more per constraint"
        )
    choose("bound_by", values["bound_by"], BOUND_RULES)
    choose("observation", values["observation"], ("vision", "lidar"))
    choose("compile", values["compile"], ("none", "xla"))
    choose("precision", values["precision"], ("float32", "bfloat16"))


def check_model_based(values: dict) -> None:
    """Raises a ValueError if values do not fit each other, for an agent with a world model."""
    _check_episode(values)
    decisions = values["episode_steps"] // values["action_repeat"]
    if values["sequence_length"] > decisions + 1:
        raise ExpectedError(
            f"sequence_length is {values['sequence_length']}, but an episode has only "
            f"{decisions + 1} steps: choose that or fewer"
        )
    if values["offline_dataset"] is None and values["random_steps"] < values["episode_steps"]:
        raise ExpectedError(
            f"random_steps is {values['random_steps']}: choose at least one episode "
            f"({values['episode_steps']}), or give an offline_dataset"
        )
    if values["replay_capacity"] < values["episode_steps"]:
        raise ExpectedError(
            f"replay_capacity is {values['replay_capacity']}: choose at least one episode "
            f"({values['episode_steps']})"
        )
    if values["offline_dataset"] is None and values["env_steps"] < values["random_steps"]:
        raise ExpectedError(
            f"env_steps is {values['env_steps']}: choose at least random_steps "
            f"({values['random_steps']})"
        )


def check_baseline(values: dict) -> None:
    """Raises a ValueError if values do not fit each other, for a model-free baseline."""
    _check_episode(values)
    if values["epoch_steps"] % values["episode_steps"]:
        raise ExpectedError(
            f"epoch_steps is {values['epoch_steps']}: choose a multiple of episode_steps "
            f"({values['episode_steps']})"
        )
    if values["env_steps"] < values["epoch_steps"]:
        raise ExpectedError(
            f"env_steps is {values['env_steps']}: choose at least one epoch "
            f"({values['epoch_steps']})"
        )
    if values["observation"] != "lidar":
        raise ExpectedError(
            f"observation is {values['observation']}, but {values['algorithm']} learns from "
            "vectors: choose lidar"
        )
    if len(values["cost_budget"]) != 1:
        raise ExpectedError(
            f"cost_budget is {values['cost_budget']}, but {values['algorithm']} knows one "
            "constraint: give one number"
        )


def _check_episode(values: dict) -> None:
    if values["episode_steps"] % values["action_repeat"]:
        raise ExpectedError(
            f"episode_steps is {values['episode_steps']}: choose a multiple of action_repeat "
            f"({values['action_repeat']})"
        )
