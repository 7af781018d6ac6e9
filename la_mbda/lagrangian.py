"""The augmented Lagrangian of C constraints (Section 4.1, Eqs. 6-8; Nocedal & Wright 2006)."""

import tensorflow as tf

from la_mbda.settings import LagrangianConfig


class AugmentedLagrangian(tf.Module):
    """Multipliers λ, one per constraint, and the penalty μ that they share."""

    def __init__(self, config: LagrangianConfig):
        super().__init__(name="lagrangian")
        constraints = len(config.cost_budget)
        self._growth = config.penalty_growth
        self.multiplier = tf.Variable(
            tf.fill([constraints], config.initial_multiplier), trainable=False, name="multiplier"
        )
        self.penalty = tf.Variable(config.initial_penalty, trainable=False, name="penalty")

    def psi(self, excess: tf.Tensor) -> tf.Tensor:
        """Ψ (Eq. 8), summed over constraints: what the actor's loss pays for its costs.

        Args:
            excess: g `[constraints]`, expected cost minus budget; positive where violated.
        """
        multiplier, penalty = self.multiplier, self.penalty
        active = multiplier * excess + penalty / 2.0 * excess**2
        inactive = -(multiplier**2) / (2.0 * penalty)
        terms = tf.where(multiplier + penalty * excess >= 0.0, active, inactive)
        return tf.reduce_sum(terms)

    def update(self, excess: tf.Tensor) -> None:
        """λ ← max(0, λ + μ g) (Eq. 6), then μ grows by its fixed rate up to 1."""
        self.multiplier.assign(tf.maximum(0.0, self.multiplier + self.penalty * excess))
        grown = self.penalty * (1.0 + self._growth)
        self.penalty.assign(tf.clip_by_value(grown, self.penalty, tf.maximum(1.0, self.penalty)))
