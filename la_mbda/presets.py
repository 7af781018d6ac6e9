"""The presets: which settings each scale changes, for LAMBDA and for the baselines.

`paper` is the paper's scale (for a baseline its short run, read where it has reached LAMBDA's
budget), `paper_long` the baselines' long run; `cpu` is a reduced size meant to learn on two cores;
`quick` only shows that every stage works.
"""

import dataclasses
import math
import typing

import gymnasium

from la_mbda import algorithms, validation
from la_mbda.config import (
    BASELINES,
    EXTERNAL_TASK_PREFIX,
    GROUP_OF,
    GROUPS,
    PRESETS,
    SCORED_EPOCHS,
    Config,
    typed,
)
from la_mbda.errors import ExpectedError
from la_mbda.settings import BaselineConfig, Count, TrainingConfig

# The paper's budget in simulator steps; every other task has 1M (Section 5).
PAPER_BUDGET = {
    task: 2_000_000 for task in ("PointPush1", "PointButton1", "DoggoGoal1", "ObservablePointPush1")
}

# What make_config sets by the environment itself, where a task is one's own.
OWN_TASK_FIELDS = (
    "terminal_head",
    "reward_std",
    "episode_steps",
    "random_steps",
    "sequence_length",
    "epoch_steps",
)

# What each preset changes of the paper's settings, by field name.
_FIELDS: dict[str, dict[str, typing.Any]] = {
    "paper": {},
    "cpu": {
        "image_channels": 8,
        "head_units": 128,
        "vector_units": 128,
        "deterministic_size": 128,
        "rssm_units": 128,
        "actor_units": 128,
        "actor_layers": 3,
        "critic_units": 128,
        "critic_layers": 2,
        "horizon": 12,
        # Held for four steps, actions reach twice as far at the same price; the discounts keep the
        # paper's time scale, 100 and 200 control steps at its action repeat of two.
        "action_repeat": 4,
        "discount": 0.98,
        "cost_discount": 0.99,
        "terminal_head": False,
        "cost_weight": 10.0,
        "calibrate_cost": True,
        # A decision's reward is 0.001 to 0.03: in this unit its head learns, and the policy keeps
        # exploring where by the paper's it saturates for good (docs/learning.md, The policy).
        "reward_std": 0.1,
        "actor_minimum_std": 0.3,
        "actor_mean_bound": 1.0,
        "model_learning_rate": 3e-4,
        "actor_learning_rate": 3e-4,
        "task_critic_learning_rate": 3e-4,
        "safety_critic_learning_rate": 3e-4,
        "batch_size": 8,
        "sequence_length": 20,
        "posterior_samples": 3,
        "swag_burn_in": 200,
        "swag_period": 50,
        "planner_iterations": 5,
        "pretraining_updates": 1_000,
        # New data are worth more: in equal time two seeds learn more by 50 than by 100, and 33 is
        # as good as 50 (docs/learning.md) and a third cheaper for the same steps.
        "updates_per_iteration": 33,
        # The bounds are imagined from replayed states: those of policies long gone hold V^c, and so
        # λ, up after the costs have come down, and what was learnt is lost (docs/learning.md).
        "replay_capacity": 250_000,
    },
    "quick": {
        "image_channels": 8,
        "head_units": 64,
        "vector_units": 64,
        "deterministic_size": 64,
        "rssm_units": 64,
        "stochastic_size": 16,
        "actor_units": 64,
        "actor_layers": 2,
        "critic_units": 64,
        "critic_layers": 2,
        "horizon": 8,
        "terminal_head": False,
        "model_learning_rate": 5e-4,
        "actor_learning_rate": 3e-4,
        "task_critic_learning_rate": 3e-4,
        "batch_size": 8,
        "sequence_length": 16,
        "posterior_samples": 3,
        "swag_burn_in": 30,
        "swag_period": 10,
        "swag_models": 5,
        "shadow_interval": 25,
        "planner_horizon": 5,
        "candidates": 50,
        "planner_iterations": 4,
        "elites": 5,
        "env_steps": 8_000,
        "random_steps": 3_000,
        "pretraining_updates": 40,
        "updates_per_iteration": 40,
        "evaluate_every": 4_000,
        "evaluation_episodes": 2,
        "final_episodes": 0,
        "checkpoint_every": 2_000,
    },
}

