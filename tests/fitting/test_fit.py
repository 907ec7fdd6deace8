# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network is made to fit, cheap measures first; what was tried is told, kept and reproduced."""

from __future__ import annotations

import errno
import json

import numpy as np
import pytest

from nnabla_compress.errors import (
    CompressError,
    ConfigError,
    DataError,
    InfeasibleBudgetError,
    UnsupportedFunctionError,
)
from nnabla_compress.files import write_error
from nnabla_compress.fitting import FitRecord, Limits, fit, situation
from nnabla_compress.fitting.judge import Quality
from nnabla_compress.fitting.measures import trained
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.runs import Run, evaluate_run
from tests.fitting.networks import digits


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return digits(tmp_path_factory.mktemp("fit"))


def fitted(given, folder, flash, ram, drop=1.0, targets=("portable",), **more):
    lines = []
    found = fit(
        *given, Limits(flash, ram, drop), folder, targets=targets, tell=lines.append, **more
    )
    return found, lines


def test_integers_of_a_target_are_enough_and_the_recipe_does_it_again(given, tmp_path):
    found, lines = fitted(given, tmp_path / "out", 7000, 2000, targets=("portable", "int16"))
    (attempt,) = found.attempts
    assert found.answer == attempt.name == "01-as-it-is-int16" and found.ended
    assert attempt.sizes.flash <= 7000 and attempt.sizes.ram <= 2000 and attempt.drop <= 1
    assert found.test["samples"] == 300 and abs(found.test["drop"]) < 1
    assert any("Nothing is cheaper" in line for line in lines)
    assert FitRecord.read(tmp_path / "out") == found
    made = tmp_path / "out" / attempt.name
    recipe = Recipe.read(made / "recipe.yaml")
    Run(recipe, tmp_path / "again", made).execute(lambda name, total: lambda *now: None)
    again = tmp_path / "again" / "results.nnb"
    assert again.read_bytes() == (made / "results.nnb").read_bytes()


def test_as_many_bits_as_there_is_room_for_are_calibrated_first(given, tmp_path):
    found, lines = fitted(given, tmp_path / "out", 5600, 30000)
    first = found.attempts[0]
    assert first.measure == "calibrated" and "01-ptq-" in first.name and first.sizes.flash <= 5600
    assert found.fits
    split = json.loads((tmp_path / "out" / "fit.json").read_text())["measured"]
    assert split["samples"] == 80  # a fifth of the training samples
    assert evaluate_run(tmp_path / "out" / found.answer).samples == 300
    assert "as it is: too large for every target" in lines


@pytest.fixture
def hopeless(monkeypatch):
    """Every attempt loses half of all answers."""
    quality = Quality(0.5, "accuracy", 80)
    monkeypatch.setattr(situation.Judge, "of_attempt", lambda *arguments: quality)


@pytest.mark.long
def test_where_bits_alone_lose_too_much_layers_get_their_own_then_it_trains(
    given, tmp_path, hopeless, monkeypatch
):
    monkeypatch.setattr(trained, "_MOST_EPOCHS", 2.0)
    monkeypatch.setattr(trained, "_MOST_UPDATES", 10)
    monkeypatch.setattr(trained, "_FEWEST_UPDATES", 1)
    found, lines = fitted(given, tmp_path / "out", 4080, 30000)
    measures = [attempt.measure for attempt in found.attempts]
    assert measures == ["calibrated", "assigned", "ratios", "trained", "smaller"]
    assert not found.fits
    assert all(attempt.sizes.flash <= 4080 for attempt in found.attempts)
    out = tmp_path / "out"
    steps = [
        Recipe.read(out / a.name / "recipe.yaml").model_dump()["steps"] for a in found.attempts
    ]
    kinds = [[next(iter(step)) for step in each] for each in steps]
    assert kinds[2][-1] == "calibrate" and set(kinds[2][:-1]) <= {"remove_channels", "factorize"}
    assert kinds[3][-2:] == ["calibrate", "train"]
    # What was chosen without a training is trained in the end.
    assert steps[4][:-2] == steps[2][:-1] and kinds[4][-2:] == ["train", "calibrate"]
    rules = steps[1][0]["calibrate"]["weights"]
    assert len({rule.split("bits=")[1] for rule in rules[1:]}) > 1
    assert (out / "sensitivity.json").exists() and (out / "ratios.json").exists()
    drop = found.attempts[0].drop
    assert f"--accuracy-drop {drop:.2f} takes it" in found.help[0]


def test_limits_that_nothing_meets_are_refused_with_what_is_reachable(given, tmp_path):
    with pytest.raises(InfeasibleBudgetError, match="The least reachable: flash .* RAM") as error:
        fitted(given, tmp_path / "out", 300, 100)
    assert "nearest to both comes target portable" in error.value.help
    assert not (tmp_path / "out").exists()


