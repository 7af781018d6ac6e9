"""The comparison of both rules of the upper bound, on made-up numbers and on tiny trained runs."""

import numpy as np
import pytest
from toy_runs import trained

from experiments.bounds import main
from la_mbda.api import load_agent, train
from la_mbda.bounds import Comparison, compare_rules
from la_mbda.environments import make_environment
from la_mbda.presets import make_config
from la_mbda.runs.folder import run_path


def test_means_over_starts():
    values = np.array([[1.0, 2.0], [5.0, 4.0], [3.0, 3.0]])
    chosen = {"values": np.array([1, 1]), "critic": np.array([1, 0])}
    comparison = Comparison(values, chosen, np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]]))
    assert comparison.agreement == 0.5
    assert comparison.of_all == 3.0
    assert comparison.of_chosen("values") == 4.5
    assert comparison.of_chosen("critic") == 3.5
    assert (comparison.lift, comparison.lift_by_noise) == (1.5, 0.5)


def test_compares_on_a_trained_run(tmp_path, capsys):
    run = trained(tmp_path)
    capsys.readouterr()
    assert main([str(run), "--episodes", "2"]) == 0
    heading, columns, *lines = capsys.readouterr().out.splitlines()
    assert heading == "gymnasium:Toy-v0 lambda seed 0 (quick preset): 40 starts, 2 samples"
    assert columns.split("by ")[1:] == ["values  ", "critic      lift  ", "noise"]
    assert [line.split()[0] for line in lines] == ["task", "cost_0"]
    agent = load_agent(run)
    found = compare_rules(agent, make_environment(agent.config), [0, 1])
    for comparison in found.values():
        assert comparison.values.shape == (2, 40)
        assert 0.0 < comparison.agreement <= 1.0
        by_values, by_critic = map(comparison.of_chosen, ("values", "critic"))
        assert by_values == pytest.approx(comparison.values.max(0).mean())
        assert comparison.values.min(0).mean() <= by_critic <= by_values
        assert comparison.lift_by_noise > 0.0  # Even one sample's trajectories differ.


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"algorithm": "greedy_lambda"}, "greedy_lambda, which has no upper bounds: give a run"),
        ({"algorithm": "cem_mpc"}, "cem_mpc, which has no upper bounds"),
        ({"swag_burn_in": 1000}, "no active posterior, so its samples are all the same model"),
    ],
)
def test_runs_with_nothing_to_compare_are_refused(tmp_path, overrides, message):
    with pytest.raises(ValueError, match=message):
        main([str(trained(tmp_path, **overrides))])


def test_baselines_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")  # Played here: others do not know the toy.
    sizes = {"episode_steps": 20, "epoch_steps": 100, "env_steps": 200}
    config = make_config("quick", "gymnasium:Toy-v0", "ppo", **sizes)
    train(config, tmp_path)
    with pytest.raises(ValueError, match="is of ppo, which has no upper bounds"):
        main([str(run_path(tmp_path, config))])