# The same for the baselines, which learn from the vector observation without action repeat.
_BASELINE_FIELDS: dict[str, dict[str, typing.Any]] = {
    "paper": {"evaluate_every": 250_000, "checkpoint_every": 30_000},
    "paper_long": {"evaluate_every": 1_000_000, "checkpoint_every": 120_000},
    "cpu": {
        "env_steps": 200_000,
        "epoch_steps": 5_000,
        "evaluate_every": 20_000,
        "checkpoint_every": 5_000,
    },
    "quick": {
        "env_steps": 8_000,
        "epoch_steps": 2_000,
        "baseline_units": 64,
        "value_steps": 20,
        "policy_steps": 20,
        "evaluate_every": 4_000,
        "evaluation_episodes": 2,
        "final_episodes": 0,
        "checkpoint_every": 2_000,
    },
}


def make_config(
    preset: str, task: str, algorithm: str = "lambda", seed: int = 0, name: str = "", **overrides
) -> Config:
    """Make the configuration of one run.

    An own task's episodes are by default as long as the environment's own limit lets them be, and
    what the preset says of sequences and epochs is made to fit them. At `cpu` the constraint's
    schedule is made to fit `env_steps`.

    Args:
        overrides: values of any fields of the groups, by name.

    Raises:
        ValueError: unknown preset, task, algorithm or field, or a value out of range.
    """
    groups = make_groups(preset, task, algorithm, **overrides)
    return Config(task=task, algorithm=algorithm, preset=preset, seed=seed, name=name, **groups)


def make_groups(preset: str, task: str, algorithm: str, **overrides) -> dict[str, typing.Any]:
    """Return the groups of a configuration's settings by name; not all values are checked yet.

    Args:
        overrides: as of `make_config`.

    Raises:
        ValueError: unknown preset, algorithm or field, or a value that others follow is out of
            range.
    """
    groups: dict[str, dict[str, typing.Any]] = {name: {} for name in GROUPS}
    for field, value in (_preset_fields(preset, task, algorithm, overrides) | overrides).items():
        if field not in GROUP_OF:
            raise ExpectedError(
                f"unknown config field {field!r}{validation.suggest(field, GROUP_OF)}"
            )
        groups[GROUP_OF[field]][field] = value
    return {group: GROUPS[group](**values) for group, values in groups.items()}


def _preset_fields(
    preset: str, task: str, algorithm: str, overrides: dict[str, typing.Any]
) -> dict[str, typing.Any]:
    """Args: overrides: what others follow: the budget, and the episodes of an own task."""
    validation.choose("preset", preset, PRESETS)
    baseline = algorithms.find(algorithm).model_free
    if preset == "paper_long" and not baseline:
        raise ExpectedError(f"preset paper_long is for {', '.join(BASELINES)}: choose paper")
    fields = dict(_BASELINE_FIELDS[preset] if baseline else _FIELDS[preset])
    if preset == "paper" or (preset == "cpu" and not baseline):
        fields["env_steps"] = PAPER_BUDGET.get(task, 1_000_000)
    if preset == "cpu" and not baseline:
        # The task is learnt first, as in the paper: λ is 0.001 after a fifth of the run and ends
        # at 0.05 to 0.1 (PointGoal2 and DoggoGoal1, where V^c is 30 to 220 above the budget).
        share = _count("env_steps", (fields | overrides)["env_steps"]) / 1_000_000
        fields |= {"initial_penalty": 5e-10 / share, "penalty_growth": 2e-4 / share}
        if task == "DoggoGoal1":  # Its control step is 0.1 s already: the paper's action repeat.
            for name in ("action_repeat", "discount", "cost_discount"):
                del fields[name]
    if baseline:
        fields |= {"observation": "lidar", "action_repeat": 1}
    if baseline and preset in ("paper", "paper_long"):
        fields |= _published_window(task, preset)
    if task.startswith(EXTERNAL_TASK_PREFIX):
        fields.pop("terminal_head", None)  # SG6's episodes end by time; others' may not.
        fields.pop("reward_std", None)  # Nor is known how large others' rewards are.
        fields |= _fitted_to_episodes(task, fields | overrides)
    return fields


