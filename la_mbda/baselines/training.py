"""The outer loop of a baseline: play an epoch, learn from it, evaluate and save when due.

A run is left and resumed between epochs, where no episode is under way.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from la_mbda.algorithms import make_agent
from la_mbda.baselines.agent import BaselineAgent
from la_mbda.baselines.constraint import Constraint
from la_mbda.baselines.rollouts import Fragment, means, play_epoch
from la_mbda.config import SCORED_EPOCHS, Config
from la_mbda.environments import make_environment
from la_mbda.episodes import layout_seed
from la_mbda.runs.evaluator import Evaluator
from la_mbda.runs.folder import RunFolder
from la_mbda.runs.loggers import MakeLogger
from la_mbda.runs.outer_loop import OuterLoop
from la_mbda.runs.progress import RunProgress


@dataclasses.dataclass
class Progress(RunProgress):
    """Where a baseline's run stands."""

    epochs: int = 0
    cost: float = 0.0
    """Sum of the costs met while training."""
    first: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    """Return and cost return of an episode in each slot of the first epoch (`rollouts.means`), of
    the untrained policy."""
    recent: list[list[tuple[float, float]]] = dataclasses.field(default_factory=list)
    """The same of the last epochs, which are scored."""
    rates: list[float] = dataclasses.field(default_factory=list)
    """All costs so far per env step, at the ends of these epochs."""

    def work(self, config: Config) -> dict[str, float]:
        """Return units of each stage done so far, as `durations.work_until` counts them."""
        return super().work(config) | {"updating": self.env_steps}


class BaselineTrainer(OuterLoop[BaselineAgent, Progress]):
    """One run of a baseline, from wherever its folder says it stands."""

    def __init__(self, config: Config, folder: RunFolder, make_logger: MakeLogger | None = None):
        """Args: make_logger: makes one more place for the run's numbers."""
        evaluator = Evaluator(config, folder, make_environment)
        agent = make_agent(config, evaluator.environments[0])
        super().__init__(config, folder, agent, evaluator, Progress(), make_logger)

    def _at_budget(self, progress: Progress) -> bool:
        """Whether all whole epochs of the budget are done."""
        return progress.epochs >= self._settings.env_steps // self._config.baseline.epoch_steps

    def _advance(self) -> None:
        """Play an epoch and learn from it, unless that is done and only what follows is left."""
        progress = self.progress
        if self._halfway:
            return
        with self._keeping():
            slots = self._play()
        constraint = self._record(slots)
        with self._recorder.stage("updating"):
            metrics = self.agent.update(list(itertools.chain(*slots)), constraint)
            self._recorder.advance("updating", self._config.baseline.epoch_steps)
        progress.epochs += 1
        self._recorder.check_finite(metrics, f"epoch {progress.epochs}")
        self._recorder.log("updates", progress.env_steps, {"epochs": progress.epochs} | metrics)

    def _play(self) -> list[list[Fragment]]:
        count = self._config.baseline.epoch_steps // self._settings.episode_steps
        first = self.progress.epochs * count
        task, seed = self._config.task, self._config.seed
        seeds = [layout_seed(task, seed, "slot", first + i) for i in range(count)]
        slots = []
        with self._recorder.stage("acting"):
            for played in play_epoch(self._config, self.agent.policy.numpy(), seeds):
                slots.append(played)
                self._recorder.advance("acting", sum(fragment.env_steps for fragment in played))
        return slots

    def _record(self, slots: Sequence[Sequence[Fragment]]) -> Constraint:
        """Log the episodes; those that only the slot's end cut are no episodes."""
        progress = self.progress
        for fragment in itertools.chain(*slots):
            progress.env_steps += fragment.env_steps
            returned, cost, _ = fragment.totals
            progress.cost += cost
            if fragment.completed:
                values = {
                    "return": returned,
                    "cost_return": cost,
                    "length": fragment.env_steps,
                    "cost_regret": progress.cost / progress.env_steps,
                }
                self._recorder.log("episodes", progress.env_steps, values)
        returns, costs, lengths = zip(*map(means, slots), strict=True)
        episodes = list(zip(returns, costs, strict=True))
        progress.first = progress.first or episodes
        progress.recent = [*progress.recent, episodes][-SCORED_EPOCHS:]
        progress.rates = [*progress.rates, progress.cost / progress.env_steps][-SCORED_EPOCHS:]
        (budget,) = self._config.lagrangian.cost_budget
        return Constraint(float(np.mean(costs) - budget), float(np.mean(lengths)))

    def _score(self) -> dict:
        """Ĵ and Ĵ_c of the last epochs' training episodes, ρ_c the mean of the rates at their ends.

        Each slot counts alike, which is each episode where all are of one length.

        So the published scores of the baselines are read (after Ray et al. 2019).
        """
        progress = self.progress
        returned, cost = np.mean([pair for epoch in progress.recent for pair in epoch], 0)
        first_return, first_cost = np.mean(progress.first, 0)
        return {
            "env_steps": progress.env_steps,
            "return": float(returned),
            "cost_return": float(cost),
            "cost_regret": float(np.mean(progress.rates)),
            "scored_epochs": [progress.epochs - len(progress.rates) + 1, progress.epochs],
            "first_epoch_return": float(first_return),
            "first_epoch_cost_return": float(first_cost),
            "evaluation_return": progress.evaluation["return"],
            "evaluation_cost_return": progress.evaluation["cost_return"],
        }
