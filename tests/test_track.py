"""Where a run's numbers go besides its files: TensorBoard, one's own logger, W&B offline."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import mine
import pytest
import tensorflow as tf
from refusals import refusal
from toy import LOOP, tiny_config
from toy_runs import StopAt, lines

from experiments.sg6 import make_plan
from la_mbda.api import train
from la_mbda.baselines.training import BaselineTrainer
from la_mbda.config import to_dict
from la_mbda.runs import loggers
from la_mbda.runs.folder import RunFolder, run_path
from la_mbda.runs.weights_and_biases import WeightsAndBiases

REPOSITORY = Path(__file__).resolve().parents[1]
SHORT = LOOP | {"final_episodes": 2}
EPOCHS = {"epoch_steps": 40, "env_steps": 160, "value_steps": 2, "policy_steps": 2}
CONFIGS = {
    "lambda": tiny_config(**SHORT | {"env_steps": 140}),
    "ppo_lagrangian": tiny_config(
        algorithm="ppo_lagrangian", observation="lidar", **SHORT | EPOCHS
    ),
}
TAGS = {
    *(f"episodes/{name}" for name in ("return", "cost_return", "cost_regret", "length")),
    *(f"evaluations/{name}" for name in ("return", "cost_return")),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Nobody is logged in, W&B is offline, and the folder to work in is watched."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")  # Only this process knows the toy task.
    for name in ("WANDB_API_KEY", "WANDB_PROJECT", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    yield
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("algorithm", CONFIGS)
def test_a_logger_of_ones_own_receives_what_tensorboard_does(tmp_path, algorithm):
    config = CONFIGS[algorithm]
    score = train(config, tmp_path, loggers.find("mine:Kept"))
    path = run_path(tmp_path, config)
    kept = mine.Kept.made.pop()
    assert kept.of == (config, path)
    (events,) = (path / "tensorboard").iterdir()
    board = [
        (value.tag, event.step, tf.make_ndarray(value.tensor).item())
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    ]
    assert [number[:2] for number in kept.numbers] == [number[:2] for number in board]
    assert [n[2] for n in kept.numbers] == pytest.approx([n[2] for n in board], rel=1e-6)
    assert {tag for tag, *_ in board if not tag.startswith("updates/")} == TAGS
    assert {"updates/multiplier_0"} < {tag for tag, *_ in board} - TAGS
    (closed,) = kept.closed
    assert (closed["return"], closed["env_steps"]) == (score["return"], score["env_steps"])
    assert closed["confirmed_return_se"] == score["confirmed"]["return_se"]
    assert json.loads((path / "config.json").read_text()) == json.loads(json.dumps(to_dict(config)))


def test_a_run_that_fails_closes_its_logger(tmp_path, monkeypatch):
    config = CONFIGS["ppo_lagrangian"]
    trainer = BaselineTrainer(config, RunFolder(tmp_path, config), mine.Kept)
    monkeypatch.setattr(trainer.agent, "update", lambda *_: {"kl": float("nan")})
    with pytest.raises(ValueError, match="kl is nan"):
        trainer.run()
    assert mine.Kept.made.pop().closed == [None]


def records(path):
    """What W&B wrote into a `.wandb` file: records in blocks of 32 KB, as LevelDB's logs are."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole, found = path.read_bytes(), 7, b"", []
    while at + 7 < len(data):
        if -at % 32_768 in range(1, 7):  # No head of a record fits into the block.
            at += -at % 32_768
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        if at + 7 + size > len(data):  # It is being written.
            break
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # A record that is whole, or the last part of one.
            found.append(Record.FromString(whole))
            whole = b""
    return found


