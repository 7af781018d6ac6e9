"""What a run leaves behind: config, metrics as JSON lines, replayed episodes, score.

JSON lines are the source of truth; TensorBoard events, figures and tables are views of them.
"""

import datetime
import json
import os
import platform
import shutil
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from la_mbda import config as config_module
from la_mbda.config import Config
from la_mbda.errors import ExpectedError, UnwritableError, unwritable, whole
from la_mbda.presets import with_budget
from la_mbda.runs.files import Score, check_identity, folder_name, read_object

STREAMS = ("episodes", "evaluations", "updates", "confirmed")
PROGRESS = "progress.json"
"""How far a run is by time while a process trains it: its fraction, and the seconds left."""
EARLIER = "earlier"
"""The folder of a run that keeps the scores of smaller budgets, if it was trained further."""
PACKAGES = ("tensorflow", "mujoco", "gymnasium", "numpy")


def run_path(results: Path, config: Config) -> Path:
    """Return RESULTS/<preset>/<algorithm>[@<name> of a variant]/<task>/seed_<n>."""
    variant, task = map(folder_name, (config.variant, config.task))
    return results / config.preset / variant / task / f"seed_{config.seed}"


def write_json(path: Path, values: dict, lasting: bool = True) -> None:
    """Write a JSON file, whole or not at all; see `errors.whole`."""
    with whole(path, lasting) as file:
        file.write(f"{json.dumps(values, indent=2)}\n".encode())


