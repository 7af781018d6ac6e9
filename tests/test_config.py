"""Presets, validation and the JSON round trip."""

import json
import math
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from la_mbda import command_line, safety_gym
from la_mbda.command_line import overrides_as_arguments
from la_mbda.commands.train import TrainArguments
from la_mbda.config import EPISODE_STEPS, GROUP_OF, PRESETS, SG6_TASKS, TASKS, from_dict, to_dict
from la_mbda.presets import make_config, overrides, with_budget
from la_mbda.settings import PlannerConfig


@pytest.mark.parametrize("algorithm", ["lambda", "cpo"])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("task", SG6_TASKS)
def test_json_round_trip(preset, task, algorithm):
    if preset == "paper_long" and algorithm == "lambda":
        with pytest.raises(ValueError, match=r"paper_long is for ppo.*: choose paper"):
            make_config(preset, task, algorithm)
        return
    config = make_config(preset, task, algorithm, seed=3)
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


def test_baselines_follow_the_protocol_of_their_benchmark():
    for task, epoch, long in (("PointPush1", 30_000, 10), ("DoggoGoal1", 60_000, 100)):
        config = make_config("paper", task, "trpo_lagrangian")
        assert config.baseline.epoch_steps == epoch
        assert (config.training.observation, config.training.action_repeat) == ("lidar", 1)
        long_config = make_config("paper_long", task, "trpo_lagrangian")
        assert long_config.training.env_steps == long * 1_000_000


@pytest.mark.parametrize(
    ("task", "budget", "first"),
    [
        ("PointGoal1", 1_000_000, 34),
        ("PointGoal2", 1_000_000, 34),
        ("CarGoal1", 1_000_000, 34),
        ("PointPush1", 2_000_000, 67),
        ("PointButton1", 2_000_000, 67),
        ("DoggoGoal1", 2_000_000, 34),
    ],
)
def test_a_baselines_short_run_ends_with_the_published_window(task, budget, first):
    """The first two epochs that end at or after the budget.

    The published ρ_c would tell them (times 6 n (n + 1) S it is a whole cost at this n alone), but
    not in the six digits that are kept here: their rounding is up to hundreds of costs.
    """
    config = make_config("paper", task, "cpo")
    epoch = config.baseline.epoch_steps
    assert (first - 1) * epoch < budget <= first * epoch
    assert config.training.env_steps == (first + 1) * epoch
    long = make_config("paper_long", task, "cpo")
    epochs = 1_666 if task == "DoggoGoal1" else 333
    assert long.training.env_steps // long.baseline.epoch_steps == epochs


def test_paper_budgets():
    budgets = {task: make_config("paper", task).training.env_steps for task in SG6_TASKS}
    assert budgets == {
        "PointGoal1": 1_000_000,
        "PointGoal2": 1_000_000,
        "CarGoal1": 1_000_000,
        "PointPush1": 2_000_000,
        "PointButton1": 2_000_000,
        "DoggoGoal1": 2_000_000,
    }


def test_quick_draws_from_the_posterior_in_at_least_half_of_its_updates():
    config = make_config("quick", "PointGoal1")
    swag, training = config.swag, config.training
    first = swag.swag_burn_in + (swag.swag_models - 1) * swag.swag_period
    iterations = (training.env_steps - training.random_steps) // training.steps_per_iteration
    updates = iterations * training.updates_per_iteration
    with_draws = training.pretraining_updates + updates - first
    assert with_draws >= updates / 2


def test_what_is_said_of_safety_gyms_tasks_is_what_the_simulator_does():
    assert EPISODE_STEPS == safety_gym.env.EPISODE_STEPS
    assert set(TASKS) == set(safety_gym.TASKS)


def test_overrides_are_what_departs_from_the_preset():
    config = make_config("cpu", "PointGoal1", horizon=7, cost_budget=(1.0, 2.0))
    assert overrides(config) == {"horizon": 7, "cost_budget": (1.0, 2.0)}