def ended(path):
    """The same, once W&B's process has written the last of them."""
    deadline = time.monotonic() + 60
    while not any(record.HasField("exit") for record in records(path)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return records(path)


def logged(found):
    """The lines of history, each a dict of numbers."""
    history = [record.history for record in found if record.HasField("history")]
    return [{i.nested_key[0]: json.loads(i.value_json) for i in h.item} for h in history]


def test_wandb_goes_on_with_a_resumed_run(tmp_path):
    config = CONFIGS["ppo_lagrangian"]
    path = run_path(tmp_path, config)
    trainer = BaselineTrainer(config, RunFolder(path, config), WeightsAndBiases)
    trainer.stop = StopAt(2)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    score = train(config, tmp_path, loggers.find("wandb"))
    files = sorted((path / "wandb").glob("offline-run-*/*.wandb"))  # By time.
    first, second = map(ended, files)  # Offline, each process writes a folder of its own.
    runs = [next(r.run for r in found if r.HasField("run")) for found in (first, second)]
    assert runs[0].run_id == runs[1].run_id == (path / "wandb" / "la_mbda_id.txt").read_text()
    for run in runs:
        assert (run.project, run.run_group, run.job_type) == (
            "la_mbda",
            config.task,
            "ppo_lagrangian",
        )
        assert run.display_name == "gymnasium:Toy-v0/ppo_lagrangian/seed_0"
    sent = {u.key: json.loads(u.value_json) for u in runs[0].config.update}
    expected = json.loads(json.dumps(to_dict(config)))
    assert {name: sent[name] for name in expected} == expected
    assert [r.exit.exit_code for r in first + second if r.HasField("exit")] == [1, 0]
    history = logged(first) + logged(second)
    for stream in ("episodes", "evaluations"):
        names = ("env_steps", f"{stream}/return", f"{stream}/cost_return")
        told = [tuple(h[n] for n in names) for h in history if names[1] in h]
        assert told == [
            (line["env_steps"], line["return"], line["cost_return"]) for line in lines(path, stream)
        ]
    assert [h["env_steps"] for h in history if "updates/multiplier_0" in h] == [40, 80, 120, 160]
    summary = {u.key: u.value_json for r in second for u in r.summary.update}
    assert json.loads(summary["score/return"]) == score["return"]
    metrics = [r.metric for r in second if r.HasField("metric")]
    assert [m.step_metric for m in metrics if m.glob_name == "*"] == ["env_steps"]


def test_a_wandb_that_is_lost_stops_no_training(tmp_path, monkeypatch, capsys):
    config = CONFIGS["ppo_lagrangian"]
    trainer = BaselineTrainer(config, RunFolder(tmp_path, config), WeightsAndBiases)
    run = trainer._recorder._loggers[1]._run

    def fail(_):
        raise ConnectionResetError("Connection lost")

    monkeypatch.setattr(run, "log", fail)
    assert trainer.run()["env_steps"] == 160
    assert capsys.readouterr().err.count("W&B is lost (Connection lost): the run continues") == 1


def test_what_cannot_be_tracked_is_refused_before_anything_is_done(tmp_path, monkeypatch):
    options = ["--results", tmp_path / "results", "--track"]
    monkeypatch.setenv("WANDB_MODE", "online")
    message = refusal("train.py", *options, "wandb")
    assert "log in with `wandb login`, or give WANDB_MODE=offline" in message
    assert not (tmp_path / "results").exists()
    with pytest.raises(ValueError, match="unknown track 'wandbb': did you mean 'wandb'"):
        make_plan(["--preset", "quick", "--track", "wandbb"])
    with pytest.raises(ValueError, match="track mine:Missing: mine has no 'Missing'"):
        loggers.find("mine:Missing")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match=r"pip install 'la_mbda\[track\]'"):
        loggers.find("wandb")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("os.path:join", r"track os\.path:join cannot be called so \(expected str.*\): name what"),
        ("os:sep", r"track os:sep cannot be called so \('str' object is not callable\)"),
        ("builtins:print", r"track builtins:print makes None, without log and close: name what"),
    ],
)
def test_what_makes_no_logger_is_refused_before_training(tmp_path, name, said):
    config = CONFIGS["ppo_lagrangian"]
    with pytest.raises(ValueError, match=said):
        train(config, tmp_path, loggers.find(name))
    assert not (run_path(tmp_path, config) / "episodes.jsonl").exists()


def test_a_sweep_hands_it_to_its_runs(tmp_path):
    options = ["--preset", "quick", "--tasks", "PointGoal1", "--results", str(tmp_path)]
    (plain,), _ = make_plan(options)
    (tracked,), _ = make_plan([*options, "--track", "mine:Kept"])
    assert tracked.config == plain.config
    assert "--track" not in plain.command
    assert " --track mine:Kept" in " ".join(tracked.command)


def test_sigterm_saves_a_tracked_run_and_ends_wandb(tmp_path):
    sizes = {"env_steps": 60_000, "epoch_steps": 1_000, "checkpoint_every": 60_000}
    command = [sys.executable, str(REPOSITORY / "experiments" / "train.py"), "--preset", "quick"]
    command += ["--algorithm", "ppo", "--results", str(tmp_path), "--track", "wandb"]
    command += [str(x) for k, v in sizes.items() for x in (f"--{k.replace('_', '-')}", v)]
    run = tmp_path / "quick" / "ppo" / "PointGoal1" / "seed_0"
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (run / "updates.jsonl").exists() or not lines(run, "updates"):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)  # Wandb's own process has ended too, or this waits.
    assert process.returncode == 130, told
    assert told.count("the same command resumes") == 1
    assert len(list((run / "checkpoint").glob("step_*"))) == 1
    (file,) = run.glob("wandb/offline-run-*/*.wandb")
    found = records(file)
    assert [r.exit.exit_code for r in found if r.HasField("exit")] == [1]
    told = [h["env_steps"] for h in logged(found) if "episodes/return" in h]
    assert told == [line["env_steps"] for line in lines(run, "episodes")]
