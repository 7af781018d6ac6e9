"""What figures and tables need of a run's `config.json`."""

from pathlib import Path
from reprlib import repr as short

from la_mbda import config
from la_mbda.presets import make_config
from la_mbda.run_files import numbers, read_object

# Settings that change neither what is trained nor the protocol's score.
_HARMLESS = ("checkpoint_every", "final_episodes")
# Settings that figures and tables build on, and the least that each can be.
_USED = (
    ("lagrangian", "cost_budget", 0),
    ("training", "episode_steps", 1),
    ("baseline", "epoch_steps", 1),
)


def read_settings(path: Path, warnings: list[str]) -> dict:
    """A run's `config.json`; empty, with a warning, where it is unusable."""
    try:
        settings = read_object(path)
        try:
            _check_settings(settings)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    except ValueError as error:
        warnings.append(f"{error}: the run's settings are unknown")
        return {}
    return settings


def _check_settings(settings: dict) -> None:
    """Makes sure of the settings that figures and tables build on, where they are there.

    Raises:
        ValueError: one is no number that it can be, or there are no settings.
    """
    if not settings:
        raise ValueError("is empty")
    for group in config.GROUPS:
        if not isinstance(settings.get(group, {}), dict):
            raise ValueError(f"{group} is {short(settings[group])}, not an object")
    for group, name, least in _USED:
        values = settings.get(group, {})
        if name in values and min(numbers(values, name)) < least:
            raise ValueError(f"{name} is {short(values[name])}: {least:g} is the least")


def setting(settings: dict, group: str, name: str, default: tuple) -> tuple[float, ...]:
    """Numbers from the settings; the default where they hold none."""
    values = settings.get(group, {})
    return numbers(values, name) if name in values else default


def epoch_steps(settings: dict, preset: str, algorithm: str, task: str) -> float | None:
    """Environment steps of a baseline's epoch; None for algorithms that learn without epochs."""
    if algorithm not in config.BASELINES:
        return None
    standard = make_config(preset, task, algorithm).baseline.epoch_steps
    return setting(settings, "baseline", "epoch_steps", (standard,))[0]


def changed(
    settings: dict, preset: str, algorithm: str, task: str, early: bool = False
) -> tuple[str, ...]:
    """Settings that differ from the preset's as it is today; fields that it lacks do not count.

    Args:
        early: the run's score says itself that it ended before the preset's budget.
    """
    if not settings:
        return ("unknown, for want of a usable config.json",)
    harmless = (*_HARMLESS, "env_steps") if early else _HARMLESS
    standard = config.to_dict(make_config(preset, task, algorithm))
    found = []
    for group, fields in standard.items():
        stored = settings.get(group)
        if isinstance(fields, dict) and isinstance(stored, dict):
            for name, value in fields.items():
                plain = list(value) if isinstance(value, tuple) else value
                if name in stored and stored[name] != plain and name not in harmless:
                    found.append(f"{name}={short(stored[name])}")
    return tuple(found)
