"""What the outer loops of all algorithms share: evaluate, save, stop, resume, confirm, score."""

import abc
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from la_mbda.config import Config
from la_mbda.errors import ENVIRONMENT_ERRORS, UnwritableError
from la_mbda.runs import checkpoint
from la_mbda.runs.evaluator import Evaluator
from la_mbda.runs.folder import RunFolder
from la_mbda.runs.loggers import MakeLogger
from la_mbda.runs.progress import RunProgress
from la_mbda.runs.recorder import Recorder
from la_mbda.runs.stopping import StopRequest

if TYPE_CHECKING:
    from la_mbda.baselines.agent import BaselineAgent
    from la_mbda.model_based import ModelBasedAgent

AnyAgent = TypeVar("AnyAgent", bound="ModelBasedAgent | BaselineAgent")
AnyProgress = TypeVar("AnyProgress", bound=RunProgress)


class OuterLoop(abc.ABC, Generic[AnyAgent, AnyProgress]):
    """One run, from wherever its folder says it stands to its score.

    All progress lives in the run's folder: a run that was killed resumes from its last checkpoint
    as if it had not been.
    """

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        agent: AnyAgent,
        evaluator: Evaluator,
        start: AnyProgress,
        make_logger: MakeLogger | None,
    ):
        """Args:
        start: where a run stands that has not begun.
        make_logger: makes one more place for the run's numbers.
        """
        self._config, self._settings, self._folder = config, config.training, folder
        self.agent, self._evaluator = agent, evaluator
        self.stop = StopRequest()
        self.progress = self._restore(start)
        loggers = [make_logger(config, folder.path)] if make_logger else []
        self._recorder = Recorder(config, folder, self.progress, loggers)

    def run(self) -> dict:
        """Train to the budget, evaluate there, confirm and write the score, and return it.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; what was under way is finished and saved.
            ValueError: a loss, a weight, an action or what the environment gives is not finite, or
                the run cannot be written.
            EnvironmentFailedError: the environment raised an error.
        """
        progress, score = self.progress, None
        try:
            with self.stop:
                self._folder.extend()
                self._folder.truncate(progress.sizes)
                self._begin()
                while self._halfway or not self._at_budget(progress) or not progress.evaluation:
                    self._iterate()
                while len(progress.confirmed) < self._settings.final_episodes:
                    with self._keeping():
                        self._evaluator.confirm(self.agent, progress, self._recorder)
                    self._save(due=True)
            found = self._score() | progress.confirmation()
            score = self._folder.finish(found, progress.seconds)
        except UnwritableError as error:
            error.add_note("the same command resumes from what is saved")
            raise
        finally:
            self._recorder.close(score)
        self._close()
        return score

    @property
    def _halfway(self) -> bool:
        """Whether an iteration has played, and is not over."""
        return self.progress.env_steps > self.progress.iteration_start

    def _at_budget(self, progress: AnyProgress) -> bool:
        """Whether a run that stands there has all its env steps."""
        return progress.env_steps >= self._settings.env_steps

    def _begin(self) -> None:
        """Do what comes before the first iteration, unless it is done."""

    @abc.abstractmethod
    def _advance(self) -> None:
        """Do what is left of an iteration's learning and playing."""

    @abc.abstractmethod
    def _score(self) -> dict:
        """Return the score without what confirms it."""

    def _iterate(self) -> None:
        """Do what is left of an iteration: learn and play, then evaluate and save when due."""
        self._advance()
        if self._due(self._settings.evaluate_every):
            with self._keeping():
                self._evaluator.evaluate(self.agent, self.progress, self._recorder)
        checkpoint_due = self._due(self._settings.checkpoint_every)
        self._end_iteration()
        self._save(checkpoint_due)

    def _end_iteration(self) -> None:
        self.progress.iteration_start = self.progress.env_steps

    def _due(self, every: int) -> bool:
        """Whether this iteration passed a multiple of some env steps, or is the last one."""
        progress = self.progress
        passed = progress.env_steps // every > progress.iteration_start // every
        return passed or self._at_budget(progress)

    def _save(self, due: bool = False) -> None:
        """Save the run if that is due or a signal asked for a stop, and in that case leave it."""
        asked = self.stop.asked
        if due or asked:
            self._checkpoint()
        if asked:
            raise KeyboardInterrupt

    def _close(self) -> None:
        """Close the environments."""
        self._evaluator.close()

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """While episodes are played: where the environment fails, the run is left as it was before.

        Once the environment is mended, the run resumes from there, as if they had not begun.

        Raises:
            BadEnvironmentError, EnvironmentFailedError: with a note on where the run stands.
        """
        progress, acting = self.progress, self.agent.changed_by_acting
        before = [variable.numpy() for variable in acting]
        try:
            yield
        except ENVIRONMENT_ERRORS as error:
            for variable, value in zip(acting, before, strict=True):
                variable.assign(value)
            if progress.moment:
                self._checkpoint()
            error.add_note(
                f"the run is left as it was before, after {progress.env_steps:,} env steps, and "
                "resumes from there once the environment is mended"
            )
            raise

    def _checkpoint(self) -> None:
        progress = self.progress
        with self._recorder.stage("checkpointing"):
            progress.sizes = self._folder.flush()
            state = dataclasses.asdict(progress)
            checkpoint.save(self._folder.checkpoints, self.agent, state, progress.moment)

    def _restore(self, start: AnyProgress) -> AnyProgress:
        """Go back to the last checkpoint, or to the very start."""
        progress, state = start, checkpoint.restore(self._folder.checkpoints, self.agent)
        if state is not None:
            progress = checkpoint.as_progress(type(start), state, self._folder.checkpoints)
        self._folder.check_streams(progress.sizes)
        if progress.confirmed and not self._at_budget(progress):
            # It is trained further: other episodes will confirm its next score.
            progress.confirmed = []
            progress.sizes["confirmed"] = 0
        return progress
