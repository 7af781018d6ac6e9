"""Every setting of a run: frozen dataclasses, validation, JSON round trip.

Defaults are Table 1 of the paper together with Section 5 and the authors' published settings, and,
of the baselines, those of Ray et al. (2019). Field names are unique over all groups, so that a
command line can override each by name.
"""

import dataclasses
import re
import types
import typing
from dataclasses import dataclass, field

from la_mbda import algorithms, validation
from la_mbda.errors import ExpectedError

SG6_TASKS = (
    "PointGoal1",
    "PointGoal2",
    "CarGoal1",
    "PointPush1",
    "PointButton1",
    "DoggoGoal1",
)
TASKS = (*SG6_TASKS, "ObservablePointPush1")
EXTERNAL_TASK_PREFIX = "gymnasium:"
ALGORITHMS = {name: known.display_name for name, known in algorithms.ALGORITHMS.items()}
BASELINES = tuple(name for name, known in algorithms.ALGORITHMS.items() if known.model_free)
SCORED_EPOCHS = 2
"""A baseline's score is that of its last epochs, this many."""
PRESETS = ("paper", "paper_long", "cpu", "quick")


@dataclass(frozen=True)
class WorldModelConfig:
    """The RSSM, its heads, loss and optimiser (Section 3.1, Appendix C; Hafner et al. 2019)."""

    deterministic_size: int = 200
    """Units of the GRU, the deterministic part h of the belief."""
    stochastic_size: int = 30
    """Dimensions of the stochastic part z of the belief."""
    rssm_units: int = 200
    """Units of the RSSM's dense layers (cell input, prior, posterior)."""
    image_channels: int = 32
    """Channels of the first convolution; the next ones have 2, 4 and 8 times as many."""
    vector_units: int = 400
    """Units of each layer that encodes or decodes a vector observation."""
    vector_layers: int = 3
    """Hidden layers that encode or decode a vector observation."""
    head_units: int = 400
    """Units of each hidden layer of the reward, cost and terminal heads."""
    head_layers: int = 2
    """Hidden layers of the reward, cost and terminal heads."""
    terminal_head: bool = True
    """Predict terminal states; where episodes only end by time, leaving it out saves its cost.
    cpu and quick leave it out for SG6."""
    kl_scale: float = 1.0
    """Weight of the balanced KL divergence in the model's loss."""
    kl_mix: float = 0.8
    """Share of the KL balance that trains the prior."""
    free_nats: float = 3.0
    """KL below which the prior and the posterior are not pulled together."""
    cost_weight: float = 100.0
    """Weight of unsafe states in the cost head's log-likelihood."""
    calibrate_cost: bool = False
    """Undo in the predicted cost probability what `cost_weight` adds to it."""
    model_learning_rate: float = 1e-4
    """Base learning rate of the world model."""
    cyclic_factor: float = 5.0
    """Highest learning rate over the base one (triangular cycle, half-period `swag_period`)."""
    model_clip: float = 100.0
    """Global norm at which the world model's gradient is clipped."""


@dataclass(frozen=True)
class SwagConfig:
    """The SWAG posterior over world models (Appendix C; Maddox et al. 2019)."""

    posterior_samples: int = 5
    """Posterior draws N in each actor-critic update."""
    swag_burn_in: int = 500
    """Model updates before the first snapshot."""
    swag_period: int = 200
    """Model updates between snapshots."""
    swag_decay: float = 0.8
    """Decay δ of the exponentially weighted moments."""
    swag_models: int = 20
    """Deviations K kept for the low-rank part; draws begin with the K-th snapshot."""
    swag_scale: float = 1.0
    """Scale of the posterior's covariance."""


@dataclass(frozen=True)
class BehaviourConfig:
    """Imagination, actor and critics (Sections 4.1 and 4.2, Algorithms 1 and 3)."""

    horizon: int = 15
    """Imagined decisions H from each start."""
    bound_by: str = "values"
    """Each upper bound takes the draw of largest Σ V_λ (values, Algorithm 1) or of largest mean of
    the critic's v over time (critic, the authors' code). greedy_lambda has no bounds."""
    discount: float = 0.99
    """Discount γ of rewards, per decision."""
    return_lambda: float = 0.95
    """λ of the task's TD(λ) values."""
    cost_discount: float = 0.995
    """Discount γ_c of costs, per decision."""
    cost_return_lambda: float = 0.95
    """λ_c of the safety TD(λ) values."""
    actor_units: int = 400
    """Units of each hidden layer of the actor."""
    actor_layers: int = 4
    """Hidden layers of the actor."""
    actor_initial_std: float = 5.0
    """Standard deviation of the policy, before squashing, that a raw output of 0 stands for."""
    actor_mode_samples: int = 100
    """Samples among which the most likely one is the evaluated action."""
    actor_learning_rate: float = 8e-5
    """Learning rate of the actor."""
    actor_clip: float = 5.0
    """Global norm at which the actor's gradient is clipped."""
    critic_units: int = 400
    """Units of each hidden layer of the critics."""
    critic_layers: int = 3
    """Hidden layers of the critics."""
    task_critic_learning_rate: float = 8e-5
    """Learning rate of the task critic."""
    task_critic_clip: float = 1.0
    """Norm at which each gradient of the task critic is clipped."""
    safety_critic_learning_rate: float = 2e-4
    """Learning rate of the safety critics."""
    safety_critic_clip: float = 50.0
    """Norm at which each gradient of the safety critics is clipped."""
    shadow_interval: int = 100
    """Updates between copies of the critics to their shadows."""
    adam_epsilon: float = 1e-5
    """Adam's ε, for all networks."""


