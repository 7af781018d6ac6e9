"""Evaluates a trained run: `la-mbda evaluate RUN_FOLDER --video FILE`.

`--imagine FOLDER` shows in place of it what the run's model imagines beside a real episode.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tyro
from tqdm import tqdm

from la_mbda import algorithms, budget, validation, video
from la_mbda.api import check_agent, load_agent
from la_mbda.config import Config
from la_mbda.environments import make_environment
from la_mbda.errors import ExpectedError, check_writable
from la_mbda.runs.folder import provenance, write_json
from la_mbda.settings import Count, Seed

if TYPE_CHECKING:
    from la_mbda.episodes import Evaluation


@dataclass(frozen=True)
class EvaluateArguments:
    """Plays episodes with the agent of a run's last checkpoint; the run stays untouched."""

    run: tyro.conf.Positional[Path]
    """Folder of the run: RESULTS/<preset>/<algorithm>/<task>/seed_<n>."""
    episodes: int = 10
    """Episodes, stepped as one batch."""
    sampled: bool = False
    """Act by samples of the policy, as training does, in place of its mode."""
    seed: int = 0
    """Seed of the episodes' layouts."""
    video: Path | None = None
    """Where to write a video of the first episode (.mp4 or .gif); beside it, stills (.png) and the
    costs so far (.json)."""
    save: Path | None = None
    """Where to write each episode's return and cost return, and what they were played with
    (.json)."""
    imagine: Path | None = None
    """Folder for figures and data of futures imagined beside one episode, in place of scores."""
    imagine_at: tuple[int, ...] = ()
    """Decisions of that episode to imagine from; three spread over it if none are given."""
    imagine_steps: int = 15
    """Decisions to imagine from each."""


def main(argv: Sequence[str], draw: Callable[[Path], Sequence[Path]] | None = None) -> int:
    """Parse, play, print every episode, the means and whether the budget is kept.

    Args:
        draw: draws what a folder of imagined futures holds and returns the figures' paths.
    """
    arguments = tyro.cli(EvaluateArguments, args=list(argv))
    validation.check("episodes", arguments.episodes, Count)
    validation.check("seed", arguments.seed, Seed)
    if arguments.imagine is not None:
        check_writable(arguments.imagine)
    if arguments.video is not None:
        video.check_path(arguments.video)
    if arguments.save is not None:
        check_save(arguments.save, arguments.video)
    if arguments.imagine is None:
        for name in ("imagine_at", "imagine_steps"):
            if (value := getattr(arguments, name)) != getattr(EvaluateArguments, name):
                raise ExpectedError(f"{name} ({value}) goes with imagine: give its folder too")
        evaluate_run(arguments)
    else:
        imagine_run(arguments, arguments.imagine, draw)
    return 0


def check_save(path: Path, video: Path | None) -> None:
    """Make sure that the episodes' values can be written to a path, and nothing lies there.

    Raises:
        ValueError: it is no new .json file in a folder that is there, or it is the video's own.
    """
    if video is not None and path.resolve() == video.with_suffix(".json").resolve():
        raise ExpectedError(
            f"save {path} is where the video's costs so far go: choose another name"
        )
    if path.suffix != ".json":
        raise ExpectedError(f"save {path} must end in .json")
    if path.exists():
        raise ExpectedError(f"save {path} is there already: choose another name, or remove it")
    if not path.parent.is_dir():
        raise ExpectedError(f"save {path} is in no folder: make {path.parent} first")
    check_writable(path.parent)


def evaluate_run(arguments: EvaluateArguments) -> None:
    """Play the episodes, save what is asked for and print their returns.

    Raises:
        ValueError: a video is asked for of a task that draws no images.
    """
    config = check_agent(arguments.run)
    played_with = provenance(config)
    decisions = config.training.episode_steps // config.training.action_repeat
    often = 0.5 if sys.stderr.isatty() else 10.0
    modes = ["rgb_array" if arguments.video else None] + [None] * (arguments.episodes - 1)
    environments = [make_environment(config, render_mode=mode) for mode in modes]
    first = video.VideoRecorder(environments[0]) if arguments.video else None
    with tqdm(total=decisions, desc="loading", unit=" decisions", mininterval=often) as bar:
        agent = load_agent(arguments.run)
        from la_mbda.episodes import evaluate, layout_seed  # Loads TensorFlow, as that has.

        task, count = config.task, arguments.episodes
        seeds = [layout_seed(task, arguments.seed, "evaluate", i) for i in range(count)]
        bar.set_description("recording" if first else "playing")

        def on_step(returns: np.ndarray, cost_returns: np.ndarray) -> None:
            if first:
                first.on_step(returns, cost_returns)
            bar.update()

        played = evaluate(environments, agent, seeds, on_step, arguments.sampled)
        for env in environments:
            env.close()
    try:  # First of all, as who reads what is printed may not read to the end.
        if arguments.save:
            of_run = numbers(arguments, config, played)
            write_json(arguments.save, of_run | {"played_with": played_with})
        if first and arguments.video:
            first.write(arguments.video, config)
    finally:
        print_scores(played, config)
    if arguments.save:
        print(f"numbers: {arguments.save}")
    if first:
        print(f"video: {arguments.video}")


