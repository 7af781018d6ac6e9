"""A toy environment with known optima, and settings small enough to solve it in seconds."""

import gymnasium
import numpy as np

from la_mbda.presets import make_config

BEST_ACTION = 0.5
COST_ABOVE = 0.0
FAILS_ABOVE = 0.5


class ToyEnv(gymnasium.Env):
    """Reward 1 − (a − 0.5)² for an action a; it costs 1 where a > 0.

    The best action is 0.5; the best one without cost is 0. The observation is the last action.
    """

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, length: int = 20, render_mode: str | None = None):
        self._length = length
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._steps = 0
        return self.np_random.normal(0.0, 0.1, 1).astype(np.float32), {}

    def step(self, action):
        self._steps += 1
        reward = 1.0 - float(action[0] - BEST_ACTION) ** 2
        observation = np.clip(action, -1.0, 1.0).astype(np.float32)
        info = {"cost": float(action[0] > COST_ABOVE)}
        return observation, reward, False, self._steps >= self._length, info


class FailingEnv(ToyEnv):
    """The toy environment where an action above 0.5 fails: it costs 1, is rewarded with −1, and
    ends the episode."""

    def step(self, action):
        observation, _, _, truncated, _ = super().step(action)
        failed = bool(action[0] > FAILS_ABOVE)
        return observation, -1.0 if failed else 1.0, failed, truncated, {"cost": float(failed)}


gymnasium.register("Toy-v0", entry_point=ToyEnv)
gymnasium.register("Failing-v0", entry_point=FailingEnv)

TINY = {
    "deterministic_size": 16,
    "stochastic_size": 4,
    "rssm_units": 16,
    "image_channels": 2,
    "vector_units": 16,
    "vector_layers": 1,
    "head_units": 32,
    "actor_units": 32,
    "actor_layers": 2,
    "critic_units": 32,
    "critic_layers": 2,
    "horizon": 5,
    "batch_size": 8,
    "sequence_length": 10,
    "posterior_samples": 2,
    "swag_burn_in": 5,
    "swag_period": 2,
    "swag_models": 3,
    "evaluation_episodes": 2,
    "actor_mode_samples": 20,
}


def tiny_config(task: str = "gymnasium:Toy-v0", algorithm: str = "lambda", **overrides):
    """A config of the quick preset at the smallest sizes."""
    episode = {"action_repeat": 1, "episode_steps": 20, "random_steps": 100, "env_steps": 200}
    return make_config("quick", task, algorithm, **TINY | episode | overrides)


# Of a run of a few updates, with evaluations, checkpoints and final episodes.
LOOP = {
    "env_steps": 260,
    "random_steps": 100,
    "evaluate_every": 80,
    "checkpoint_every": 60,
    "steps_per_iteration": 20,
    "updates_per_iteration": 2,
    "pretraining_updates": 3,
    "final_episodes": 5,
}

# With which the toy task is learnt in some hundred updates.
LEARNING = {
    "discount": 0.5,
    "cost_discount": 0.5,
    "model_learning_rate": 3e-3,
    "actor_learning_rate": 1e-3,
    "task_critic_learning_rate": 3e-3,
    "safety_critic_learning_rate": 3e-3,
    "actor_initial_std": 0.5,
    "free_nats": 0.0,
    "cost_weight": 1.0,
    "cost_budget": (0.2,),
    "initial_multiplier": 0.01,
    "initial_penalty": 0.01,
}

# Of a run on an SG6 task.
SIZES = TINY | {
    "env_steps": 600,
    "random_steps": 400,
    "episode_steps": 200,
    "steps_per_iteration": 200,
    "updates_per_iteration": 4,
    "pretraining_updates": 4,
    "evaluate_every": 600,
    "checkpoint_every": 400,
    "final_episodes": 3,
    "sequence_length": 8,
    "batch_size": 2,
}
