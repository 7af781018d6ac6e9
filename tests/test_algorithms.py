"""Algorithms by name, registered ones and one's own, and a posterior of one's own."""

import json

import mine
import pytest
from toy import LOOP, tiny_config

from la_mbda import algorithms, references
from la_mbda.api import load_agent, train
from la_mbda.environments import make_environment
from la_mbda.runs.folder import RunFolder, run_path
from la_mbda.training import Trainer

SHORT = LOOP | {"env_steps": 140, "final_episodes": 0}


def test_every_algorithm_has_its_classes():
    for name, algorithm in algorithms.ALGORITHMS.items():
        assert algorithms.find(name) is algorithm
        for reference in (algorithm.agent, algorithm.trainer):
            assert references.load("algorithm", reference).__name__ == reference.partition(":")[2]


def test_an_agent_of_ones_own_is_trained_and_loaded_by_its_name(tmp_path):
    config = tiny_config(algorithm="mine:Cautious", **SHORT)
    score = train(config, tmp_path)
    path = tmp_path / "quick" / "mine_Cautious" / "gymnasium_Toy-v0" / "seed_0"
    assert path == run_path(tmp_path, config)
    assert score["algorithm"] == "mine:Cautious"
    assert type(load_agent(path)) is mine.Cautious
    plain = tiny_config(**SHORT)
    train(plain, tmp_path)
    losses = [
        json.loads((run / "updates.jsonl").read_text().splitlines()[-1])["actor_loss"]
        for run in (path, run_path(tmp_path, plain))
    ]
    assert losses[0] != losses[1]


def test_a_posterior_of_ones_own_is_one_override(tmp_path):
    config = tiny_config(algorithm="mine:Ensembled", **SHORT)
    train(config, tmp_path)
    agent = load_agent(run_path(tmp_path, config))
    assert int(agent.posterior.steps) == 7
    assert "CyclicLearningRate" not in str(agent.model.optimizer.get_config()["learning_rate"])
    lines = (run_path(tmp_path, config) / "updates.jsonl").read_text().splitlines()
    assert [json.loads(line).get("posterior_active") for line in lines[1:]] == [1.0, 1.0]


def test_a_trainer_takes_its_parts(tmp_path):
    made = []

    def make(config):
        made.append(make_environment(config))
        return made[-1]

    def make_agent(config, env):
        return mine.Cautious(config, env.observation_space.shape, env.action_space.shape[0])

    config = tiny_config(**SHORT)
    trainer = Trainer(config, RunFolder(tmp_path, config), make_agent, make)
    assert len(made) == 1 + config.training.evaluation_episodes
    assert trainer.run()["env_steps"] == 140


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lamda", "unknown algorithm 'lamda': did you mean 'lambda'"),
        ("my agent:Mine", "unknown algorithm 'my agent:Mine'"),
        ("mine:", "unknown algorithm 'mine:'"),
        ("mine", "unknown algorithm 'mine'"),
    ],
)
def test_what_is_no_algorithm_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        tiny_config(algorithm=name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody_has_this.module:Agent", "there is no module 'nobody_has_this': install it"),
        ("mine:Missing", "mine has no 'Missing'"),
        ("os.path:join", r"algorithm os\.path:join is <function joi.*>: name a class derived"),
        ("mine:Kept", r"is <class '.*'>: name a class derived from Agent or ModelBasedAgent"),
    ],
)
def test_an_agent_that_is_not_there_is_refused_before_anything_is_made(name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(tiny_config(algorithm=name), tmp_path)
    assert list(tmp_path.iterdir()) == []