@dataclass(frozen=True)
class LagrangianConfig:
    """The augmented Lagrangian (Section 4.1, Eqs. 6-8)."""

    cost_budget: tuple[float, ...] = (25.0,)
    """Budget d of each constraint: cost per episode."""
    initial_multiplier: float = 1e-6
    """Lagrange multiplier λ_0."""
    initial_penalty: float = 5e-9
    """Penalty μ_0."""
    penalty_growth: float = 1e-5
    """Relative growth of μ at each update."""


@dataclass(frozen=True)
class PlannerConfig:
    """CEM-MPC's planner (Appendix F; Liu et al. 2021); discounts and budget are LAMBDA's."""

    planner_horizon: int = 8
    """Imagined decisions of each candidate."""
    candidates: int = 150
    """Candidate sequences of actions in each iteration."""
    planner_iterations: int = 10
    """Iterations for each decision, at most."""
    elites: int = 15
    """Best candidates, which the next iteration's are drawn around."""
    planner_stop_std: float = 0.1
    """Mean standard deviation of the actions at which the search stops."""


@dataclass(frozen=True)
class BaselineConfig:
    """The model-free baselines (Ray et al. 2019, "Benchmarking Safe Exploration in Deep RL")."""

    epoch_steps: int = 30_000
    """Simulator steps of an epoch: what each update learns from."""
    baseline_units: int = 256
    """Units of each hidden layer of the policy and the values."""
    baseline_layers: int = 2
    """Hidden layers (tanh) of the policy and the values."""
    initial_log_std: float = -0.5
    """Log standard deviation of the actions at the start; it does not depend on the state."""
    advantage_discount: float = 0.99
    """Discount γ of rewards and of costs."""
    advantage_lambda: float = 0.97
    """λ of the generalised advantages of rewards and of costs."""
    value_steps: int = 80
    """Full-batch steps of the values in each epoch."""
    value_learning_rate: float = 1e-3
    """Learning rate of the values."""
    policy_steps: int = 80
    """Full-batch steps of PPO's policy in each epoch, at most."""
    policy_learning_rate: float = 3e-4
    """Learning rate of PPO's policy."""
    clip_ratio: float = 0.2
    """PPO's clip of the likelihood ratio."""
    target_kl: float = 0.01
    """Bound on the mean KL divergence of an epoch's policies."""
    kl_margin: float = 1.2
    """PPO stops where the divergence exceeds the bound times this."""
    conjugate_gradient_steps: int = 10
    """Iterations that solve for the natural gradient (TRPO, CPO)."""
    damping: float = 0.1
    """Added to the Fisher matrix's diagonal (TRPO, CPO)."""
    backtrack: float = 0.8
    """Factor by which the line search shortens a step (TRPO, CPO)."""
    backtracks: int = 10
    """Steps that the line search tries."""
    initial_cost_penalty: float = 1.0
    """Penalty on costs at the start (PPO-Lagrangian, TRPO-Lagrangian)."""
    cost_penalty_learning_rate: float = 5e-2
    """Learning rate of the penalty's raw value, before softplus."""


@dataclass(frozen=True)
class TrainingConfig:
    """The outer loop and the protocol (Algorithm 2, Section 5)."""

    env_steps: int = 1_000_000
    """Budget of simulator steps, the random start included."""
    random_steps: int = 5_000
    """Simulator steps of uniform-random actions at the start; none with an offline_dataset."""
    offline_dataset: str | None = None
    """Folder of episodes to start from in place of random actions."""
    pretraining_updates: int = 100
    """Updates of the world model alone before the first full update."""
    updates_per_iteration: int = 100
    """Full updates U at the start of each iteration."""
    steps_per_iteration: int = 1_000
    """Simulator steps of whole episodes that end an iteration."""
    replay_capacity: int = 2_000_000
    """Simulator steps remembered at most; the oldest episodes are forgotten first."""
    batch_size: int = 32
    """Sequences B in a batch."""
    sequence_length: int = 50
    """Steps L of each sequence."""
    observation: str = "vision"
    """What SG6 shows the agent: vision (64x64 pixels) or lidar (a vector)."""
    action_repeat: int = 2
    """Simulator steps for which each action is held."""
    episode_steps: int = 1_000
    """Simulator steps of an episode."""
    evaluate_every: int = 25_000
    """Simulator steps between evaluations."""
    evaluation_episodes: int = 10
    """Episodes E of each evaluation, stepped as one batch."""
    final_episodes: int = 100
    """Episodes on layouts of their own that confirm the score of a finished run; 0 for none."""
    checkpoint_every: int = 10_000
    """Simulator steps between checkpoints."""

    @property
    def start_steps(self) -> int:
        """Simulator steps before the first update."""
        return self.random_steps if self.offline_dataset is None else 0


