"""The outer loop of Algorithm 2 and the protocol of Section 5, for one run.

Random start (or an offline dataset), pre-training, then iterations: updates first, then episodes,
evaluation and checkpoint when they are due.
"""

import dataclasses
import warnings
from collections.abc import Callable

import gymnasium
import numpy as np

from la_mbda.algorithms import make_agent
from la_mbda.config import Config
from la_mbda.environments import make_environment
from la_mbda.episodes import Played, layout_seed, plain, play_exploring, play_random
from la_mbda.errors import ExpectedError
from la_mbda.model_based import ModelBasedAgent
from la_mbda.offline import read_episodes
from la_mbda.replay import Episode
from la_mbda.runs.evaluator import Evaluator
from la_mbda.runs.folder import RunFolder
from la_mbda.runs.loggers import MakeLogger
from la_mbda.runs.outer_loop import OuterLoop
from la_mbda.runs.progress import RunProgress


@dataclasses.dataclass
class Progress(RunProgress):
    """Where a run with a world model stands."""

    episodes: int = 0
    """Episodes in the replay buffer, those of an offline dataset included."""
    updates: int = 0
    started: bool = False
    """Whether the random start and the pre-training are over."""
    updates_done: int = 0
    """Updates of this iteration, or of the pre-training, so far."""
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    """What they add to the means that are logged after the last of them."""
    costs: list[float] = dataclasses.field(default_factory=list)
    """Sum of each constraint's costs met while training."""
    replay_random_state: dict = dataclasses.field(default_factory=dict)

    def work(self, config: Config) -> dict[str, float]:
        """Return units of each stage done so far, as `durations.work_until` counts them."""
        pretraining = min(self.updates, config.training.pretraining_updates)
        updates = {"pre-training": pretraining, "updating": self.updates - pretraining}
        return super().work(config) | updates


class Trainer(OuterLoop[ModelBasedAgent, Progress]):
    """One run of an agent with a world model, from wherever its folder says it stands."""

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        make_agent: Callable[[Config, gymnasium.Env], ModelBasedAgent] = make_agent,
        make_environment: Callable[[Config], gymnasium.Env] = make_environment,
        make_logger: MakeLogger | None = None,
    ):
        """Args:
        make_agent: makes the agent for an environment's spaces; by the config's algorithm.
        make_environment: makes one environment for training and each for evaluations; by the
            config's task.
        make_logger: makes one more place for the run's numbers.
        """
        self._constraints = len(config.lagrangian.cost_budget)
        self._env = make_environment(config)
        self._warned = False
        evaluator = Evaluator(config, folder, make_environment)
        start = Progress(costs=[0.0] * self._constraints)
        agent = make_agent(config, self._env)
        super().__init__(config, folder, agent, evaluator, start, make_logger)

    def _begin(self) -> None:
        """Fill the replay buffer by random actions or an offline dataset, then train the model."""
        if self.progress.started:
            return
        if self._settings.offline_dataset is not None and not self.progress.episodes:
            for episode in read_episodes(self._config, self._env):
                self._remember(episode)
        while self.progress.env_steps < self._settings.start_steps:
            self._play(lambda seed: play_random(self._env, seed, self._constraints))
        self._update(self.agent.pretrain, self._settings.pretraining_updates, "pre-training")
        self.progress.started = True
        self._end_iteration()
        self._checkpoint()

    def _advance(self) -> None:
        """Do what is left of an iteration: updates first, then whole episodes."""
        progress, settings = self.progress, self._settings
        self._update(self.agent.update, settings.updates_per_iteration, "updating")
        end = progress.iteration_start + settings.steps_per_iteration
        while progress.env_steps < min(end, settings.env_steps):
            self._play(lambda seed: play_exploring(self._env, self.agent, seed))

    def _end_iteration(self) -> None:
        super()._end_iteration()
        self.progress.updates_done = 0

    def _close(self) -> None:
        super()._close()
        self._env.close()

    def _update(self, update: Callable[[], dict[str, float]], count: int, stage: str) -> None:
        """Run what is left of some updates and log the mean of the metrics of all."""
        progress = self.progress
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
            self._save()

    def _play(self, play: Callable[[int], Played]) -> None:
        """Play an episode, store it and log it."""
        progress = self.progress
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
        self._save()

    def _remember(self, episode: Episode) -> None:
        self._warn_of_terminations(episode)
        with self._recorder.stage("remembering"):
            episode.save(self._folder.episode_path(self.progress.episodes))
            self.agent.observe(episode)
        self.progress.episodes += 1

    def _warn_of_terminations(self, episode: Episode) -> None:
        """Say once that an episode ended by itself, where the agent does not learn that."""
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
        progress = self.progress
        return {
            "env_steps": progress.env_steps,
            "return": progress.evaluation["return"],
            "cost_return": progress.evaluation["cost_return"],
            "cost_regret": plain(np.array(progress.costs) / max(progress.env_steps, 1)),
        }

    def _checkpoint(self) -> None:
        self.progress.replay_random_state = self.agent.replay.random_state()
        super()._checkpoint()

    def _restore(self, start: Progress) -> Progress:
        progress = super()._restore(start)
        if progress.replay_random_state:
            self.agent.replay.set_random_state(progress.replay_random_state)
        for index in range(progress.episodes):
            self.agent.replay.add(self._load(index))
        return progress

    def _load(self, index: int) -> Episode:
        path = self._folder.episode_path(index)
        try:
            return Episode.load(path)
        except ValueError as error:
            raise ExpectedError(
                f"{path} cannot be read ({error.__cause__ or error}), and the run needs it to "
                "resume: put it back, or choose other --results"
            ) from error
