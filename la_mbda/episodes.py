"""Playing episodes: one at a time to learn from, several as one batch to evaluate.

Where things stand in them derives from the task, a seed and the episode's index (`layout_seed`), so
that algorithms meet the same layouts and tasks do not.
"""

from typing import NamedTuple

import gymnasium
import numpy as np

from la_mbda.environments import cost_of
from la_mbda.model_based import ModelBasedAgent, PolicyState
from la_mbda.randomness import derive_seed
from la_mbda.replay import Episode, EpisodeBuilder
from la_mbda.spaces import action_count


def layout_seed(task: str, seed: int, stream: str, *index: int) -> int:
    """Return the seed of an episode's layout.

    Args:
        stream: what the episode is for; the layouts of one purpose are never another's.
        index: the episode's place in it.
    """
    return derive_seed(seed, stream, task, *index)


class Played(NamedTuple):
    """An episode and its length in simulator steps."""

    episode: Episode
    env_steps: int


class Evaluation(NamedTuple):
    """Undiscounted returns `[episodes]` and cost returns `[episodes, constraints]`."""

    returns: np.ndarray
    cost_returns: np.ndarray

    def summary(self) -> dict:
        """Their means, Ĵ and Ĵ_c, and each episode's values, as JSON has them."""
        return {
            "return": float(self.returns.mean()),
            "cost_return": plain(self.cost_returns.mean(0)),
            "returns": self.returns.tolist(),
            "cost_returns": [plain(costs) for costs in self.cost_returns],
        }


def plain(costs: np.ndarray) -> float | list[float]:
    """Return a number for one constraint, a list for several."""
    return float(costs[0]) if len(costs) == 1 else [float(cost) for cost in costs]


def play_random(env: gymnasium.Env, seed: int, constraints: int) -> Played:
    """Play an episode of uniform-random actions."""
    rng = np.random.default_rng(seed)
    actions = action_count(env)

    def decide(_: np.ndarray) -> np.ndarray:
        return rng.uniform(-1.0, 1.0, actions).astype(np.float32)

    return _play(env, decide, seed, constraints)


def play_exploring(env: gymnasium.Env, agent: ModelBasedAgent, seed: int) -> Played:
    """Play an episode of the agent's sampled actions."""
    return _play_agent(env, agent, seed, explore=True)[0]


def play_evaluating(
    env: gymnasium.Env, agent: ModelBasedAgent, seed: int
) -> tuple[Episode, list[PolicyState]]:
    """Play an episode of the agent's mode actions; return its state after each decision too."""
    played, states = _play_agent(env, agent, seed, explore=False)
    return played.episode, states


def _play_agent(
    env: gymnasium.Env, agent: ModelBasedAgent, seed: int, explore: bool
) -> tuple[Played, list[PolicyState]]:
    states = [agent.initial_state(1)]

    def decide(observation: np.ndarray) -> np.ndarray:
        action, state = agent.act(observation[None], states[-1], explore)
        states.append(state)
        return action[0]

    return _play(env, decide, seed, len(agent.config.lagrangian.cost_budget)), states[1:]


def _play(env: gymnasium.Env, decide, seed: int, constraints: int) -> Played:
    observation, _ = env.reset(seed=seed)
    builder = EpisodeBuilder(observation, action_count(env), constraints)
    env_steps, done = 0, False
    while not done:
        action = decide(observation)
        # Of its own, as an environment may write into what it is given.
        observation, reward, terminated, truncated, info = env.step(action.copy())
        builder.add(observation, action, float(reward), cost_of(info, constraints), terminated)
        env_steps += info["env_steps"]
        done = terminated or truncated
    return Played(builder.finish(), env_steps)


def evaluate(
    environments: list[gymnasium.Env],
    agent: ModelBasedAgent,
    seeds: list[int],
    on_step=None,
    sampled: bool = False,
) -> Evaluation:
    """Play episodes of the agent, one per environment, stepped as one batch.

    The agent does not learn from them and each starts from the zero belief (the authors' code let
    the belief of one episode run on into the next).

    Args:
        on_step: called after each decision with the returns and cost returns so far.
        sampled: act as in training, by samples of the policy, in place of its mode.
    """
    constraints = len(agent.config.lagrangian.cost_budget)
    count = len(environments)
    returns, cost_returns = np.zeros(count), np.zeros((count, constraints))
    # Copies, as environments may write their arrays again, and may even share them.
    pairs = zip(environments, seeds, strict=True)
    observations = [np.array(env.reset(seed=seed)[0]) for env, seed in pairs]
    state = agent.initial_state(count)
    running = np.ones(count, bool)
    while running.any():
        actions, state = agent.act(np.stack(observations), state, explore=sampled)
        for i in np.flatnonzero(running):
            played = environments[i].step(actions[i].copy())
            observation, reward, terminated, truncated, info = played
            observations[i] = np.array(observation)
            returns[i] += reward
            cost_returns[i] += cost_of(info, constraints)
            running[i] = not (terminated or truncated)
        if on_step is not None:
            on_step(returns, cost_returns)
    return Evaluation(returns, cost_returns)
