"""The outer loop of a baseline: play an epoch, learn from it, evaluate and save when due.

A run is left and gone on with between epochs, where no episode is under way.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np

from la_mbda.baselines.agent import BaselineAgent
from la_mbda.baselines.constraint import Constraint
from la_mbda.baselines.rollouts import Fragment, means, play_epoch
from la_mbda.config import SCORED_EPOCHS, Config
from la_mbda.environments import make_environment
from la_mbda.episodes import layout_seed
from la_mbda.runs import checkpoint
from la_mbda.runs.evaluator import Evaluator
from la_mbda.runs.folder import RunFolder
from la_mbda.runs.keeping import keeping
from la_mbda.runs.progress import RunProgress
from la_mbda.runs.recorder import Recorder
from la_mbda.runs.stopping import StopRequest


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
    evaluation_due: bool = False
    """Whether the last epoch is still to be followed by an evaluation."""

    def work(self, config: Config) -> dict[str, float]:
        """Units of each stage done so far, as `durations.work_until` counts them."""
        return super().work(config) | {"updating": self.env_steps}


class BaselineTrainer:
    """One run, from wherever its folder says it stands to its score."""

    def __init__(self, config: Config, folder: RunFolder):
        self._config, self._settings, self._folder = config, config.training, folder
        self._evaluator = Evaluator(config, folder, make_environment)
        env = self._evaluator.environments[0]
        shape, actions = env.observation_space.shape, env.action_space.shape[0]
        self._agent = BaselineAgent(config, shape, actions)
        self._stop = StopRequest()
        self._progress = self._restore()
        self._recorder = Recorder(config, folder, self._progress)

    def run(self) -> dict:
        """Trains for as many whole epochs as the budget has; confirms and writes the score.

        Returns:
            The score.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; the epoch that was going on is finished and saved.
            ValueError: a loss or a weight is not finite; or what the environment gives.
            EnvironmentFailedError: the environment raised an error.
        """
        with self._stop:
            self._evaluate_if_due()
            while self._progress.epochs < self._epochs:
                self._run_epoch()
                self._stop_if_asked()
            while len(self._progress.confirmed) < self._settings.final_episodes:
                with self._keeping():
                    self._evaluator.confirm(self._agent, self._progress, self._recorder)
                self._checkpoint()
                self._stop_if_asked()
        self._recorder.close()
        self._evaluator.close()
        return self._score()

    def _stop_if_asked(self) -> None:
        """Called where a run can be left and gone on with."""
        if self._stop.asked:
            self._leave()
            raise KeyboardInterrupt

    def _leave(self) -> None:
        self._checkpoint()
        self._recorder.close()

    def _keeping(self) -> AbstractContextManager:
        """While episodes are played, which begin where a run can be left and gone on with."""
        return keeping(self._progress, self._agent.changed_by_acting, self._leave)

    @property
    def _epochs(self) -> int:
        return self._settings.env_steps // self._config.baseline.epoch_steps

    def _run_epoch(self) -> None:
        progress, start = self._progress, self._progress.env_steps
        with self._keeping():
            slots = self._play()
        constraint = self._record(slots)
        with self._recorder.stage("updating"):
            metrics = self._agent.update(list(itertools.chain(*slots)), constraint)
            self._recorder.advance("updating", self._config.baseline.epoch_steps)
        progress.epochs += 1
        self._recorder.check_finite(metrics, f"epoch {progress.epochs}")
        self._recorder.log("updates", progress.env_steps, {"updates": progress.epochs} | metrics)
        last = progress.epochs == self._epochs

        def due(every: int) -> bool:
            return last or progress.env_steps // every > start // every

        progress.evaluation_due = due(self._settings.evaluate_every)
        self._evaluate_if_due()
        if due(self._settings.checkpoint_every):
            self._checkpoint()

    def _evaluate_if_due(self) -> None:
        if self._progress.evaluation_due:
            with self._keeping():
                self._evaluator.evaluate(self._agent, self._progress, self._recorder)
            self._progress.evaluation_due = False

    def _play(self) -> list[list[Fragment]]:
        count = self._config.baseline.epoch_steps // self._settings.episode_steps
        first = self._progress.epochs * count
        task, seed = self._config.task, self._config.seed
        seeds = [layout_seed(task, seed, "slot", first + i) for i in range(count)]
        slots = []
        with self._recorder.stage("acting"):
            for played in play_epoch(self._config, self._agent.policy.numpy(), seeds):
                slots.append(played)
                self._recorder.advance("acting", sum(fragment.env_steps for fragment in played))
        return slots

    def _record(self, slots: Sequence[Sequence[Fragment]]) -> Constraint:
        """Logs the episodes; those that only the slot's end cut are no episodes."""
        progress = self._progress
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
        progress = self._progress
        returned, cost = np.mean([pair for epoch in progress.recent for pair in epoch], 0)
        first_return, first_cost = np.mean(progress.first, 0)
        score = {
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
        return self._folder.finish(score | progress.confirmation(), progress.seconds)

    def _checkpoint(self) -> None:
        progress = self._progress
        with self._recorder.stage("checkpointing"):
            progress.sizes = self._folder.sizes()
            state = dataclasses.asdict(progress)
            checkpoint.save(self._folder.checkpoints, self._agent, state, progress.moment)

    def _restore(self) -> Progress:
        """Goes back to the last checkpoint, or to the very start."""
        state = checkpoint.restore(self._folder.checkpoints, self._agent)
        progress = checkpoint.as_progress(Progress, state or {}, self._folder.checkpoints)
        self._folder.truncate(progress.sizes)
        return progress