def _fitted_to_episodes(task: str, given: dict[str, typing.Any]) -> dict[str, int]:
    """Return the length of an own task's episodes, in whole actions, and what has to fit it.

    Args:
        given: settings; those that are not there are the paper's.

    Raises:
        ValueError: the action repeat or the length is less than 1, or the length is more than the
            environment's own limit.
    """
    repeat = given.get("action_repeat", TrainingConfig.action_repeat)
    random_steps = given.get("random_steps", TrainingConfig.random_steps)
    sequence_length = given.get("sequence_length", TrainingConfig.sequence_length)
    epoch_steps = given.get("epoch_steps", BaselineConfig.epoch_steps)
    own = _own_limit(task)
    limit = given.get("episode_steps") or own or TrainingConfig.episode_steps
    repeat, limit = _count("action_repeat", repeat), _count("episode_steps", limit)
    decisions = math.ceil(limit / repeat)
    steps = decisions * repeat
    if own is not None and steps > (longest := math.ceil(own / repeat) * repeat):
        raise ExpectedError(
            f"episode_steps is {limit}: choose {longest} or fewer, as episodes of {task} end "
            f"after {own} (max_episode_steps)"
        )
    return {
        "episode_steps": steps,
        "random_steps": max(random_steps, steps),
        "sequence_length": min(sequence_length, decisions + 1),
        "epoch_steps": math.ceil(epoch_steps / steps) * steps,
    }


def _count(name: str, value) -> int:
    """Return what others follow, checked as its own field is later.

    Raises:
        ValueError: it is no whole number, or less than 1.
    """
    value = typed(name, value, Count)
    validation.check(name, value, Count)
    return value


def _own_limit(task: str) -> int | None:
    """Return after how many steps an environment truncates its episodes, where it says so."""
    try:
        return gymnasium.spec(task.removeprefix(EXTERNAL_TASK_PREFIX)).max_episode_steps
    except Exception:  # Its module may fail in any way; whoever makes the environment says how.
        return None


def _published_window(task: str, preset: str) -> dict[str, int]:
    """Return a baseline's epochs at the paper's scale, the last of them those of its score.

    The short one is of the first two epochs that end at or after LAMBDA's budget: at no other two
    is the published ρ_c a mean over three runs of two rates of whole costs per env step.
    """
    doggo = task == "DoggoGoal1"  # It learns slowest; Ray et al. give it larger epochs, and more.
    epoch = 60_000 if doggo else BaselineConfig.epoch_steps
    if preset == "paper_long":
        return {"epoch_steps": epoch, "env_steps": 100_000_000 if doggo else 10_000_000}
    reaching = math.ceil(PAPER_BUDGET.get(task, 1_000_000) / epoch)
    return {"epoch_steps": epoch, "env_steps": (reaching + SCORED_EPOCHS - 1) * epoch}


def standard_groups(
    preset: str, task: str, algorithm: str, env_steps: int | None
) -> dict[str, typing.Any]:
    """Return what a run's settings are held against: the preset's, its own `env_steps` among them.

    Args:
        env_steps: the run's budget, which the constraint's schedule at `cpu` follows; None where it
            is not known.
    """
    usual = make_groups(preset, task, algorithm)
    if env_steps is None:
        return usual
    fitted = make_groups(preset, task, algorithm, env_steps=env_steps)
    training = dataclasses.replace(fitted["training"], env_steps=usual["training"].env_steps)
    return fitted | {"training": training}


def overrides(config: Config) -> dict:
    """Return the fields in which a configuration departs from its own preset, with their values."""
    env_steps = config.training.env_steps
    preset = standard_groups(config.preset, config.task, config.algorithm, env_steps)
    pairs = {name: (getattr(config, group), preset[group]) for name, group in GROUP_OF.items()}
    return {
        name: getattr(own, name)
        for name, (own, standard) in pairs.items()
        if getattr(own, name) != getattr(standard, name)
    }


def with_budget(config: Config, env_steps: int) -> Config:
    """Return the same run with another budget, and with what of its preset follows that."""
    who = config.preset, config.task, config.algorithm, config.seed, config.name
    return make_config(*who, **overrides(config) | {"env_steps": env_steps})