def test_what_cpu_says_of_a_task():
    doggo, point = make_config("cpu", "DoggoGoal1"), make_config("cpu", "PointGoal1")
    own = make_config("cpu", "gymnasium:CartPole-v1")
    assert [c.training.action_repeat for c in (doggo, point, own)] == [2, 4, 4]
    assert [c.behaviour.discount for c in (doggo, point, own)] == [0.99, 0.98, 0.98]
    assert [c.model.reward_std for c in (doggo, point, own)] == [0.1, 0.1, 1.0]


def test_the_constraint_comes_over_the_budget_of_a_cpu_run():
    doggo, point = make_config("cpu", "DoggoGoal1"), make_config("cpu", "PointGoal1")
    short = make_config("cpu", "DoggoGoal1", env_steps=500_000)
    schedules = [
        (c.lagrangian.initial_penalty, c.lagrangian.penalty_growth) for c in (doggo, point)
    ]
    assert schedules == [(2.5e-10, 1e-4), (5e-10, 2e-4)]
    assert (short.lagrangian.initial_penalty, short.lagrangian.penalty_growth) == (1e-9, 4e-4)
    assert overrides(short) == {"env_steps": 500_000}
    assert with_budget(short, 2_000_000) == doggo
    arguments = ["--task", "DoggoGoal1", "--preset", "cpu", "--env-steps", "500000"]
    assert config_from(arguments, doggo) == short
    # What is chosen stays, and the paper's schedule is of no budget.
    chosen = make_config("cpu", "PointGoal1", env_steps=500_000, penalty_growth=1e-3)
    assert chosen.lagrangian.penalty_growth == 1e-3
    assert with_budget(chosen, 1_000_000).lagrangian.penalty_growth == 1e-3
    paper = [make_config("paper", "PointGoal1", env_steps=n) for n in (500_000, 1_000_000)]
    assert paper[0].lagrangian == paper[1].lagrangian


@pytest.mark.parametrize(
    ("preset", "arguments"),
    [
        ("quick", ["--env-steps", "200", "--random-steps", "100", "--episode-steps", "100"]),
        ("cpu", ["--episode-steps", "40", "--random-steps", "40", "--sequence-length", "5"]),
    ],
)
def test_options_that_only_fit_together_are_taken_together(preset, arguments):
    config = make_config(preset, "PointGoal1")
    assert config_from(["--preset", preset, *arguments], config).training.random_steps <= 100


def fitted(limit, preset="cpu", algorithm="lambda", **fields):
    """The settings of an own task whose episodes are that long: of episodes, and all."""
    gymnasium.register("Limited-v0", entry_point="none:None", max_episode_steps=limit)
    try:
        config = make_config(preset, "gymnasium:Limited-v0", algorithm, **fields)
    finally:
        del gymnasium.registry["Limited-v0"]
    # The rest does not need the environment to be known.
    assert config_from(overrides_as_arguments(config), config) == config
    training = config.training
    return (training.episode_steps, training.random_steps, training.sequence_length), config


def config_from(arguments, config):
    """What a command line makes of the options that a sweep passes on."""
    names = ["--preset", config.preset, "--task", config.task, "--algorithm", config.algorithm]
    kind = TrainArguments
    parsed = command_line.parse(kind, [*names, *arguments], preset="quick", task="PointGoal1")
    return parsed.config(parsed.preset, parsed.task, parsed.algorithm, 0)


@pytest.mark.parametrize(
    ("limit", "fields", "expected"),
    [
        (None, {}, (1_000, 5_000, 20)),
        (200, {}, (200, 5_000, 20)),
        (999, {}, (1_000, 5_000, 20)),  # Whole actions, held for four steps.
        (50, {}, (52, 5_000, 14)),  # A sequence is no longer than an episode.
        (8_000, {}, (8_000, 8_000, 20)),  # A replay buffer starts with a whole episode.
        (200, {"episode_steps": 200}, (200, 5_000, 20)),
        (999, {"episode_steps": 1_000}, (1_000, 5_000, 20)),
        (200, {"episode_steps": 40}, (40, 5_000, 11)),
        (50, {"action_repeat": 1}, (50, 5_000, 20)),
        (50, {"action_repeat": 3}, (51, 5_000, 18)),
    ],
)
def test_an_own_tasks_episodes_are_as_long_as_it_says(limit, fields, expected):
    assert fitted(limit, **fields)[0] == expected


