"""A run's evaluations and the episodes that confirm its score, in environments of their own.

The protocol (Section 5) evaluates on ten episodes. Their mean cost says little of other layouts, so
a finished run plays more of them, which confirm its score and say whether it keeps its budget.
"""

import dataclasses
from typing import TYPE_CHECKING

from la_mbda.budget import confirmation
from la_mbda.config import BASELINES, Config
from la_mbda.environments import make_environment
from la_mbda.episodes import evaluate, layout_seed, plain
from la_mbda.recorder import Recorder
from la_mbda.run_folder import RunFolder

if TYPE_CHECKING:
    from la_mbda.baselines.agent import BaselineAgent
    from la_mbda.model_based import ModelBasedAgent


@dataclasses.dataclass
class RunProgress:
    """Where a run of any algorithm stands: what its checkpoints hold besides variables."""

    env_steps: int = 0
    evaluations: int = 0
    evaluation: dict = dataclasses.field(default_factory=dict)
    """The last evaluation."""
    confirmed: list[dict] = dataclasses.field(default_factory=list)
    """The final episodes so far, as lines of `confirmed.jsonl`."""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def moment(self) -> int:
        """What orders checkpoints: env steps, and then the final episodes."""
        return self.env_steps + len(self.confirmed)

    def confirmation(self) -> dict:
        """What the score says of the final episodes; nothing where there were none."""
        if not self.confirmed:
            return {}
        values = [[line[name] for line in self.confirmed] for name in ("return", "cost_return")]
        return {"confirmed": confirmation(*values)}


class Evaluator:
    """Plays what a run is judged by; the run's own environments and noise stay untouched."""

    def __init__(self, config: Config, folder: RunFolder):
        self._config, self._folder = config, folder
        count = config.training.evaluation_episodes
        self.environments = [make_environment(config) for _ in range(count)]

    def evaluate(
        self, agent: "ModelBasedAgent | BaselineAgent", progress: RunProgress, recorder: Recorder
    ) -> None:
        """The protocol's evaluation: ten episodes of the policy's mode, for curves and score."""
        indices = [(progress.evaluations, i) for i in range(len(self.environments))]
        with recorder.stage("evaluating"):
            played = evaluate(self.environments, agent, self._seeds("evaluation", indices))
        progress.evaluation = played.summary()
        progress.evaluations += 1
        recorder.log("evaluations", progress.env_steps, progress.evaluation)

    def confirm(
        self, agent: "ModelBasedAgent | BaselineAgent", progress: RunProgress, recorder: Recorder
    ) -> None:
        """The next of the final episodes, one in each environment while any are left.

        A baseline samples its actions in them, as its score is of episodes in which it does (Ray et
        al. 2019); all others take the policy's mode, as in evaluations.
        """
        first, count = len(progress.confirmed), self._config.training.final_episodes
        indices = [(i,) for i in range(first, min(first + len(self.environments), count))]
        with recorder.stage("confirming", f"confirming {first}/{count}"):
            played = evaluate(
                self.environments[: len(indices)],
                agent,
                self._seeds("confirmation", indices),
                sampled=self._config.algorithm in BASELINES,
            )
        for (i,), value, costs in zip(indices, played.returns, played.cost_returns, strict=True):
            line = {"episode": i, "return": float(value), "cost_return": plain(costs)}
            self._folder.append("confirmed", line)
            progress.confirmed.append(line)

    def _seeds(self, stream: str, indices: list[tuple[int, ...]]) -> list[int]:
        task, seed = self._config.task, self._config.seed
        return [layout_seed(task, seed, stream, *index) for index in indices]

    def close(self) -> None:
        """Closes the environments."""
        for env in self.environments:
            env.close()
