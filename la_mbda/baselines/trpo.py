"""Trust region policy optimisation with a penalty on costs (TRPO-Lagrangian)."""

import tensorflow as tf

from la_mbda.baselines.advantages import Batch
from la_mbda.baselines.constraint import Constraint, Penalty
from la_mbda.baselines.policy import GaussianPolicy
from la_mbda.baselines.trust_region import Surrogates, TrustRegion
from la_mbda.settings import BaselineConfig


class TRPO(tf.Module):
    """One natural-gradient step an epoch, within a divergence (Schulman et al. 2015)."""

    def __init__(self, policy: GaussianPolicy, config: BaselineConfig, penalty: Penalty):
        super().__init__(name="trpo")
        self._policy, self._config, self._penalty = policy, config, penalty
        self._step = tf.function(self._step)

    def improve(self, batch: Batch, constraint: Constraint) -> dict[str, float]:
        """Adapt the penalty, then the policy; return metrics."""
        self._penalty.update(constraint.excess)
        kl, taken = self._step(Batch(*map(tf.constant, batch)), self._penalty())
        return {"kl": float(kl), "step_taken": float(taken), "multiplier_0": float(self._penalty())}

    def _step(self, batch: Batch, penalty: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        region = TrustRegion(self._policy, batch, self._config)

        def objective(reward: tf.Tensor, cost: tf.Tensor) -> tf.Tensor:
            return (reward - penalty * cost) / (1.0 + penalty)

        before = region.surrogates()
        natural = region.natural(objective(*region.gradients()))
        # The longest step x along the natural gradient with xᵀFx / 2 = target_kl.
        curvature = tf.reduce_sum(natural * region.fisher_product(natural))
        step = tf.sqrt(2.0 * self._config.target_kl / (curvature + 1e-8)) * natural

        def accept(after: Surrogates) -> tf.Tensor:
            gain = objective(after.reward, after.cost) - objective(before.reward, before.cost)
            return (after.kl <= self._config.target_kl) & (gain >= 0.0)

        taken = region.search(step, accept)
        return region.surrogates().kl, taken