@pytest.mark.parametrize(("limit", "longest"), [(200, 200), (999, 1_000)])
def test_an_own_tasks_episodes_are_no_longer_than_they_can_be(limit, longest):
    message = f"choose {longest} or fewer, as episodes of gymnasium:Limited-v0 end after {limit}"
    with pytest.raises(ValueError, match=f"episode_steps is 1600: {message}"):
        fitted(limit, episode_steps=1_600)


@pytest.mark.parametrize("limit", [200, 999, 1_600])
def test_a_baselines_epochs_are_of_whole_episodes_of_an_own_task(limit):
    _, config = fitted(limit, "paper", "ppo")
    assert config.training.episode_steps == limit
    assert config.baseline.epoch_steps % limit == 0
    assert 0 <= config.baseline.epoch_steps - 30_000 < limit


def test_an_own_task_that_is_not_installed_has_the_usual_length():
    config = make_config("cpu", "gymnasium:no_such_module:No-v0")
    assert config.training.episode_steps == 1_000


@pytest.mark.parametrize(
    ("arguments", "fields", "message"),
    [
        (("fast", "PointGoal1"), {}, "unknown preset 'fast'"),
        (("quick", "PointGol1"), {}, "did you mean 'PointGoal1'"),
        (("quick", "PointGoal1", "lamda"), {}, "did you mean 'lambda'"),
        (("quick", "PointGoal1"), {"horizn": 3}, "did you mean 'horizon'"),
        (("quick", "PointGoal1"), {"horizon": -1}, "horizon is -1: choose"),
        (("quick", "PointGoal1", "cpo"), {"epoch_steps": 1500}, "epoch_steps is 1500.*multiple"),
        (("quick", "PointGoal1", "ppo"), {"env_steps": 1000}, "env_steps is 1000.*one epoch"),
        (("quick", "PointGoal1", "ppo"), {"observation": "vision"}, "vision, but ppo.*lidar"),
        (("quick", "PointGoal1", "ppo"), {"cost_budget": (1.0, 2.0)}, "ppo knows one constraint"),
        (("quick", "PointGoal1"), {"posterior_samples": 0}, "posterior_samples is 0: choose 1"),
        (("quick", "PointGoal1"), {"sequence_length": 600}, "sequence_length is 600.*501"),
        (("quick", "PointGoal1"), {"discount": 1.5}, "discount is 1.5: choose"),
        (("quick", "PointGoal1"), {"adam_epsilon": 0.0}, "adam_epsilon is 0.0: choose more than 0"),
        (("quick", "PointGoal1"), {"elites": 51}, r"elites is 51: choose candidates \(50\) or"),
        (("quick", "PointGoal1"), {"replay_capacity": 999}, "replay_capacity is 999.*one episode"),
        (("quick", "PointGoal1", "lambda", -1), {}, "seed is -1: choose 0 or more"),
        (("quick", "PointGoal1"), {"actor_clip": math.nan}, "actor_clip is nan: choose a finite"),
        (("quick", "PointGoal1"), {"cost_budget": ()}, "cost_budget is"),
        (("quick", "PointGoal1"), {"bound_by": "v"}, "bound_by 'v': choose one of values, critic"),
        (("quick", "PointGoal1"), {"episode_steps": 999}, "multiple of action_repeat"),
        (("quick", "PointGoal1"), {"random_steps": 10}, "random_steps is 10"),
        (("quick", "PointGoal1"), {"env_steps": 100}, "env_steps is 100"),
        (("quick", "PointGoal1"), {"final_episodes": -1}, "final_episodes is -1: choose 0 or more"),
        (("quick", "PointGoal1"), {"final_episodes": 1}, "final_episodes is 1: choose 0, or 2"),
        (("quick", "PointGoal1"), {"observation": "sonar"}, "unknown observation 'sonar'"),
        (
            ("quick", "PointGoal1"),
            {"episode_steps": 2_000},
            "episode_steps is 2000: choose 1000 or",
        ),
        (("quick", "PointGoal1", "ppo"), {"offline_dataset": "x"}, "offline_dataset is x, but ppo"),
        (("quick", "PointGoal1"), {"env_steps": 1e6}, "env_steps must be of type int, not 10000"),
        (("quick", "PointGoal1"), {"terminal_head": 0}, "terminal_head must be of type bool, not"),
        (("quick", "PointGoal1"), {"cost_budget": 25.0}, "cost_budget must be a list of numbers"),
        (("quick", "PointGoal1"), {"discount": "1"}, "discount must be of type float, not '1'"),
        (("quick", "gymnasium:X-v0"), {"action_repeat": 0}, "action_repeat is 0: choose 1 or more"),
        (("quick", "gymnasium:X-v0"), {"action_repeat": "2"}, "action_repeat must be of type int"),
        (("cpu", "PointGoal1"), {"env_steps": 0}, "env_steps is 0: choose 1 or more"),
        (("cpu", "PointGoal1"), {"env_steps": "9"}, "env_steps must be of type int, not '9'"),
    ],
)
def test_bad_values_are_named_with_the_fix(arguments, fields, message):
    with pytest.raises(ValueError, match=message) as error:
        make_config(*arguments, **fields)
    assert "\n" not in str(error.value)


