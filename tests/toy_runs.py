"""Runs of the toy environment: trained, read, and stopped at moments of one's choice."""

import json

import numpy as np
import pytest
from toy import LOOP, tiny_config

from la_mbda.api import load_agent, train
from la_mbda.runs.folder import STREAMS, RunFolder, run_path


def lines(path, stream):
    """What a stream of a run folder holds."""
    return [json.loads(line) for line in (path / f"{stream}.jsonl").read_text().splitlines()]


def trained(results, **overrides):
    """The folder of a run of ten updates, the posterior of which is active after nine."""
    config = tiny_config(**LOOP | {"env_steps": 160} | overrides)
    train(config, results)
    return run_path(results, config)


class StopAt:
    """Asks for a stop at the n-th moment at which a run can be left."""

    def __init__(self, moment):
        self._left = moment

    @property
    def asked(self):
        self._left -= 1
        return self._left < 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def check_stops(trainer, config, tmp_path, moments):
    """A run stopped at each of the moments in turn ends as one that was never stopped.

    Returns the name of the checkpoint at which each stop left it.
    """
    expected = train(config, tmp_path / "whole")
    path, standing = run_path(tmp_path / "stopped", config), []
    for moment in moments:
        stopped = trainer(config, RunFolder(path, config))
        stopped.stop = StopAt(moment)
        with pytest.raises(KeyboardInterrupt):
            stopped.run()
        standing.append(max(checkpoint.name for checkpoint in path.glob("checkpoint/step_*")))
    assert train(config, tmp_path / "stopped") == expected
    whole = run_path(tmp_path / "whole", config)
    for stream in STREAMS:
        assert lines(path, stream) == lines(whole, stream)
    pairs = zip(load_agent(path).variables, load_agent(whole).variables, strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
    return standing
