"""Table 1 of the paper, read off the `paper` preset and held against the published values."""

from collections.abc import Callable
from typing import NamedTuple

from la_mbda import config
from la_mbda.config import Config
from la_mbda.presets import make_config
from plotting.table import Table


class Entry(NamedTuple):
    """A hyper-parameter: its name and symbol, the published value, and where the preset has it."""

    name: str
    symbol: str
    published: float
    read: Callable[[Config], float]


ENTRIES = (
    Entry("Sequence length", "L", 50, lambda c: c.training.sequence_length),
    Entry("Batch size", "B", 32, lambda c: c.training.batch_size),
    Entry("Imagination horizon", "H", 15, lambda c: c.behaviour.horizon),
    Entry("Posterior samples", "N", 5, lambda c: c.swag.posterior_samples),
    Entry("TD(λ), task", "λ", 0.95, lambda c: c.behaviour.return_lambda),
    Entry("TD(λ), safety", "λ_c", 0.95, lambda c: c.behaviour.cost_return_lambda),
    Entry("Discount, task", "γ", 0.99, lambda c: c.behaviour.discount),
    Entry("Discount, safety", "γ_c", 0.995, lambda c: c.behaviour.cost_discount),
    Entry("World model learning rate", "", 1e-4, lambda c: c.model.model_learning_rate),
    Entry("Cyclic learning rate factor", "", 5, lambda c: c.model.cyclic_factor),
    Entry("KL balancing mix", "", 0.8, lambda c: c.model.kl_mix),
    Entry("Free nats", "", 3, lambda c: c.model.free_nats),
    Entry("KL scale", "", 1, lambda c: c.model.kl_scale),
    Entry("Unsafe states' weight", "", 100, lambda c: c.model.cost_weight),
    Entry("World model gradient clip", "", 100, lambda c: c.model.model_clip),
    Entry("SWAG burn-in updates", "", 500, lambda c: c.swag.swag_burn_in),
    Entry("SWAG period", "", 200, lambda c: c.swag.swag_period),
    Entry("SWAG models", "K", 20, lambda c: c.swag.swag_models),
    Entry("SWAG decay", "δ", 0.8, lambda c: c.swag.swag_decay),
    Entry("SWAG covariance scale", "", 1, lambda c: c.swag.swag_scale),
    Entry("Actor learning rate", "", 8e-5, lambda c: c.behaviour.actor_learning_rate),
    Entry("Actor gradient clip", "", 5, lambda c: c.behaviour.actor_clip),
    Entry("Task critic learning rate", "", 8e-5, lambda c: c.behaviour.task_critic_learning_rate),
    Entry("Task critic gradient clip", "", 1, lambda c: c.behaviour.task_critic_clip),
    Entry(
        "Safety critic learning rate", "", 2e-4, lambda c: c.behaviour.safety_critic_learning_rate
    ),
    Entry("Safety critic gradient clip", "", 50, lambda c: c.behaviour.safety_critic_clip),
    Entry("Adam ε", "ε", 1e-5, lambda c: c.behaviour.adam_epsilon),
    Entry("Shadow critics' interval (updates)", "", 100, lambda c: c.behaviour.shadow_interval),
    Entry("Initial Lagrange multiplier", "λ_0", 1e-6, lambda c: c.lagrangian.initial_multiplier),
    Entry("Initial penalty", "μ_0", 5e-9, lambda c: c.lagrangian.initial_penalty),
    Entry("Penalty growth", "", 1e-5, lambda c: c.lagrangian.penalty_growth),
    Entry("Cost budget per episode", "d", 25, lambda c: c.lagrangian.cost_budget[0]),
    Entry("Action repeat", "", 2, lambda c: c.training.action_repeat),
    Entry("Updates per 1,000 env steps", "U", 100, lambda c: _update_rate(c)),
    Entry("Pre-training updates", "", 100, lambda c: c.training.pretraining_updates),
    Entry("Random env steps at the start", "", 5_000, lambda c: c.training.random_steps),
    Entry("Env steps between evaluations", "", 25_000, lambda c: c.training.evaluate_every),
    Entry("Evaluation episodes", "E", 10, lambda c: c.training.evaluation_episodes),
    Entry("Env steps per episode", "", 1_000, lambda c: c.training.episode_steps),
)
BUDGETS = {task: 1_000_000 for task in ("PointGoal1", "PointGoal2", "CarGoal1")} | {
    task: 2_000_000 for task in ("PointPush1", "PointButton1", "DoggoGoal1")
}


def table1() -> Table:
    """Every published setting beside its value in the `paper` preset."""
    preset = {task: make_config("paper", task) for task in config.SG6_TASKS}
    values = [
        (entry.name, entry.symbol, entry.read(preset["PointGoal1"]), entry.published)
        for entry in ENTRIES
    ]
    values += [
        (f"Env steps, {task}", "", preset[task].training.env_steps, published)
        for task, published in BUDGETS.items()
    ]
    rows = [
        (name, symbol, _show(ours), _show(published), "yes" if ours == published else "NO")
        for name, symbol, ours, published in values
    ]
    columns = ("hyper-parameter", "symbol", "paper preset", "published", "equal")
    records = [
        {"name": name, "symbol": symbol, "preset": ours, "published": published}
        for name, symbol, ours, published in values
    ]
    equal = sum(ours == published for _, _, ours, published in values)
    notes = (
        f"{equal} of {len(values)} are equal.",
        "Published: Table 1 and Section 5 of the paper, and the authors' settings.",
    )
    return Table("table1", "Table 1, read off the paper preset", columns, rows, notes, records)


def _update_rate(settings: Config) -> float:
    training = settings.training
    return training.updates_per_iteration * 1_000 / training.steps_per_iteration


def _show(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