def test_what_can_t_end_in_time_is_not_begun(given, tmp_path):
    found, lines = fitted(given, tmp_path / "out", 5600, 30000, seconds=0.5)
    assert [attempt.state for attempt in found.attempts] == ["not begun"] and not found.fits
    assert "not begun: it needs about" in found.attempts[0].said
    assert any("for lack of time" in line for line in found.help)
    again, _ = fitted(given, tmp_path / "out", 5600, 30000, resume=True)
    assert again.fits and again.attempts[0].state == "done"


def test_what_was_interrupted_goes_on_without_repeating_what_is_done(
    given, tmp_path, monkeypatch, hopeless
):
    monkeypatch.setattr(trained, "_MOST_EPOCHS", 0.0)
    monkeypatch.setattr(trained, "_MOST_UPDATES", 0)
    options = (given, tmp_path / "out", 7000, 3000, 1.0, ("int16", "int8"))
    plain, seen = situation.Run.execute, []

    def stopped(run, announce):
        seen.append(run.folder.name)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return plain(run, announce)

    monkeypatch.setattr(situation.Run, "execute", stopped)
    with pytest.raises(KeyboardInterrupt):
        fitted(*options)
    kept = FitRecord.read(tmp_path / "out")
    assert [attempt.state for attempt in kept.attempts] == ["done", "begun"]
    with pytest.raises(ConfigError, match="holds a fit already"):
        fitted(*options)
    with pytest.raises(ConfigError, match="a fit of other limits"):
        fitted(given, tmp_path / "out", 7001, *options[3:], resume=True)
    found, lines = fitted(*options, resume=True)
    assert seen[2] == seen[1] and seen[0] not in seen[1:]
    assert found.attempts[0] == kept.attempts[0] and "as before" in "".join(lines)


def test_an_attempt_that_fails_is_told_and_ends_nothing(given, tmp_path, monkeypatch):
    plain, seen = situation.Run.execute, []

    def failing(run, announce):
        seen.append(run)
        if len(seen) == 1:
            raise CompressError("it does not work")
        return plain(run, announce)

    monkeypatch.setattr(situation.Run, "execute", failing)
    found, lines = fitted(given, tmp_path / "out", 7000, 3000, targets=("int16", "int8"))
    # Which is cheapest, and so next, is a matter of measured time.
    first, *others = (attempt.state for attempt in found.attempts)
    assert first == "failed" and set(others) == {"done"} and found.fits
    assert "  failed: it does not work" in lines


def test_a_full_disk_ends_it_with_one_message(given, tmp_path, monkeypatch):
    def full(run, announce):
        error = OSError(errno.ENOSPC, "No space left on device")
        raise write_error(run.folder / "results.nnp", error) from error

    monkeypatch.setattr(situation.Run, "execute", full)
    with pytest.raises(ConfigError, match="the disk is full"):
        fitted(given, tmp_path / "out", 7000, 2000, targets=("int16",))
    assert FitRecord.read(tmp_path / "out").attempts[0].state == "begun"


def test_samples_without_labels_are_answered_by_the_float_network(tmp_path):
    file, data = digits(tmp_path, splits=("test",), labels=False)
    found, lines = fitted((file, data), tmp_path / "out", 5600, 30000, drop=3.0)
    assert found.measured["accuracy"] == 1.0
    assert found.measured["accuracy_name"] == "agreement with the float network"
    assert found.measured["samples"] == 225 and not found.test  # three quarters of them
    assert found.attempts[0].drop == pytest.approx(100 - 100 * found.attempts[0].accuracy)


def test_networks_and_folders_that_won_t_do_are_refused(given, tmp_path):
    file, data = given
    with pytest.raises(ConfigError, match="fit needs data"):
        fitted((file, DataOptions()), tmp_path / "out", 5600, 30000)
    np.savez(tmp_path / "few.npz", x=np.zeros((9, 1, 8, 8)), y=np.zeros(9))
    with pytest.raises(DataError, match="too few samples"):
        fitted((file, DataOptions(str(tmp_path / "few.npz"))), tmp_path / "out", 5600, 30000)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files"):
        fitted(given, tmp_path / "mine", 5600, 30000)


def test_a_network_that_no_target_runs_is_refused_by_its_function(tmp_path):
    import nnabla as nn
    import nnabla.functions as F
    from nnabla.utils.save import save

    x = nn.Variable((4, 6))
    y = F.cumsum(x, axis=1)
    contents = {"name": "main", "batch_size": 4, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    np.savez(tmp_path / "data.npz", x=np.random.randn(64, 6), y=np.arange(64) % 6)
    with pytest.raises(UnsupportedFunctionError, match="no target of an export runs this .*CumSum"):
        fitted(
            (tmp_path / "net.nnp", DataOptions(str(tmp_path / "data.npz"))), tmp_path / "o", 9, 9
        )