def test_the_ends_of_ranges_are_in_them():
    fields = {"discount": 0.0, "cost_discount": 1.0, "elites": 50, "replay_capacity": 1_000}
    assert overrides(make_config("quick", "PointGoal1", **fields)) == fields


def test_values_are_kept_as_a_file_keeps_them():
    """NumPy's numbers, whole floats, lists and paths become what `config.json` gives back."""
    config = make_config(
        "quick",
        "PointGoal1",
        seed=np.int64(3),
        horizon=np.int32(9),
        discount=1,
        actor_clip=np.float32(0.5),
        cost_budget=[25],
        offline_dataset=Path("data"),
    )
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config
    assert type(config.seed) is int
    assert config.lagrangian.cost_budget == (25.0,)
    assert config.training.offline_dataset == "data"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3),
)


@given(data=st.data(), value=JSON)
def test_a_changed_config_is_refused_or_kept_as_it_is(data, value):
    values = to_dict(make_config("quick", "PointGoal1"))
    group = data.draw(st.sampled_from([k for k, v in values.items() if isinstance(v, dict)]))
    field = data.draw(st.sampled_from(sorted(values[group])))
    values[group][field] = value
    try:
        config = from_dict(values)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
        kept = getattr(getattr(config, group), field)
        assert kept == (tuple(value) if isinstance(value, list) else value)
    assert not refusal or field in refusal


def test_a_file_from_before_a_field_has_its_default():
    config = make_config("cpu", "PointGoal1")
    values = to_dict(config)
    del values["training"]["final_episodes"], values["planner"], values["name"]
    assert from_dict(values).name == ""
    assert from_dict(values).training.final_episodes == 100
    assert from_dict(values).planner == PlannerConfig()
    for name in ("task", "algorithm", "preset", "seed"):
        rest = {key: value for key, value in values.items() if key != name}
        with pytest.raises(ValueError, match=f"config has no field '{name}': add it"):
            from_dict(rest)


def test_unknown_fields_are_refused():
    values = to_dict(make_config("quick", "PointGoal1"))
    values["swag"]["swag_decays"] = 0.8
    with pytest.raises(ValueError, match="unknown config field 'swag_decays'"):
        from_dict(values)
    with pytest.raises(ValueError, match="JSON object"):
        from_dict([])


def test_field_names_are_unique_over_groups():
    groups = (v for v in to_dict(make_config("paper", "PointGoal1")).values())
    names = [name for group in groups if isinstance(group, dict) for name in group]
    assert len(names) == len(set(names)) == len(GROUP_OF)
