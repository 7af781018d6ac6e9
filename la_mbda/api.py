"""Training a run and loading its agent, whichever algorithm it is of.

TensorFlow takes seconds to load: what can be refused without it is refused before.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from la_mbda import algorithms, references
from la_mbda.config import Config
from la_mbda.environments import check_rendering, check_vectors, make_environment
from la_mbda.errors import ExpectedError
from la_mbda.offline import check_dataset
from la_mbda.quiet import without_native_messages
from la_mbda.runs.folder import (
    RunFolder,
    check_config,
    final_score,
    read_config,
    read_score,
    run_path,
)
from la_mbda.runs.lock import locked
from la_mbda.runs.loggers import MakeLogger
from la_mbda.runs.memory import check_memory

if TYPE_CHECKING:
    from la_mbda.baselines.agent import BaselineAgent
    from la_mbda.model_based import ModelBasedAgent
    from la_mbda.posterior import StoredSamples

CHECKPOINTS, WEIGHTS = "checkpoint", "weights"
SAMPLES = "posterior_samples"
"""The folder with a few posterior samples, beside the weights of an agent that is shipped."""
STORED_SAMPLES = 5


def train(config: Config, results: Path, make_logger: MakeLogger | None = None) -> dict:
    """Train one run to its budget, or resume it, and return its score.

    A finished run is left as it is, unless its budget was smaller: it is then trained further, and
    its earlier score kept in `earlier/`.

    Args:
        make_logger: makes one more place for the run's numbers, such as `WeightsAndBiases`.

    Raises:
        ValueError: the results folder holds a run with other settings, or the environment or the
            offline dataset does not fit, or the replay does not fit into memory; or another
            process trains the run; or the task shows images and there is no GL library; before
            any training. Later: what the environment gives or the run learns is not finite, or the
            disk is full.
        EnvironmentFailedError: the environment's own code raised an error.
    """
    path = run_path(results, config)
    score = final_score(path, config)
    check_config(path, config)
    if score is not None:
        return score
    if (path / "score.json").exists() and not _has_saved(path, CHECKPOINTS):
        raise ExpectedError(
            f"{path} is finished and has no checkpoint, so that it cannot be trained further, to "
            f"{config.training.env_steps} env steps: choose other --results, and it is trained anew"
        )
    # Before the folder exists, so that it does not keep a setting that has to be changed.
    env = make_environment(config)
    algorithm = algorithms.find(config.algorithm)
    if algorithm.model_free:
        check_vectors(config, env)
    else:
        if config.training.offline_dataset is not None and not _has_saved(path, CHECKPOINTS):
            print(check_dataset(config, env))
        print(check_memory(config, env), flush=True)
    env.close()
    with without_native_messages():
        algorithms.agent_class(config.algorithm)
        trainer = references.load("algorithm", algorithm.trainer)
    check_rendering(config)
    with locked(path):
        folder = RunFolder(path, config)
        score = final_score(path, config)
        if score is not None:  # Another process has finished it in the meantime.
            return score
        return trainer(config, folder, make_logger=make_logger).run()


def _has_saved(path: Path, kind: str) -> bool:
    return any((path / kind).glob("step_*/manifest.json"))


def check_agent(path: Path) -> Config:
    """Make sure that a run folder has something to load an agent from.

    Returns:
        The run's settings.

    Raises:
        ValueError: the folder is no run, or has neither checkpoints nor weights.
    """
    config = read_config(path)
    if config is None:
        raise ExpectedError(f"{path} is no run folder: give one that holds a config.json")
    if not _has_saved(path, CHECKPOINTS) and not _has_saved(path, WEIGHTS):
        raise ExpectedError(
            f"{path} has no checkpoint and no weights: let its training go on for a while, or "
            "choose another run, as most shipped ones come without"
        )
    return config


def load_agent(path: Path) -> "ModelBasedAgent | BaselineAgent":
    """Load the agent of a run folder, as of its last checkpoint, or the weights that it ships.

    Shipped weights come without optimisers and with `STORED_SAMPLES` samples of the posterior, if
    any: such an agent acts and imagines, but does not resume learning where its run ended.

    Raises:
        ValueError: the folder is no run, or has neither a usable checkpoint nor weights.
    """
    config = check_agent(path)
    with without_native_messages():
        from la_mbda.runs import checkpoint

        env = make_environment(config)
        agent = algorithms.make_agent(config, env)
    env.close()
    if checkpoint.restore(path / CHECKPOINTS, agent) is None:
        checkpoint.restore(path / WEIGHTS, agent.learnt)
        if _has_saved(path, SAMPLES):
            agent.posterior = _stored_samples(agent)
            checkpoint.restore(path / SAMPLES, agent.posterior)
    return agent


def save_weights(run: Path, target: Path) -> None:
    """Save what a run's agent has learnt, so that `load_agent` can load it from another folder.

    Of an active posterior, `STORED_SAMPLES` samples are saved too: at the `cpu` size 4 MB of 19.

    Raises:
        ValueError: the run has no usable checkpoint.
    """
    agent = load_agent(run)
    from la_mbda.runs import checkpoint  # Loads TensorFlow, as `load_agent` has.

    step = read_score(run / "score.json")["env_steps"]
    checkpoint.save(target / WEIGHTS, agent.learnt, {}, step)
    if not algorithms.find(agent.config.algorithm).model_free and agent.posterior.active:
        stored = _stored_samples(agent)
        stored.assign(agent.posterior.sample(stored.count, agent.evaluation_noise))
        checkpoint.save(target / SAMPLES, stored, {}, step)


def _stored_samples(agent: "ModelBasedAgent") -> "StoredSamples":
    from la_mbda.posterior import StoredSamples

    count = max(STORED_SAMPLES, agent.config.swag.posterior_samples)
    return StoredSamples(agent.model.imagination_weights, count)