def print_scores(played: "Evaluation", config: Config) -> None:
    """Print every episode, the means and whether the budget is kept."""
    for i, (value, costs) in enumerate(zip(played.returns, played.cost_returns, strict=True)):
        print(f"episode {i}: return {value:.3f}, cost return {listed(costs)}")
    costs = ", ".join(with_error(values, 2) for values in played.cost_returns.T)
    print(f"mean ± its standard error: return {with_error(played.returns, 3)}, cost return {costs}")
    for line in verdicts(played.cost_returns, config.lagrangian.cost_budget):
        print(line)


def numbers(arguments: EvaluateArguments, config: Config, played: "Evaluation") -> dict:
    """Return the episodes' values, and of which run and layouts they are."""
    of_run = {name: getattr(config, name) for name in ("task", "algorithm", "preset", "seed")}
    actions = {"actions": "sampled" if arguments.sampled else "mode"}
    layouts = {"layouts_seed": arguments.seed, "episodes": arguments.episodes}
    return of_run | actions | layouts | played.summary()


def imagine_run(
    arguments: EvaluateArguments, folder: Path, draw: Callable[[Path], Sequence[Path]] | None
) -> None:
    """Imagine along one episode, save the data and, where it can, draw it.

    Raises:
        ValueError: a video or scores are asked for too, the run has no model, or the episode is
            too short.
    """
    for name in ("video", "save", "sampled"):
        if value := getattr(arguments, name):
            raise ExpectedError(f"{name} ({value}) does not go with imagine: give one of the two")
    config = check_agent(arguments.run)
    if algorithms.find(config.algorithm).model_free:
        raise ExpectedError(
            f"{arguments.run} is of {config.algorithm}, which has no world model to imagine "
            "with: give a run of another algorithm"
        )
    agent = load_agent(arguments.run)
    # These load TensorFlow, as that has.
    from la_mbda.episodes import layout_seed
    from la_mbda.open_loop import imagine_futures, save_futures

    env = make_environment(config)
    seed = layout_seed(config.task, arguments.seed, "evaluate", 0)
    futures = imagine_futures(agent, env, seed, arguments.imagine_at, arguments.imagine_steps)
    env.close()
    save_futures(folder, agent, futures)
    if draw is not None:
        for path in draw(folder):
            print(f"figure: {path}")
    if not agent.posterior.active:
        print("the posterior is not active: all samples are the current model")
    print(f"data:   {folder}")


def verdicts(cost_returns: np.ndarray, budgets: tuple[float, ...]) -> list[str]:
    """Return whether each constraint's budget is kept, or that too few episodes can tell."""
    episodes, lines = len(cost_returns), []
    if episodes < budget.FEWEST_EPISODES:
        which = " and ".join(f"{limit:g}" for limit in budgets)
        return [f"too few episodes to say whether it keeps the cost budget of {which}: choose 100"]
    rule = f"mean + {budget.margin(episodes):.2f} standard errors over {episodes} episodes"
    for costs, limit in zip(cost_returns.T.tolist(), budgets, strict=True):
        error = budget.standard_error(costs)
        kept = budget.keeps_budget(float(np.mean(costs)), error, limit, episodes)
        verdict = "keeps" if kept else "does not keep"
        lines.append(f"{verdict} the cost budget of {limit:g} ({rule})")
    return lines


def with_error(values: np.ndarray, digits: int) -> str:
    """Return the mean over episodes, with its standard error where there are two or more."""
    mean = f"{values.mean():.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {budget.standard_error(values.tolist()):.{digits}f}"


def listed(costs: np.ndarray) -> str:
    """Return one number per constraint."""
    return ", ".join(f"{cost:.2f}" for cost in costs)