@dataclass(frozen=True)
class ComputeConfig:
    """How updates are computed; what is computed stays the same."""

    compile: str = "none"
    """Compiler of the update: none (TensorFlow's own kernels, faster on CPUs) or xla (for GPUs)."""
    precision: str = "float32"
    """Of products and convolutions: float32 or bfloat16; all else is float32."""


@dataclass(frozen=True)
class Config:
    """One run: what is trained on what, and every setting.

    Raises:
        ValueError: a value is out of range; the message names it and the fix.
    """

    task: str
    """An SG6 task, ObservablePointPush1, or gymnasium:<id> of any installed environment."""
    algorithm: str
    """What to train."""
    preset: str
    """The scale of the run; results of different presets never mix."""
    seed: int
    """The one number that all randomness of the run comes from."""
    name: str = ""
    """What tells a variant from other runs of its algorithm, beside which it lives and is drawn."""
    model: WorldModelConfig = field(default_factory=WorldModelConfig)
    swag: SwagConfig = field(default_factory=SwagConfig)
    behaviour: BehaviourConfig = field(default_factory=BehaviourConfig)
    lagrangian: LagrangianConfig = field(default_factory=LagrangianConfig)
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)

    def __post_init__(self):
        validate(self)

    @property
    def variant(self) -> str:
        """The algorithm, with the name of a variant behind it: `lambda@wide`."""
        return f"{self.algorithm}@{self.name}" if self.name else self.algorithm


GROUPS = {f.name: f.type for f in dataclasses.fields(Config) if dataclasses.is_dataclass(f.type)}
GROUP_OF = {f.name: name for name, group in GROUPS.items() for f in dataclasses.fields(group)}


def to_dict(config: Config) -> dict:
    """The configuration as nested dicts of plain JSON values."""
    return dataclasses.asdict(config)


def from_dict(values: dict) -> Config:
    """The inverse of `to_dict`.

    A file written before a setting was introduced lacks it: it takes the default, which has to be
    what runs did until then. What a run is (task, algorithm, preset, seed) is always there.

    Raises:
        ValueError: unknown, missing or mistyped fields, or values out of range.
    """
    return _build(Config, values, "config")


def differences(old: Config, new: Config) -> dict[str, tuple]:
    """The fields in which two configurations differ, with the old and the new value of each."""
    before, after = _flat(old), _flat(new)
    return {name: (value, after[name]) for name, value in before.items() if value != after[name]}


def _flat(config: Config) -> dict:
    names = ("task", "algorithm", "preset", "seed", "name")
    values = {name: getattr(config, name) for name in names}
    return values | {
        name: getattr(getattr(config, group), name) for name, group in GROUP_OF.items()
    }


def _build(cls, values, where: str):
    if not isinstance(values, dict):
        raise ExpectedError(f"{where} must be a JSON object, not {values!r}")
    known = {f.name: f for f in dataclasses.fields(cls)}
    for name in values:
        if name not in known:
            raise ExpectedError(
                f"unknown config field {name!r} in {where}{validation.suggest(name, known)}"
            )
    built = {}
    for name, f in known.items():
        if name in values:
            nested = dataclasses.is_dataclass(f.type)
            built[name] = (
                _build(f.type, values[name], name) if nested else _typed(name, values[name], f.type)
            )
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise ExpectedError(f"{where} lacks the field {name!r}: add it")
    return cls(**built)


def _typed(name: str, value, kind):
    """The value as the field's type; JSON has no tuples and writes some floats as integers."""
    if isinstance(kind, types.UnionType):
        return None if value is None else _typed(name, value, typing.get_args(kind)[0])
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ExpectedError(f"{name} must be a list of numbers, not {value!r}")
        return tuple(_typed(name, item, typing.get_args(kind)[0]) for item in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ExpectedError(f"{name} must be of type {kind.__name__}, not {value!r}")
    return value


def validate(config: Config) -> None:
    """Checks every value's range, and what must fit together.

    Raises:
        ValueError: one line that names the value and the fix.
    """
    validation.choose("preset", config.preset, PRESETS)
    if not config.task.startswith(EXTERNAL_TASK_PREFIX):
        validation.choose("task", config.task, (*TASKS, f"{EXTERNAL_TASK_PREFIX}<id>"))
    algorithms.find(config.algorithm)
    if config.seed < 0:
        raise ExpectedError(f"seed is {config.seed}: choose 0 or more")
    if not re.fullmatch(r"[\w.-]*", config.name):
        raise ExpectedError(f"name is {config.name!r}: choose letters, digits, and _ . -")
    values = _flat(config)
    validation.check_ranges(values)
    if algorithms.find(config.algorithm).model_free:
        validation.check_baseline(values)
    else:
        validation.check_model_based(values)
