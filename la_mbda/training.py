"""The outer loop of Algorithm 2 and the protocol of Section 5, for one run.

Random start (or an offline dataset), pre-training, then iterations: updates first, then episodes,
evaluation and checkpoint when they are due. All progress lives in the run's folder, and a run that
was killed goes on from its last checkpoint as if it had not been.
"""

import dataclasses
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager

import gymnasium
import numpy as np

from la_mbda.algorithms import make_agent
from la_mbda.config import Config
from la_mbda.environments import make_environment
from la_mbda.episodes import Played, layout_seed, plain, play_exploring, play_random
from la_mbda.model_based import ModelBasedAgent
from la_mbda.offline import read_episodes
from la_mbda.replay import Episode
from la_mbda.runs import checkpoint
from la_mbda.runs.evaluator import Evaluator
from la_mbda.runs.folder import RunFolder
from la_mbda.runs.keeping import keeping
from la_mbda.runs.progress import RunProgress
from la_mbda.runs.recorder import Recorder
from la_mbda.runs.stopping import StopRequest


@dataclasses.dataclass
class Progress(RunProgress):
    """Where a run with a world model stands."""

    episodes: int = 0
    """Remembered episodes, those of an offline dataset included."""
    updates: int = 0
    started: bool = False
    """Whether the random start and the pre-training are over."""
    iteration_start: int = 0
    """Env steps at which the iteration that goes on began."""
    updates_done: int = 0
    """Updates of this iteration, or of the pre-training, so far."""
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    """What they add to the means that are logged after the last of them."""
    costs: list[float] = dataclasses.field(default_factory=list)
    """Sum of each constraint's costs met while training."""
    replay_random_state: dict = dataclasses.field(default_factory=dict)

    def work(self, config: Config) -> dict[str, float]:
        """Units of each stage done so far, as `durations.work_until` counts them."""
        pretraining = min(self.updates, config.training.pretraining_updates)
        updates = {"pre-training": pretraining, "updating": self.updates - pretraining}
        return super().work(config) | updates


