"""A run's evaluations and the episodes that confirm its score, in environments of their own.

The protocol (Section 5) evaluates on ten episodes. Their mean cost says little of other layouts, so
a finished run plays more of them, which confirm its score and say whether it keeps its budget.
"""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import gymnasium

from la_mbda import algorithms
from la_mbda.config import Config
from la_mbda.episodes import Evaluation, evaluate, layout_seed, plain
from la_mbda.runs.folder import RunFolder
from la_mbda.runs.progress import RunProgress
from la_mbda.runs.recorder import Recorder

if TYPE_CHECKING:
    from la_mbda.baselines.agent import BaselineAgent
    from la_mbda.model_based import ModelBasedAgent


class Evaluator:
    """Plays what a run is judged by; the run's own environments and noise stay untouched."""

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        make_environment: Callable[[Config], gymnasium.Env],
    ):
        self._config, self._folder = config, folder
        count = config.training.evaluation_episodes
        self.environments = [make_environment(config) for _ in range(count)]

    def evaluate(
        self, agent: "ModelBasedAgent | BaselineAgent", progress: RunProgress, recorder: Recorder
    ) -> None:
        """Make the protocol's evaluation: ten episodes of the mode, for curves and score."""
        indices = [(progress.evaluations, i) for i in range(len(self.environments))]
        with recorder.stage("evaluating"):
            advance = functools.partial(recorder.advance, "evaluating")
            played = self._play(agent, "evaluation", indices, advance)
        progress.evaluation = played.summary()
        progress.evaluations += 1
        recorder.log("evaluations", progress.env_steps, progress.evaluation)

    def confirm(
        self, agent: "ModelBasedAgent | BaselineAgent", progress: RunProgress, recorder: Recorder
    ) -> None:
        """Play the next of the final episodes, one in each environment while any are left.

        A baseline samples its actions in them, as its score is of episodes in which it does (Ray et
        al. 2019); all others take the policy's mode, as in evaluations.
        """
        first, count = len(progress.confirmed), self._config.training.final_episodes
        indices = [(i,) for i in range(first, min(first + len(self.environments), count))]
        with recorder.stage("confirming", f"confirming {first}/{count}"):
            advance = functools.partial(recorder.advance, "confirming")
            sampled = algorithms.find(self._config.algorithm).model_free
            played = self._play(agent, "confirmation", indices, advance, sampled)
        for (i,), value, costs in zip(indices, played.returns, played.cost_returns, strict=True):
            line = {"episode": i, "return": float(value), "cost_return": plain(costs)}
            self._folder.append("confirmed", line)
            progress.confirmed.append(line)

    def _play(
        self,
        agent: "ModelBasedAgent | BaselineAgent",
        stream: str,
        indices: Sequence[tuple[int, ...]],
        advance: Callable[[int], None],
        sampled: bool = False,
    ) -> Evaluation:
        """Play an episode for each index as one batch.

        Args:
            advance: told env steps as they are done, as many in all as whole episodes have.
        """
        task, seed, training = self._config.task, self._config.seed, self._config.training
        seeds = [layout_seed(task, seed, stream, *index) for index in indices]
        left = len(indices) * training.episode_steps

        def on_step(*_) -> None:
            nonlocal left
            done = min(left, len(indices) * training.action_repeat)
            left -= done
            advance(done)

        played = evaluate(self.environments[: len(indices)], agent, seeds, on_step, sampled)
        advance(left)  # Of episodes that ended early.
        return played

    def close(self) -> None:
        """Close the environments."""
        for env in self.environments:
            env.close()