def flush(path: Path) -> None:
    """Make sure that what was written to a file, or the names in a folder, last."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def read_json(path: Path) -> dict:
    """Read a JSON object.

    Raises:
        ValueError: the file is unreadable or no JSON object; the message names it.
    """
    try:
        return read_object(path)
    except ValueError as error:
        raise ExpectedError(f"{error}: repair or remove it") from error


def read_score(path: Path) -> dict:
    """Read the score of a finished run.

    Raises:
        ValueError: the file is unreadable, or a value is missing or no finite number (with
            several constraints, costs are lists of them).
    """
    score = read_json(path)
    try:
        Score.of(score)
    except ValueError as error:
        message = f"{path}: {error}: remove it, and the run resumes to its end"
        raise ExpectedError(message) from error
    return score


def check_place(path: Path, score: dict) -> None:
    """Make sure that a score lies in the folder of its run, and not in a copy of it.

    Args:
        path: of the file, `…/<preset>/<algorithm>/<task>/seed_<n>/score.json`.

    Raises:
        ValueError: it is of another run.
    """
    preset, _, task, seed = path.parts[-5:-1]
    check_identity(score, {"preset": preset, "task": task})
    if seed != f"seed_{score.get('seed')}":
        raise ExpectedError(f"seed is {score.get('seed')}, but its folder says {seed}")


def read_config(path: Path) -> Config | None:
    """Read the configuration of a run folder; None where there is no run yet."""
    path /= "config.json"
    if not path.exists():
        return None
    values = read_json(path)
    try:
        return config_module.from_dict(values)
    except ValueError as error:
        raise ExpectedError(f"{path}: {error}") from error


def final_score(path: Path, config: Config) -> dict | None:
    """Return the score of a run that is finished at a configuration's budget, or beyond it.

    Raises:
        ValueError: the score or the run's configuration cannot be read.
    """
    if not (path / "score.json").exists():
        return None
    score, stored = read_score(path / "score.json"), read_config(path)
    shorter = stored is not None and stored.training.env_steps < config.training.env_steps
    return None if shorter else score


def check_config(path: Path, config: Config) -> Config | None:
    """Make sure that a run folder, if there is one, is of this configuration.

    Its budget may be smaller: the run is then trained further, by a schedule that fits the larger.

    Returns:
        That of the folder, None where there is no run yet.

    Raises:
        ValueError: it is of another; the message names the settings that differ.
    """
    stored = read_config(path)
    if stored is None:
        return None
    env_steps = config.training.env_steps
    further = stored.training.env_steps < env_steps
    before = with_budget(stored, env_steps) if further else stored
    changes = config_module.differences(before, config)
    if changes:
        listed = ", ".join(f"{name} {old} not {new}" for name, (old, new) in changes.items())
        raise ExpectedError(
            f"{path} holds a run with {listed}: give this one a --name, choose another --results "
            "folder, or remove that one"
        )
    return stored


class RunFolder:
    """One run's folder.

    Raises:
        ValueError: the folder holds a run of another configuration, or cannot be written, or its
            `run.json` cannot be read.
    """

    def __init__(self, path: Path, config: Config):
        self.path, self.replay, self.checkpoints = path, path / "replay", path / "checkpoint"
        stored = check_config(path, config)
        self._config, self._larger = config, stored is not None and stored != config
        try:
            self.replay.mkdir(parents=True, exist_ok=True)
            if (path / "run.json").exists():
                read_json(path / "run.json")
            else:
                write_json(path / "run.json", provenance(config))
            if stored is None:
                write_json(path / "config.json", config_module.to_dict(config))
        except OSError as error:
            raise ExpectedError(
                f"cannot write to {path} ({error}): choose other --results"
            ) from error

    def extend(self) -> None:
        """Take a larger budget than the run had, once it is known that it can be resumed.

        What was found at the smaller one is kept in `EARLIER`.

        Raises:
            ValueError: it cannot be written.
        """
        if self._larger:
            try:
                self._extend()
            except OSError as error:
                raise unwritable(self.path, error) from error
            self._larger = False

    def _extend(self) -> None:
        if (score := self.path / "score.json").exists():
            kept = self.path / EARLIER / f"env_steps_{read_score(score)['env_steps']}"
            kept.mkdir(parents=True, exist_ok=True)
            if self._stream("confirmed").exists():
                shutil.copy(self._stream("confirmed"), kept)
            score.replace(kept / score.name)  # Last, as it says that all of it is kept.
        run = self.path / "run.json"
        write_json(run, read_json(run) | {"scale": _scale(self._config)})
        write_json(self.path / "config.json", config_module.to_dict(self._config))

    def episode_path(self, index: int) -> Path:
        """Return the file of one remembered episode."""
        return self.replay / f"episode_{index:06d}.npz"

    def append(self, stream: str, values: dict) -> None:
        """Add a line to one of the `STREAMS`, or none of it.

        Raises:
            ValueError: it cannot be written.
        """
        path = self._stream(stream)
        size = path.stat().st_size if path.exists() else 0
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            if path.exists():
                os.truncate(path, size)
            raise unwritable(path, error) from error

    def tell_progress(self, values: dict) -> None:
        """Write how far the run is, for who watches it; whole, but not made sure to last."""
        with suppress(UnwritableError):  # What must be saved says why it cannot be.
            write_json(self.path / PROGRESS, values, lasting=False)

    def end_progress(self) -> None:
        """Take it back, as no process trains the run any more."""
        (self.path / PROGRESS).unlink(missing_ok=True)

    def flush(self) -> dict[str, int]:
        """Make sure that streams and episodes last, and return how many bytes each stream has."""
        streams = [path for path in map(self._stream, STREAMS) if path.exists()]
        for path in (*streams, self.replay, self.path):  # Of folders, the names in them.
            flush(path)
        return self._sizes()

    def check_streams(self, sizes: dict[str, int]) -> None:
        """Make sure that the streams have what they had at a checkpoint.

        Raises:
            ValueError: one is shorter or missing.
        """
        for stream, size in self._sizes().items():
            if size < sizes.get(stream, 0):
                raise ExpectedError(
                    f"{self._stream(stream)} has {size:,} bytes, but the run's checkpoint was made "
                    f"when it had {sizes[stream]:,}: put the whole file back, or choose other "
                    "--results"
                )

    def truncate(self, sizes: dict[str, int]) -> None:
        """Take back lines written after a checkpoint that had these sizes."""
        for stream in STREAMS:
            if self._stream(stream).exists():
                os.truncate(self._stream(stream), sizes.get(stream, 0))

    def _sizes(self) -> dict[str, int]:
        paths = {stream: self._stream(stream) for stream in STREAMS}
        return {name: path.stat().st_size if path.exists() else 0 for name, path in paths.items()}

    def finish(self, score: dict, seconds: dict[str, float]) -> dict:
        """Record how long each stage took, then the score that marks the run as finished.

        Returns:
            The score with the run that it is of.
        """
        run = self.path / "run.json"
        write_json(run, read_json(run) | {"seconds": seconds})
        config = self._config
        who = {"task": config.task, "algorithm": config.algorithm, "seed": config.seed}
        who |= {"preset": config.preset} | ({"name": config.name} if config.name else {})
        score = who | score
        write_json(self.path / "score.json", score)
        return score

    def _stream(self, name: str) -> Path:
        return self.path / f"{name}.jsonl"


def provenance(config: Config) -> dict:
    """Return versions, commit, machine, start and scale."""
    return {
        "scale": _scale(config),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {package: metadata.version(package) for package in PACKAGES},
        "machine": {
            "platform": platform.platform(),
            "processor": processor(),
            "cores": os.cpu_count(),
        },
    }


def _scale(config: Config) -> str:
    return f"{config.preset} preset, {config.training.env_steps} env steps"


def _commit() -> str | None:
    """Return the commit of the code; None where it is not run from a git checkout."""
    here = Path(__file__)
    try:
        _git(here.parent, "ls-files", "--error-unmatch", here.name)  # It may lie in another's.
        return _git(here.parent, "describe", "--always", "--dirty")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says of a checkout."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=True
    ).stdout.strip()


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
