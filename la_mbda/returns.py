"""TD(λ) values of imagined trajectories (Hafner et al. 2020)."""

import tensorflow as tf


def lambda_values(
    rewards: tf.Tensor,
    next_values: tf.Tensor,
    terminals: tf.Tensor,
    discount: float,
    lambda_: float,
) -> tf.Tensor:
    """Return λ-returns, bootstrapped with the last v.

    V_λ(t) = r_t + γ (1 − d_t) ((1 − λ) v(s_{t+1}) + λ V_λ(t+1))

    All arguments and the result are `[…, time]`; terminals may be probabilities. The authors'
    recursion forgets (1 − d_t) on its λ term, so that values leak past terminal states; ours
    does not.
    """
    continues = discount * (1.0 - terminals)
    targets = rewards + continues * (1.0 - lambda_) * next_values
    targets, continues = tf.unstack(targets, axis=-1), tf.unstack(continues, axis=-1)
    value, values = next_values[..., -1], []
    for target, continue_ in zip(reversed(targets), reversed(continues), strict=True):
        value = target + continue_ * lambda_ * value
        values.append(value)
    return tf.stack(values[::-1], -1)
