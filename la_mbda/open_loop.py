"""What a run's model imagines beside what really came: the data behind the paper's Figure 3.

From some moments of one real episode, after its observations up to there, the episode's own actions
are followed under N posterior samples, and, for LAMBDA and its ablations, the policy as well.
"""

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import tensorflow as tf

from la_mbda import rssm
from la_mbda.agent import Agent
from la_mbda.episodes import play_evaluating
from la_mbda.errors import ExpectedError, whole
from la_mbda.imagination import follow, upper_bound
from la_mbda.model_based import ModelBasedAgent
from la_mbda.replay import Episode
from la_mbda.runs.folder import write_json

REAL = "real"


class Policy(NamedTuple):
    """The policy followed from one start under each sample, for the behaviour's horizon."""

    rewards: np.ndarray
    """`[sample, time]`."""
    costs: np.ndarray
    """`[sample, time, constraints]`."""
    values: dict[str, np.ndarray]
    """V_λ `[sample, time − 1]` of `task` and, where there are safety critics, `cost_0` …"""
    chosen: dict[str, int]
    """The sample that each upper bound takes, by the config's `bound_by`; none for greedy."""


class Future(NamedTuple):
    """What follows one moment of an episode, really and as imagined, per decision."""

    start: int
    """Decisions before it."""
    real: Episode
    """The steps that really followed."""
    rewards: np.ndarray
    """Under the real actions, `[sample, time]`."""
    costs: np.ndarray
    """`[sample, time, constraints]`."""
    images: np.ndarray | None
    """uint8 `[sample, time, 64, 64, channels]`; None for vector observations."""
    policy: Policy | None
    """None for CEM-MPC, which has none."""


def imagine_futures(
    agent: ModelBasedAgent, env: gymnasium.Env, seed: int, starts: tuple[int, ...], steps: int
) -> list[Future]:
    """Play an episode as evaluations do and imagine from some of its moments.

    All starts share the same samples. Images are decoded by the current decoder.

    Args:
        starts: decisions to imagine from; three spread over the episode where there are none.

    Raises:
        ValueError: the episode is too short for a start and its steps.
    """
    episode, states = play_evaluating(env, agent, seed)
    last = len(states) - steps
    if steps < 1 or last < 0:
        raise ExpectedError(
            f"imagine_steps is {steps}: choose 1 to {len(states)}, the episode's decisions"
        )
    for start in starts:
        if not 0 <= start <= last:
            raise ExpectedError(
                f"imagine_at is {start}: choose 0 to {last}, as the episode has {len(states)} "
                f"decisions and {steps} are imagined"
            )
    samples = agent.sample_models(agent.evaluation_noise)
    spread = sorted({last // 4, last // 2, 3 * last // 4})
    return [
        _imagine_future(agent, samples, episode, states[start].belief, start, steps)
        for start in starts or spread
    ]


def _imagine_future(
    agent: ModelBasedAgent, samples: dict, episode: Episode, belief: rssm.Belief, start: int, steps
) -> Future:
    real = Episode(*(part[start + 1 : start + 1 + steps] for part in episode))
    features = follow(samples, belief, tf.constant(real.action[None]), agent.evaluation_noise)
    images = None
    if real.observation.ndim == 4:
        decoded = agent.model.decode(tf.reshape(features, [-1, features.shape[-1]])).numpy()
        pixels = np.clip(np.round(255.0 * (decoded + 0.5)), 0, 255).astype(np.uint8)
        images = pixels.reshape(features.shape[0], steps, *pixels.shape[1:])
    return Future(
        start,
        real,
        agent.model.reward(samples, features)[:, 0].numpy(),
        agent.model.cost(samples, features)[:, 0].numpy(),
        images,
        _follow_policy(agent, samples, belief) if isinstance(agent, Agent) else None,
    )


def _follow_policy(agent: Agent, samples: dict, belief: rssm.Belief) -> Policy:
    imagined = agent.imagine(samples, belief, agent.evaluation_noise)
    values = agent.values_of_samples(imagined, "values")
    chosen = {}
    if agent.config.algorithm != "greedy_lambda":
        by = agent.values_of_samples(imagined, agent.config.behaviour.bound_by)
        chosen = {name: int(upper_bound(v)[0]) for name, v in by.items()}
    return Policy(
        imagined.rewards[:, 0].numpy(),
        imagined.costs[:, 0].numpy(),
        {name: v[:, 0].numpy() for name, v in values.items()},
        chosen,
    )


def save_futures(folder: Path, agent: ModelBasedAgent, futures: list[Future]) -> None:
    """Write `actions.csv`, `policy.csv`, `futures.json` and, of images, `images.npz`.

    A line of `actions.csv` is a step after a start, of the real episode (`real`) or of one sample
    under the same actions; of `policy.csv`, under the policy, with V_λ of its state (none for
    the last, which bootstraps). `futures.json` holds for each start Σ_t V_λ of every sample and the
    sample that each bound chooses, and by which rule they choose.
    """
    folder.mkdir(parents=True, exist_ok=True)
    constraints = range(futures[0].costs.shape[-1])
    names = ["start", "step", "sample", "reward", *(f"cost_{i}" for i in constraints)]
    _write_csv(folder / "actions.csv", names, [row for f in futures for row in _action_rows(f)])
    summary = {
        "task": agent.config.task,
        "algorithm": agent.config.algorithm,
        "samples": len(futures[0].rewards),
        "posterior_active": bool(agent.posterior.active),
        "bound_by": agent.config.behaviour.bound_by,
        "starts": [_summary(future) for future in futures],
    }
    write_json(folder / "futures.json", summary)
    if futures[0].policy is not None:
        names += [f"value_{name}" for name in futures[0].policy.values]
        rows = [row for f in futures if f.policy for row in _policy_rows(f.start, f.policy)]
        _write_csv(folder / "policy.csv", names, rows)
    if futures[0].images is not None:
        arrays: dict[str, Any] = {f"imagined_{f.start}": f.images for f in futures}
        arrays |= {f"{REAL}_{f.start}": f.real.observation for f in futures}
        with whole(folder / "images.npz") as file:
            np.savez_compressed(file, **arrays)


def _action_rows(future: Future) -> list[list]:
    sources: list[tuple] = [(REAL, future.real.reward, future.real.cost)]
    sources += [(j, *pair) for j, pair in enumerate(zip(future.rewards, future.costs, strict=True))]
    return [
        [future.start, step + 1, sample, rewards[step], *costs[step]]
        for sample, rewards, costs in sources
        for step in range(len(rewards))
    ]


def _policy_rows(start: int, policy: Policy) -> list[list]:
    rows = []
    for sample, (rewards, costs) in enumerate(zip(policy.rewards, policy.costs, strict=True)):
        values = np.array([value[sample] for value in policy.values.values()])
        for step, reward in enumerate(rewards):
            of_state = values[:, step] if step < values.shape[1] else [""] * len(values)
            rows.append([start, step + 1, sample, reward, *costs[step], *of_state])
    return rows


def _summary(future: Future) -> dict:
    summary: dict = {"start": future.start}
    if future.policy is not None:
        summary["chosen"] = future.policy.chosen
        values = future.policy.values.items()
        summary["sums_of_values"] = {name: value.sum(-1).tolist() for name, value in values}
    return summary


def _write_csv(path: Path, names: list[str], rows: list[list]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([names, *rows])
    with whole(path) as file:
        file.write(text.getvalue().encode())
