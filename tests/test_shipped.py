"""The trained policy that the repository ships still loads, and still drives to its goals."""

from la_mbda.environments import make_environment
from la_mbda.episodes import evaluate
from la_mbda.runs import load_agent
from plotting.results import SHIPPED


def test_the_shipped_policy_reaches_goals():
    agent = load_agent(SHIPPED / "cpu" / "lambda" / "PointGoal1" / "seed_0")
    environments = [make_environment(agent.config) for _ in range(4)]
    played = evaluate(environments, agent, seeds=[0, 1, 2, 3])
    for env in environments:
        env.close()
    # A random policy's mean return is near 0, a goal reached adds about 1.5.
    assert played.returns.mean() > 6.0
