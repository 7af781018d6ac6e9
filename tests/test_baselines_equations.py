"""The baselines' equations against independent NumPy and SciPy versions."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, sparse
from scipy.sparse import linalg

from la_mbda.baselines.advantages import Batch, make_batch
from la_mbda.baselines.constraint import Constraint, Penalty
from la_mbda.baselines.cpo import CPO, Case, constrained_step, solve_dual
from la_mbda.baselines.policy import GaussianPolicy, Values, log_likelihood, mean_kl
from la_mbda.baselines.ppo import PPO
from la_mbda.baselines.rollouts import Fragment
from la_mbda.baselines.trpo import TRPO
from la_mbda.baselines.trust_region import TrustRegion, conjugate_gradient, flatten
from la_mbda.settings import BaselineConfig

SMALL = BaselineConfig(baseline_units=4, baseline_layers=1)
DAMPING = SMALL.damping


def fragment(rng, length, terminated=False):
    return Fragment(
        rng.normal(size=(length + 1, 3)).astype(np.float32),
        rng.normal(size=(length, 2)).astype(np.float32),
        rng.normal(size=length).astype(np.float32),
        rng.integers(0, 2, length).astype(np.float32),
        length,
        terminated,
        True,
    )


def random_batch(rng, size=50):
    advantages = rng.normal(size=(2, size)).astype(np.float32)
    return Batch(
        rng.normal(size=(size, 3)).astype(np.float32),
        rng.normal(size=(size, 2)).astype(np.float32),
        *advantages,
        rng.normal(size=(size, 2)).astype(np.float32),
    )


def as_tensors(batch):
    return Batch(*map(tf.constant, batch))


# Advantages


@pytest.mark.parametrize("terminated", [False, True])
def test_advantages_are_the_double_sum_of_their_definition(terminated):
    rng = np.random.default_rng(0)
    config, part = BaselineConfig(), fragment(rng, 12, terminated)
    values = rng.normal(size=(13, 2))
    batch = make_batch([part], [values], config)
    gamma, lam = config.advantage_discount, config.advantage_lambda
    bootstrapped = values.copy()
    if terminated:
        bootstrapped[-1] = 0.0
    for column, signal, found in (
        (0, part.rewards, batch.advantages),
        (1, part.costs, batch.cost_advantages),
    ):
        v = bootstrapped[:, column]
        # GAE(γ, λ) as the weighted mean of k-step advantages (Schulman et al. 2016, Eq. 16).
        expected = []
        for t in range(12):
            steps = [
                sum(gamma**i * signal[t + i] for i in range(k)) + gamma**k * v[t + k] - v[t]
                for k in range(1, 12 - t + 1)
            ]
            weights = [(1 - lam) * lam ** (k - 1) for k in range(1, 12 - t)] + [lam ** (11 - t)]
            expected.append(np.dot(weights, steps))
            target = (
                sum(gamma**i * signal[t + i] for i in range(12 - t)) + gamma ** (12 - t) * v[-1]
            )
            assert batch.value_targets[t, column] == pytest.approx(target, rel=1e-5, abs=1e-6)
        expected = np.array(expected) - np.mean(expected)
        if column == 0:
            expected /= np.std(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_fragments_do_not_mix():
    rng = np.random.default_rng(1)
    parts = [fragment(rng, 5), fragment(rng, 8, terminated=True)]
    values = [rng.normal(size=(6, 2)), rng.normal(size=(9, 2))]
    both = make_batch(parts, values, BaselineConfig())
    assert len(both.observations) == len(both.actions) == 13
    for i, rows in enumerate((slice(0, 5), slice(5, 13))):
        alone = make_batch(parts[i : i + 1], values[i : i + 1], BaselineConfig())
        np.testing.assert_array_equal(both.value_targets[rows], alone.value_targets)
        np.testing.assert_array_equal(both.observations[rows], parts[i].observations[:-1])


# The Gaussian policy


def test_likelihood_and_divergence():
    rng = np.random.default_rng(2)
    policy, batch = GaussianPolicy(SMALL, 3, 2, seed=0), random_batch(rng)
    observations = tf.constant(batch.observations)
    old = policy(observations)
    mean, std = policy.numpy().mean(batch.observations), np.exp(policy.log_std.numpy())
    np.testing.assert_allclose(old.loc, mean, rtol=1e-4, atol=1e-6)
    z = (batch.actions - mean) / std
    expected = (-0.5 * z**2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(-1)
    np.testing.assert_allclose(log_likelihood(old, batch.actions), expected, rtol=1e-4)
    other = GaussianPolicy(SMALL, 3, 2, seed=1)
    other.log_std.assign([0.3, -0.7])
    new = other(observations)
    new_mean, new_std = new.loc.numpy(), np.exp([0.3, -0.7])
    ratio = new_std / std
    kl = (-np.log(ratio) + 0.5 * (ratio**2 + ((mean - new_mean) / std) ** 2 - 1)).sum(-1)
    assert float(mean_kl(new, old)) == pytest.approx(kl.mean(), rel=1e-4)


def test_value_fit_is_gradient_descent_on_both_squared_errors():
    rng = np.random.default_rng(3)
    batch = random_batch(rng, 200)
    targets = np.stack([batch.observations[:, 0], 3.0 + batch.observations[:, 1]], -1)
    values = Values(BaselineConfig(baseline_units=32, value_steps=1000), 3, seed=0)
    before = ((values(batch.observations) - targets) ** 2).mean(0)
    metrics = values.fit(batch.observations, targets.astype(np.float32))
    assert metrics["value_loss"] == pytest.approx(before[0], rel=1e-4)
    assert metrics["cost_value_loss"] == pytest.approx(before[1], rel=1e-4)
    assert ((values(batch.observations) - targets) ** 2).mean() < 0.01


# Natural gradients


def doubled(policy):
    """Makes a policy twice as wide: KL(new ‖ old) = 3/2 − log 2, KL(old ‖ new) = log 2 − 3/8."""
    policy.log_std.assign_add(tf.fill(policy.log_std.shape, np.log(2.0, dtype=np.float32)))


def test_the_divergence_is_of_the_new_policy_from_the_old_one(monkeypatch):
    """Of two action dimensions: 2 · (3/2 − log 2) = 1.614, where the reverse is 0.636."""
    expected = 2.0 * (1.5 - np.log(2.0))
    policy = GaussianPolicy(SMALL, 3, 2, seed=0)
    batch = as_tensors(random_batch(np.random.default_rng(15)))
    region = TrustRegion(policy, batch, SMALL)
    doubled(policy)
    assert float(region.surrogates().kl) == pytest.approx(expected, rel=1e-5)
    # PPO's second step finds what the first one did, if that widened the policy so.
    policy = GaussianPolicy(SMALL, 3, 2, seed=0)
    learner = PPO(policy, SMALL, penalty=None)
    monkeypatch.setattr(learner.optimizer, "apply", lambda *_: doubled(policy))
    metrics = learner.improve(batch, Constraint(10.0, 20.0))
    assert metrics["policy_steps"] == 2
    assert metrics["kl"] == pytest.approx(expected, rel=1e-5)


def test_conjugate_gradients_solve_a_system_as_scipy_does():
    rng = np.random.default_rng(4)
    root = rng.normal(size=(30, 30))
    matrix, target = root @ root.T + np.eye(30), rng.normal(size=30)
    for steps in (5, 100):
        found = conjugate_gradient(
            lambda v: tf.linalg.matvec(matrix, v), tf.constant(target), steps
        ).numpy()
        expected, _ = linalg.cg(sparse.csr_array(matrix), target, rtol=1e-9, maxiter=steps)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, target), rtol=1e-4, atol=1e-5)


def fisher_matrix(policy, observations):
    """E[∇ log π ∇ log πᵀ] in closed form: Jᵀ J / σ² for the mean, 2 for each log std."""
    with tf.GradientTape() as tape:
        mean = policy.mean(observations)
    parts = tape.jacobian(mean, policy.parameters[:-1])
    jacobian = np.concatenate([part.numpy().reshape(*mean.shape, -1) for part in parts], -1)
    jacobian /= np.exp(policy.log_std.numpy())[:, None]
    size, actions = jacobian.shape[-1], mean.shape[-1]
    matrix = np.zeros((size + actions, size + actions))
    matrix[:size, :size] = np.einsum("bap,baq->pq", jacobian, jacobian) / len(mean)
    matrix[size:, size:] = 2.0 * np.eye(actions)
    return matrix


def test_fisher_vector_products():
    rng = np.random.default_rng(5)
    policy, batch = GaussianPolicy(SMALL, 3, 2, seed=0), random_batch(rng)
    region = TrustRegion(policy, as_tensors(batch), SMALL)
    matrix = fisher_matrix(policy, tf.constant(batch.observations))
    for _ in range(3):
        vector = rng.normal(size=len(matrix)).astype(np.float32)
        expected = matrix @ vector + DAMPING * vector
        np.testing.assert_allclose(region.fisher_product(vector), expected, rtol=1e-3, atol=1e-4)


def test_surrogate_gradients_are_policy_gradients():
    rng = np.random.default_rng(6)
    policy, batch = GaussianPolicy(SMALL, 3, 2, seed=0), random_batch(rng)
    found = TrustRegion(policy, as_tensors(batch), SMALL).gradients()
    for advantages, gradient in zip(batch[2:4], found, strict=True):
        with tf.GradientTape() as tape:
            likelihood = log_likelihood(policy(tf.constant(batch.observations)), batch.actions)
            objective = tf.reduce_mean(likelihood * advantages)
        expected = flatten(tape.gradient(objective, policy.parameters))
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


# Steps of the algorithms


def test_trpo_takes_the_natural_step_within_its_divergence():
    rng = np.random.default_rng(7)
    config = BaselineConfig(baseline_units=4, baseline_layers=1, conjugate_gradient_steps=100)
    policy, batch = GaussianPolicy(config, 3, 2, seed=0), random_batch(rng, 400)
    penalty = Penalty(config)
    matrix = fisher_matrix(policy, tf.constant(batch.observations)) + DAMPING * np.eye(28)
    reward, cost = TrustRegion(policy, as_tensors(batch), config).gradients()
    before = flatten(policy.parameters).numpy()
    metrics = TRPO(policy, config, penalty).improve(batch, Constraint(10.0, 20.0))
    weight = float(penalty())
    assert weight > 1.0  # The budget was exceeded.
    natural = np.linalg.solve(matrix, (reward - weight * cost) / (1.0 + weight))
    step = np.sqrt(2.0 * config.target_kl / (natural @ matrix @ natural)) * natural
    taken = flatten(policy.parameters).numpy() - before
    np.testing.assert_allclose(taken, metrics["step_taken"] * step, rtol=5e-2, atol=2e-4)
    assert 0.0 < metrics["kl"] <= config.target_kl


def test_line_search():
    rng = np.random.default_rng(8)
    policy, batch = GaussianPolicy(SMALL, 3, 2, seed=0), random_batch(rng)
    region = TrustRegion(policy, as_tensors(batch), SMALL)
    before = flatten(policy.parameters).numpy()
    step = rng.normal(size=len(before)).astype(np.float32)
    tried = []

    def refuse(after):
        tried.append(float(after.kl))
        return False

    assert region.search(tf.constant(step), refuse) == 0.0
    np.testing.assert_array_equal(flatten(policy.parameters), before)
    assert len(tried) == SMALL.backtracks
    share = region.search(tf.constant(step), lambda after: after.kl <= tried[3])
    assert float(share) == pytest.approx(SMALL.backtrack**3)
    np.testing.assert_allclose(flatten(policy.parameters), before + share * step, rtol=1e-5)


def climb(batch, **settings):
    """One epoch of PPO from the same weights: its metrics, and the surrogates it ends with."""
    settings = {"baseline_units": 16, "baseline_layers": 1, "policy_learning_rate": 1e-2} | settings
    config = BaselineConfig(**settings)
    policy = GaussianPolicy(config, 3, 2, seed=0)
    region = TrustRegion(policy, as_tensors(batch), config)
    metrics = PPO(policy, config, penalty=None).improve(batch, Constraint(10.0, 20.0))
    return metrics, region.surrogates()


def test_ppo_climbs_its_surrogate_and_stops_by_divergence():
    batch = random_batch(np.random.default_rng(9), 300)
    metrics, after = climb(batch)
    assert "multiplier_0" not in metrics
    assert after.reward > 0.0
    steps = int(metrics["policy_steps"])
    assert 2 <= steps < 80
    # What the last step was made from is the first policy beyond the bound.
    limit = 1.2 * 0.01
    _, before_last = climb(batch, policy_steps=steps - 1)
    assert metrics["kl"] == pytest.approx(float(before_last.kl), rel=1e-3)
    assert before_last.kl > limit
    if steps > 2:
        assert climb(batch, policy_steps=steps - 2)[1].kl <= limit


def test_ppo_clips_the_reward_and_not_the_cost():
    rng = np.random.default_rng(10)
    config = BaselineConfig()
    batch = random_batch(rng, 40)
    ratio = np.exp(rng.normal(size=40)).astype(np.float32)
    weight = 1.7
    learner = PPO(GaussianPolicy(SMALL, 3, 2, seed=0), config, penalty=None)
    found = learner._objective(tf.constant(ratio), as_tensors(batch), tf.constant(weight))
    a, c = batch.advantages, batch.cost_advantages
    reward = np.where(a >= 0, np.minimum(ratio, 1.2) * a, np.maximum(ratio, 0.8) * a)
    assert float(found) == pytest.approx((reward - weight * ratio * c).mean() / (1 + weight), 1e-4)


def test_penalty_follows_adam():
    config = BaselineConfig()
    penalty = Penalty(config)
    assert float(penalty()) == pytest.approx(1.0)
    raw, m, v = np.log(np.e - 1.0), 0.0, 0.0
    for k, excess in enumerate([30.0, 5.0, -10.0, -10.0, 0.5], 1):
        penalty.update(excess)
        m, v = 0.9 * m + 0.1 * -excess, 0.999 * v + 0.001 * excess**2
        raw -= 5e-2 * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
        assert float(penalty()) == pytest.approx(np.log1p(np.exp(raw)), rel=1e-4)


# CPO's dual


def problem(rng):
    root = rng.normal(size=(5, 5))
    return {
        "fisher": root @ root.T / 5.0 + 0.1 * np.eye(5),
        "g": rng.normal(size=5),
        "b": rng.normal(size=5) * rng.choice([0.0, 0.1, 1.0], p=[0.1, 0.3, 0.6]),
        "c": rng.normal() * rng.choice([0.03, 0.3]),
        "bound": 0.01,
    }


def solve(fisher, g, b, c, bound):
    """Our case and step."""
    reward, cost = np.linalg.solve(fisher, g), np.linalg.solve(fisher, b)
    s = b @ cost
    dual = solve_dual(g @ reward, g @ cost, s, c, bound, b @ b)
    return dual.case, constrained_step(dual, reward, cost, s, bound)


def by_scipy(objective, fisher, bound, constraints):
    """The best step of the trust region, by a general solver from several starts."""
    ball = {"type": "ineq", "fun": lambda x: bound - x @ fisher @ x / 2.0}
    best = None
    for seed in range(4):
        start = np.random.default_rng(seed).normal(size=5) * 0.02
        found = optimize.minimize(
            lambda x: -objective @ x,
            start,
            jac=lambda x: -objective,
            constraints=[ball, *constraints],
            options={"maxiter": 300, "ftol": 1e-12},
            method="SLSQP",
        )
        if found.success and (best is None or found.fun < best.fun):
            best = found
    assert best is not None
    return best.x


@pytest.mark.parametrize("case", Case)
def test_cpo_solves_each_case_of_its_dual(case):
    rng = np.random.default_rng(11)
    checked = 0
    while checked < 8:
        task = problem(rng)
        found_case, x = solve(**task)
        if found_case != case:
            continue
        checked += 1
        fisher, g, b, c = (task[name] for name in ("fisher", "g", "b", "c"))
        half_space = {"type": "ineq", "fun": lambda x, b=b, c=c: -(c + b @ x)}
        assert x @ fisher @ x / 2.0 <= task["bound"] * 1.001
        if case == Case.INFEASIBLE:  # The cost is lowered as far as the trust region reaches.
            expected = by_scipy(-b, fisher, task["bound"], [])
            assert c + b @ expected > 0.0
            assert b @ x == pytest.approx(b @ expected, rel=1e-3)
        else:
            expected = by_scipy(g, fisher, task["bound"], [half_space])
            assert c + b @ x <= 1e-4
            assert g @ x == pytest.approx(g @ expected, rel=1e-3, abs=1e-5)


def test_cpo_lowers_the_cost_where_the_budget_is_exceeded():
    rng = np.random.default_rng(12)
    policy, batch = GaussianPolicy(SMALL, 3, 2, seed=0), random_batch(rng, 400)
    region = TrustRegion(policy, as_tensors(batch), SMALL)
    before = region.surrogates()
    metrics = CPO(policy, SMALL).improve(batch, Constraint(100.0, 20.0))
    assert metrics["case"] == Case.INFEASIBLE
    assert metrics["step_taken"] > 0.0
    after = region.surrogates()
    assert after.cost < before.cost
    assert after.kl <= SMALL.target_kl
