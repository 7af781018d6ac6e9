"""Every setting by its group: type, range, default, meaning.

Defaults are Table 1 of the paper together with Section 5 and the authors' published settings, and,
of the baselines, those of Ray et al. (2019). Field names are unique over all groups, so that a
command line can override each by name.
"""

import typing
from dataclasses import dataclass
from typing import Annotated, Literal

from la_mbda.validation import AtLeast, Between, MoreThan

Count = Annotated[int, AtLeast(1)]
Seed = Annotated[int, AtLeast(0)]
Positive = Annotated[float, MoreThan(0)]
NotNegative = Annotated[float, AtLeast(0)]
Fraction = Annotated[float, Between(0, 1)]
BoundRule = Literal["values", "critic"]
BOUND_RULES: tuple[BoundRule, ...] = typing.get_args(BoundRule)


@dataclass(frozen=True)
class WorldModelConfig:
    """The RSSM, its heads, loss and optimiser (Section 3.1, Appendix C; Hafner et al. 2019)."""

    deterministic_size: Count = 200
    """Units of the GRU, the deterministic part h of the belief."""
    stochastic_size: Count = 30
    """Dimensions of the stochastic part z of the belief."""
    rssm_units: Count = 200
    """Units of the RSSM's dense layers (cell input, prior, posterior)."""
    image_channels: Count = 32
    """Channels of the first convolution; the next ones have 2, 4 and 8 times as many."""
    vector_units: Count = 400
    """Units of each layer that encodes or decodes a vector observation."""
    vector_layers: Count = 3
    """Hidden layers that encode or decode a vector observation."""
    head_units: Count = 400
    """Units of each hidden layer of the reward, cost and terminal heads."""
    head_layers: Count = 2
    """Hidden layers of the reward, cost and terminal heads."""
    terminal_head: bool = True
    """Predict terminal states; where episodes only end by time, leaving it out saves its cost.
    cpu and quick leave it out for SG6."""
    kl_scale: Positive = 1.0
    """Weight of the balanced KL divergence in the model's loss."""
    kl_mix: Fraction = 0.8
    """Share of the KL balance that trains the prior."""
    free_nats: NotNegative = 3.0
    """KL below which the prior and the posterior are not pulled together."""
    reward_std: Positive = 1.0
    """Standard deviation of the reward's likelihood; its head predicts in this unit."""
    cost_weight: Positive = 100.0
    """Weight of unsafe states in the cost head's log-likelihood."""
    calibrate_cost: bool = False
    """Undo in the predicted cost probability what `cost_weight` adds to it."""
    model_learning_rate: Positive = 1e-4
    """Base learning rate of the world model."""
    cyclic_factor: Annotated[float, AtLeast(1)] = 5.0
    """Highest learning rate over the base one (triangular cycle, half-period `swag_period`)."""
    model_clip: Positive = 100.0
    """Global norm at which the world model's gradient is clipped."""


@dataclass(frozen=True)
class SwagConfig:
    """The SWAG posterior over world models (Appendix C; Maddox et al. 2019)."""

    posterior_samples: Count = 5
    """Posterior samples N in each actor-critic update."""
    swag_burn_in: Annotated[int, AtLeast(0)] = 500
    """Model updates before the first snapshot."""
    swag_period: Count = 200
    """Model updates between snapshots."""
    swag_decay: Fraction = 0.8
    """Decay δ of the exponentially weighted moments."""
    swag_models: Annotated[int, AtLeast(2)] = 20
    """Deviations K kept for the low-rank part; samples begin with the K-th snapshot."""
    swag_scale: NotNegative = 1.0
    """Scale of the posterior's covariance."""


@dataclass(frozen=True)
class BehaviourConfig:
    """Imagination, actor and critics (Sections 4.1 and 4.2, Algorithms 1 and 3)."""

    horizon: Annotated[int, AtLeast(2)] = 15
    """Imagined decisions H from each start."""
    bound_by: BoundRule = "values"
    """Each upper bound takes the sample of largest Σ V_λ (values, Algorithm 1) or largest mean of
    the critic's v over time (critic, the authors' code). greedy_lambda has no bounds."""
    discount: Fraction = 0.99
    """Discount γ of rewards, per decision."""
    return_lambda: Fraction = 0.95
    """λ of the task's TD(λ) values."""
    cost_discount: Fraction = 0.995
    """Discount γ_c of costs, per decision."""
    cost_return_lambda: Fraction = 0.95
    """λ_c of the safety TD(λ) values."""
    actor_units: Count = 400
    """Units of each hidden layer of the actor."""
    actor_layers: Count = 4
    """Hidden layers of the actor."""
    actor_initial_std: Positive = 5.0
    """Standard deviation of the policy, before squashing, that a raw output of 0 stands for."""
    actor_minimum_std: Positive = 1e-4
    """Least standard deviation of the policy, before squashing."""
    actor_mean_bound: Positive = 5.0
    """Bound of the policy's mean, before squashing."""
    actor_mode_samples: Count = 100
    """Samples among which the most likely one is the evaluated action."""
    actor_learning_rate: Positive = 8e-5
    """Learning rate of the actor."""
    actor_clip: Positive = 5.0
    """Global norm at which the actor's gradient is clipped."""
    critic_units: Count = 400
    """Units of each hidden layer of the critics."""
    critic_layers: Count = 3
    """Hidden layers of the critics."""
    task_critic_learning_rate: Positive = 8e-5
    """Learning rate of the task critic."""
    task_critic_clip: Positive = 1.0
    """Norm at which each gradient of the task critic is clipped."""
    safety_critic_learning_rate: Positive = 2e-4
    """Learning rate of the safety critics."""
    safety_critic_clip: Positive = 50.0
    """Norm at which each gradient of the safety critics is clipped."""
    shadow_interval: Count = 100
    """Updates between copies of the critics to their shadows."""
    adam_epsilon: Positive = 1e-5
    """Adam's ε, for all networks."""


