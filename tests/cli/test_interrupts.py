# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment of any verb: it ends at once, says how to go on, and breaks nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nnabla_compress.cli as cli
from nnabla_compress.cli.interrupts import Interrupts
from tests.cli.shell import call_here

# Far more than it takes: without an end the process would run for hours.
_PATIENCE = 120
ROWS = 6000
BITS = ("--bits", "2,3,4,5,6,7,8")
LONG = """
name: long
seed: 1
model: {name: mlp, options: {hidden: [12]}}
data: {source: digits, validation: 0.1}
float_training: {epochs: 0}
compression:
  weights: lut:bits=2
  training: {epochs: 100000, learning_rate: 0.02, checkpoint_interval: 5}
"""


def start(*arguments: object, cwd: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "nnabla_compress", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
        start_new_session=True,
    )


def interrupted(process: subprocess.Popen, times: int = 1) -> str:
    """Sends Ctrl-C to the process and its children; returns what it said."""
    asked = time.monotonic()
    try:
        for _ in range(times):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.01)
        _, said = process.communicate(timeout=_PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    # The last moment of the work: what is swallowed goes on for longer.
    if process.returncode == 0 and time.monotonic() - asked < 0.5:
        pytest.skip("this machine was done before")
    assert process.returncode == 130, said
    assert "stopped." in said and "Traceback" not in said and "internal error" not in said
    return said


def wait_for(condition, process: subprocess.Popen) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "it never came so far"
        time.sleep(0.01)


def has_loaded_nnabla(process: subprocess.Popen) -> bool:
    """Whether a verb is at work: what comes before it does without NNabla."""
    return "libnnabla" in Path(f"/proc/{process.pid}/maps").read_text()


@pytest.fixture(autouse=True)
def listened_to():
    """Who runs the tests in the background may have Ctrl-C ignored, by these and their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("interrupts")
    (path / "long.yaml").write_text(LONG)
    short = LONG.replace("epochs: 100000", "epochs: 0").replace("name: long", "name: short")
    (path / "short.yaml").write_text(short)
    done = call_here("run", "short.yaml", "-o", "short", cwd=path)
    assert done.returncode == 0, done.stderr
    images = np.random.RandomState(0).rand(ROWS, 1, 8, 8).astype(np.float32)
    np.savez(path / "data.npz", x_train=images, x_test=images, y_test=np.arange(ROWS) % 10)
    labels = np.arange(ROWS) % 10
    np.savez(
        path / "labels.npz",
        **{"x_train": images, "y_train": labels, "x_validation": images, "y_validation": labels},
    )
    return path


@pytest.mark.parametrize("times, pause", [(1, 0.0), (2, 0.05)])
def test_a_compressed_training_stops_and_goes_on_from_its_checkpoint(
    folder, times, pause, tmp_path
):
    out = tmp_path / "out"
    process = start("run", "long.yaml", "-o", out, cwd=folder)
    checkpoints = out / "compressed" / "checkpoints"
    wait_for(lambda: any(checkpoints.glob("checkpoint_*.json")), process)
    time.sleep(pause)
    assert "--resume" in interrupted(process, times)
    kept = [int(path.stem.split("_")[1]) for path in checkpoints.glob("checkpoint_*.json")]
    assert kept and (checkpoints / f"params_{max(kept)}.h5").exists()
    again = start("run", "-o", out, "--resume", cwd=folder)
    wait_for(
        lambda: max(int(p.stem[11:]) for p in checkpoints.glob("checkpoint_*.json")) > max(kept),
        again,
    )
    interrupted(again)


@pytest.mark.parametrize(
    "verb, arguments",
    [
        ("ptq", ("short/float.nnp", "--data", "data.npz", "-n", str(ROWS), "-b", "4")),
        (
            "sensitivity",
            ("short/float.nnp", "--data", "labels.npz", "--samples", str(ROWS), *BITS),
        ),
        ("verify", ("short/results.nnp", "-n", "1000000")),
    ],
)
def test_other_verbs_stop_without_a_word_of_resuming(folder, tmp_path, verb, arguments):
    output = () if verb == "verify" else ("-o", tmp_path / "out")
    process = start(verb, *arguments, *output, cwd=folder)
    wait_for(lambda: has_loaded_nnabla(process), process)
    time.sleep(0.5)
    if process.poll() is not None:
        pytest.skip("this machine was done before")
    assert "--resume" not in interrupted(process)


def test_workers_stop_with_the_one_who_waits_for_them(folder, tmp_path):
    process = start(
        "sensitivity", "short/float.nnp", "--data", "labels.npz", "--samples", str(ROWS),
        "--jobs", "2", *BITS, "-o", tmp_path / "out", cwd=folder,
    )  # fmt: skip
    wait_for(lambda: has_loaded_nnabla(process), process)
    time.sleep(1.0)
    if process.poll() is not None:
        pytest.skip("this machine was done before")
    said = interrupted(process)
    assert "InvalidStateError" not in said and "Broken" not in said


def test_an_interrupt_that_got_lost_is_raised_again():
    class Dropped:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.001)

    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            Dropped()  # what is raised while an object is removed is dropped
            end = time.monotonic() + _PATIENCE
            while time.monotonic() < end:
                time.sleep(0.01)
        # What NNabla's engine makes of it has no cause.
        assert interrupts.stopped(SystemError("returned a result with an error set"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_inside_another_error_is_no_internal_error(monkeypatch, capsys):
    def verb(**options: object) -> None:
        error = SystemError("error return without exception set")
        error.__cause__ = inner = KeyboardInterrupt()
        inner.__cause__ = error
        raise error

    monkeypatch.setattr(cli._module("ptq").command, "callback", verb)
    with pytest.raises(SystemExit) as stop:
        cli.main(["ptq", "net.nnp"])
    assert stop.value.code == 130
    said = capsys.readouterr().err
    assert "stopped." in said and "--resume" not in said


def test_an_interrupt_that_is_passed_over_is_raised_again():
    def swallowed() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        except:  # noqa: E722 - as modules of others do while they are imported
            pass

    with Interrupts() as interrupts:
        swallowed()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(_PATIENCE)
        assert interrupts.stopped(KeyboardInterrupt())
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