class Trainer:
    """One run, from wherever its folder says it stands to its score."""

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        make_agent: Callable[[Config, gymnasium.Env], ModelBasedAgent] = make_agent,
        make_environment: Callable[[Config], gymnasium.Env] = make_environment,
    ):
        """Args:
        make_agent: makes the agent for an environment's spaces; by the config's algorithm.
        make_environment: makes one environment for training and each for evaluations; by the
            config's task.
        """
        self._config, self._settings, self._folder = config, config.training, folder
        self._constraints = len(config.lagrangian.cost_budget)
        self._env = make_environment(config)
        self._evaluator = Evaluator(config, folder, make_environment)
        self._agent = make_agent(config, self._env)
        self._stop = StopRequest()
        self._warned = False
        self._progress = self._restore()
        self._recorder = Recorder(config, folder, self._progress)

    def run(self) -> dict:
        """Trains to the budget, evaluates there, confirms and writes the score, and returns it.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; what was going on is finished and saved.
            ValueError: a loss, a gradient, an action or what the environment gives is not finite.
            EnvironmentFailedError: the environment raised an error.
        """
        with self._stop:
            if not self._progress.started:
                self._start()
            budget = self._settings.env_steps
            while self._progress.iteration_start < budget or not self._progress.evaluation:
                self._iterate()
            while len(self._progress.confirmed) < self._settings.final_episodes:
                with self._keeping():
                    self._evaluator.confirm(self._agent, self._progress, self._recorder)
                self._checkpoint()
                self._stop_if_asked()
        self._recorder.close()
        self._env.close()
        self._evaluator.close()
        return self._score()

    @property
    def _finished(self) -> bool:
        return self._progress.env_steps >= self._settings.env_steps

    def _due(self, every: int) -> bool:
        """Whether this iteration passed a multiple of some env steps, or is the last one."""
        passed = self._progress.env_steps // every > self._progress.iteration_start // every
        return self._finished or passed

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

    def _start(self) -> None:
        """Fills the memory with random actions or an offline dataset, then trains the model."""
        if self._settings.offline_dataset is not None and not self._progress.episodes:
            for episode in read_episodes(self._config, self._env):
                self._remember(episode)
        while self._progress.env_steps < self._settings.start_steps:
            self._play(lambda seed: play_random(self._env, seed, self._constraints))
        self._update(self._agent.pretrain, self._settings.pretraining_updates, "pre-training")
        self._progress.started = True
        self._end_iteration()
        self._checkpoint()

    def _iterate(self) -> None:
        """The outer loop's body: updates first, then whole episodes; begun or half done."""
        progress, settings = self._progress, self._settings
        self._update(self._agent.update, settings.updates_per_iteration, "updating")
        end = progress.iteration_start + settings.steps_per_iteration
        while progress.env_steps < min(end, settings.env_steps):
            self._play(lambda seed: play_exploring(self._env, self._agent, seed))
        if self._due(settings.evaluate_every):
            with self._keeping():
                self._evaluator.evaluate(self._agent, progress, self._recorder)
        checkpoint_due = self._due(settings.checkpoint_every)
        self._end_iteration()
        if checkpoint_due:
            self._checkpoint()

    def _end_iteration(self) -> None:
        progress = self._progress
        progress.iteration_start, progress.updates_done = progress.env_steps, 0

    def _update(self, update: Callable[[], dict[str, float]], count: int, stage: str) -> None:
        """Runs what is left of some updates and logs the mean of the metrics of all."""
        progress = self._progress
        while progress.updates_done < count:
            with self._recorder.stage(stage, f"{stage} {progress.updates_done}/{count}"):
                metrics = update()
                self._recorder.advance(stage, 1)
            self._recorder.check_finite(metrics, f"update {progress.updates + 1} ({stage})")
            for name, value in metrics.items():
                progress.metrics[name] = progress.metrics.get(name, 0.0) + value / count
            progress.updates_done += 1
            progress.updates += 1
            if progress.updates_done == count:
                values = {"updates": progress.updates} | progress.metrics
                self._recorder.log("updates", progress.env_steps, values)
                progress.metrics = {}
            self._stop_if_asked()

    def _play(self, play: Callable[[int], Played]) -> None:
        """Plays an episode, remembers it and logs it."""
        progress = self._progress
        with self._keeping(), self._recorder.stage("acting"):
            task, seed = self._config.task, self._config.seed
            played = play(layout_seed(task, seed, "episode", progress.episodes))
            self._recorder.advance("acting", played.env_steps)
        episode = played.episode
        costs = episode.cost.sum(0)
        progress.env_steps += played.env_steps
        progress.costs = (np.array(progress.costs) + costs).tolist()
        self._remember(episode)
        values = {
            "return": float(episode.reward.sum()),
            "cost_return": plain(costs),
            "length": played.env_steps,
            "cost_regret": plain(np.array(progress.costs) / progress.env_steps),
        }
        self._recorder.log("episodes", progress.env_steps, values)
        self._stop_if_asked()

    def _remember(self, episode: Episode) -> None:
        self._warn_of_terminations(episode)
        with self._recorder.stage("remembering"):
            episode.save(self._folder.episode_path(self._progress.episodes))
            self._agent.observe(episode)
        self._progress.episodes += 1

    def _warn_of_terminations(self, episode: Episode) -> None:
        """Says once that an episode ended by itself, where the agent does not learn that."""
        planner = self._config.algorithm == "cem_mpc"
        if self._warned or not episode.terminal.any():
            return
        if planner or not self._config.model.terminal_head:
            self._warned = True
            why = (
                "cem_mpc plans as if" if planner else "terminal_head is off, so it is learnt as if"
            )
            fix = "choose lambda" if planner else "give --terminal-head"
            warnings.warn(
                f"an episode of {self._config.task} ended by itself (terminated), but {why} "
                f"episodes ended by time alone: {fix} if that matters",
                stacklevel=2,
            )

    def _score(self) -> dict:
        """Ĵ and Ĵ_c of the evaluation at the budget; ρ_c over every training step."""
        progress = self._progress
        score = {
            "env_steps": progress.env_steps,
            "return": progress.evaluation["return"],
            "cost_return": progress.evaluation["cost_return"],
            "cost_regret": plain(np.array(progress.costs) / max(progress.env_steps, 1)),
        }
        return self._folder.finish(score | progress.confirmation(), progress.seconds)

    def _checkpoint(self) -> None:
        progress = self._progress
        with self._recorder.stage("checkpointing"):
            progress.sizes = self._folder.sizes()
            progress.replay_random_state = self._agent.replay.random_state()
            state = dataclasses.asdict(progress)
            checkpoint.save(self._folder.checkpoints, self._agent, state, progress.moment)

    def _restore(self) -> Progress:
        """Goes back to the last checkpoint, or to the very start."""
        state = checkpoint.restore(self._folder.checkpoints, self._agent)
        if state is None:
            self._folder.truncate({})
            return Progress(costs=[0.0] * self._constraints)
        progress = checkpoint.as_progress(Progress, state, self._folder.checkpoints)
        self._folder.truncate(progress.sizes)
        self._agent.replay.set_random_state(progress.replay_random_state)
        for index in range(progress.episodes):
            self._agent.replay.add(Episode.load(self._folder.episode_path(index)))
        return progress