@dataclass(frozen=True)
class LagrangianConfig:
    """The augmented Lagrangian (Section 4.1, Eqs. 6-8)."""

    cost_budget: tuple[NotNegative, ...] = (25.0,)
    """Budget d of each constraint: cost per episode."""
    initial_multiplier: NotNegative = 1e-6
    """Lagrange multiplier λ_0."""
    initial_penalty: Positive = 5e-9
    """Penalty μ_0."""
    penalty_growth: NotNegative = 1e-5
    """Relative growth of μ at each update."""


@dataclass(frozen=True)
class PlannerConfig:
    """CEM-MPC's planner (Appendix F; Liu et al. 2021); discounts and budget are LAMBDA's."""

    planner_horizon: Count = 8
    """Imagined decisions of each candidate."""
    candidates: Count = 150
    """Candidate sequences of actions in each iteration."""
    planner_iterations: Count = 10
    """Iterations for each decision, at most."""
    elites: Count = 15
    """Best candidates, which the next iteration's are drawn around."""
    planner_stop_std: NotNegative = 0.1
    """Mean standard deviation of the actions at which the search stops."""


@dataclass(frozen=True)
class BaselineConfig:
    """The model-free baselines (Ray et al. 2019, "Benchmarking Safe Exploration in Deep RL")."""

    epoch_steps: Count = 30_000
    """Simulator steps of an epoch: what each update learns from."""
    baseline_units: Count = 256
    """Units of each hidden layer of the policy and the values."""
    baseline_layers: Count = 2
    """Hidden layers (tanh) of the policy and the values."""
    initial_log_std: float = -0.5
    """Log standard deviation of the actions at the start; it does not depend on the state."""
    advantage_discount: Fraction = 0.99
    """Discount γ of rewards and of costs."""
    advantage_lambda: Fraction = 0.97
    """λ of the generalised advantages of rewards and of costs."""
    value_steps: Count = 80
    """Full-batch steps of the values in each epoch."""
    value_learning_rate: Positive = 1e-3
    """Learning rate of the values."""
    policy_steps: Count = 80
    """Full-batch steps of PPO's policy in each epoch, at most."""
    policy_learning_rate: Positive = 3e-4
    """Learning rate of PPO's policy."""
    clip_ratio: Positive = 0.2
    """PPO's clip of the likelihood ratio."""
    target_kl: Positive = 0.01
    """Bound on the mean KL divergence of an epoch's policies."""
    kl_margin: NotNegative = 1.2
    """PPO stops where the divergence exceeds the bound times this."""
    conjugate_gradient_steps: Count = 10
    """Iterations that solve for the natural gradient (TRPO, CPO)."""
    damping: NotNegative = 0.1
    """Added to the Fisher matrix's diagonal (TRPO, CPO)."""
    backtrack: Annotated[float, MoreThan(0), Between(0, 1)] = 0.8
    """Factor by which the line search shortens a step (TRPO, CPO)."""
    backtracks: Count = 10
    """Steps that the line search tries."""
    initial_cost_penalty: Positive = 1.0
    """Penalty on costs at the start (PPO-Lagrangian, TRPO-Lagrangian)."""
    cost_penalty_learning_rate: Positive = 5e-2
    """Learning rate of the penalty's raw value, before softplus."""


@dataclass(frozen=True)
class TrainingConfig:
    """The outer loop and the protocol (Algorithm 2, Section 5)."""

    env_steps: Count = 1_000_000
    """Budget of simulator steps, the random start included."""
    random_steps: Annotated[int, AtLeast(0)] = 5_000
    """Simulator steps of uniform-random actions at the start; none with an offline_dataset."""
    offline_dataset: str | None = None
    """Folder of episodes to start from in place of random actions."""
    pretraining_updates: Annotated[int, AtLeast(0)] = 100
    """Updates of the world model alone before the first full update."""
    updates_per_iteration: Count = 100
    """Full updates U at the start of each iteration."""
    steps_per_iteration: Count = 1_000
    """Simulator steps of whole episodes that end an iteration."""
    replay_capacity: Count = 2_000_000
    """Simulator steps remembered at most; the oldest episodes are forgotten first."""
    batch_size: Count = 32
    """Sequences B in a batch."""
    sequence_length: Count = 50
    """Steps L of each sequence."""
    observation: Literal["vision", "lidar"] = "vision"
    """What SG6 shows the agent: vision (64x64 pixels) or lidar (a vector)."""
    action_repeat: Count = 2
    """Simulator steps for which each action is held."""
    episode_steps: Count = 1_000
    """Simulator steps of an episode."""
    evaluate_every: Count = 25_000
    """Simulator steps between evaluations."""
    evaluation_episodes: Count = 10
    """Episodes E of each evaluation, stepped as one batch."""
    final_episodes: Annotated[int, AtLeast(0)] = 100
    """Episodes on layouts of their own that confirm the score of a finished run; 0 for none."""
    checkpoint_every: Count = 10_000
    """Simulator steps between checkpoints."""

    @property
    def start_steps(self) -> int:
        """Simulator steps before the first update."""
        return self.random_steps if self.offline_dataset is None else 0


@dataclass(frozen=True)
class ComputeConfig:
    """How updates are computed; what is computed stays the same."""

    compile: Literal["none", "xla"] = "none"
    """Compiler of the update: none (TensorFlow's own kernels, faster on CPUs) or xla (for GPUs)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of products and convolutions: float32 or bfloat16; all else is float32."""
