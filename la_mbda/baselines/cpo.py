"""Constrained policy optimisation (Achiam et al. 2017).

Each epoch solves, for the change x of the policy's parameters,

    max gᵀx   subject to   c + bᵀx ≤ 0   and   xᵀFx / 2 ≤ δ,

with g and b the gradients of the reward's and the cost's surrogate, c the constraint's present
value and F the Fisher information, by its dual in two multipliers.
"""

import math
from enum import IntEnum
from typing import NamedTuple

import tensorflow as tf

from la_mbda.baselines.advantages import Batch
from la_mbda.baselines.constraint import Constraint
from la_mbda.baselines.policy import GaussianPolicy
from la_mbda.baselines.trust_region import Surrogates, TrustRegion
from la_mbda.settings import BaselineConfig

_SMALL = 1e-8


class Case(IntEnum):
    """How the trust region lies to the half-space in which the linear constraint is met."""

    INFEASIBLE = 0
    """They do not meet: only the cost is lowered."""
    RECOVERING = 1
    """They meet, but the start is outside the half-space."""
    PARTLY_FEASIBLE = 2
    """They meet, and the start is inside."""
    FEASIBLE = 3
    """The trust region is inside."""
    NO_CONSTRAINT = 4
    """So it is, and the cost has no gradient."""


class Dual(NamedTuple):
    """Multipliers of the trust region (λ) and of the constraint (ν)."""

    case: Case
    trust: float
    cost: float


class CPO(tf.Module):
    """One constrained natural-gradient step an epoch."""

    def __init__(self, policy: GaussianPolicy, config: BaselineConfig):
        super().__init__(name="cpo")
        self._policy, self._config = policy, config
        self._directions = tf.function(self._directions)
        self._search = tf.function(self._search)

    def improve(self, batch: Batch, constraint: Constraint) -> dict[str, float]:
        """Improve the policy; return metrics."""
        excess = constraint.excess / constraint.length  # Surrogates are means over steps.
        batch = Batch(*map(tf.constant, batch))
        reward, cost, products = self._directions(batch)
        q, r, s, slope = (float(product) for product in products)
        dual = solve_dual(q, r, s, excess, self._config.target_kl, slope)
        step = constrained_step(dual, reward, cost, s, self._config.target_kl)
        feasible = dual.case in (Case.PARTLY_FEASIBLE, Case.FEASIBLE, Case.NO_CONSTRAINT)
        kl, taken = self._search(batch, step, tf.constant(excess), tf.constant(feasible))
        return {
            "kl": float(kl),
            "step_taken": float(taken),
            "case": float(dual.case),
            "multiplier": dual.cost,
        }

    def _directions(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tuple]:
        """F⁻¹g, F⁻¹b, and (gᵀF⁻¹g, gᵀF⁻¹b, bᵀF⁻¹b, bᵀb)."""
        region = TrustRegion(self._policy, batch, self._config)
        g, b = region.gradients()
        reward, cost = region.natural(g), region.natural(b)
        image = region.fisher_product(reward)
        q, r = tf.reduce_sum(reward * image), tf.reduce_sum(cost * image)
        s = tf.reduce_sum(cost * region.fisher_product(cost))
        return reward, cost, (q, r, s, tf.reduce_sum(b * b))

    def _search(
        self, batch: Batch, step: tf.Tensor, excess: tf.Tensor, feasible: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        region = TrustRegion(self._policy, batch, self._config)
        before = region.surrogates()

        def accept(after: Surrogates) -> tf.Tensor:
            near = after.kl <= self._config.target_kl
            cheap = after.cost - before.cost <= tf.maximum(-excess, 0.0)
            return near & cheap & ((after.reward >= before.reward) | ~feasible)

        taken = region.search(step, accept)
        return region.surrogates().kl, taken


def solve_dual(q: float, r: float, s: float, c: float, bound: float, slope: float) -> Dual:
    """Solve the dual of CPO's step (Achiam et al. 2017, Theorem 2), the reward to be maximised.

    Args:
        q: gᵀF⁻¹g.
        r: gᵀF⁻¹b.
        s: bᵀF⁻¹b.
        c: the constraint's present value; positive where it is violated.
        bound: δ.
        slope: bᵀb.

    Returns:
        Multipliers of the step F⁻¹(g − ν b) / λ; both 0 where no step meets the constraint.
    """
    unconstrained = math.sqrt(q / (2.0 * bound))
    if slope <= _SMALL and c < 0.0:
        return Dual(Case.NO_CONSTRAINT, unconstrained, 0.0)
    a = q - r**2 / (s + _SMALL)  # Of the part of g that does not touch the constraint.
    room = 2.0 * bound - c**2 / (s + _SMALL)  # Left of the trust region where c + bᵀx = 0.
    if c < 0.0 and room < 0.0:
        return Dual(Case.FEASIBLE, unconstrained, 0.0)
    if room < 0.0:
        return Dual(Case.INFEASIBLE, 0.0, 0.0)
    case = Case.PARTLY_FEASIBLE if c < 0.0 else Case.RECOVERING
    return Dual(case, *_best_multipliers(q, r, s, c, a, room, bound))


def constrained_step(dual: Dual, reward, cost, s: float, bound: float):
    """Return the change x of the parameters.

    Args:
        reward: F⁻¹g `[parameters]`.
        cost: F⁻¹b `[parameters]`.
        s: bᵀF⁻¹b.
        bound: δ.
    """
    if dual.case == Case.INFEASIBLE:
        return -math.sqrt(2.0 * bound / (s + _SMALL)) * cost
    return (reward - dual.cost * cost) / (dual.trust + _SMALL)


def _best_multipliers(
    q: float, r: float, s: float, c: float, a: float, room: float, bound: float
) -> tuple[float, float]:
    """λ and ν that minimise the dual where trust region and half-space meet.

    For given λ the best ν is max(0, (r + λc) / s), so that λ has two regions, in each of which the
    dual is convex.
    """

    def active(trust: float) -> float:  # ν > 0
        return (a / (trust + _SMALL) + room * trust) / 2.0 - r * c / (s + _SMALL)

    def inactive(trust: float) -> float:  # ν = 0
        return (q / (trust + _SMALL) + 2.0 * bound * trust) / 2.0

    edge = max(0.0, -r / (c if abs(c) > _SMALL else math.copysign(_SMALL, c)))
    low, high = (0.0, edge), (edge, math.inf)
    where_active, where_inactive = (low, high) if c < 0.0 else (high, low)
    with_cost = min(max(math.sqrt(max(a, 0.0) / (room + _SMALL)), where_active[0]), where_active[1])
    without = min(max(math.sqrt(q / (2.0 * bound)), where_inactive[0]), where_inactive[1])
    trust = with_cost if active(with_cost) < inactive(without) else without
    return trust, max(0.0, r + trust * c) / (s + _SMALL)
