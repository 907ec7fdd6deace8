# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Data from a user's Python function: what it may give, and what is refused with which words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnabla_compress.data import Wanted, load, python_source
from nnabla_compress.errors import ConfigError, DataError

CODE = """\
import numpy as np
X = np.arange(24, dtype=np.float32).reshape(12, 2)
Y = np.arange(12) % 3

def samples():
    for x, y in zip(X, Y):
        yield x, y

def batches():
    for start in (0, 5, 10):
        yield X[start:start + 5], Y[start:start + 5, None]

def arrays():
    return X, Y

def dicts():
    return [{"image": X[:6], "label": Y[:6]}, {"image": X[6:], "label": Y[6:]}]

def iterator():
    from nnabla.utils.data_iterator import data_iterator_simple
    return data_iterator_simple(lambda i: (X[i], Y[i]), 12, 5, shuffle=False)

def by_split(split):
    if split == "train":
        yield X, Y
    if split == "test":
        yield X[:4], Y[:4]

def both():
    return {"train": [(X, Y)], "test": None, "validation": (X[:2], Y[:2])}

def endless():
    while True:
        yield X[:5], Y[:5]

def vectors():
    for x in X:
        yield x, x * 2

def alone():
    return X

def pairs():
    return [(X, X[:, :1], Y)]

def nothing():
    return iter(())

def none():
    return None

def fails():
    yield X, Y
    raise OSError("disk is gone")

def fails_at_once():
    raise KeyError("no key")

def text():
    yield "a", "b"

def ragged():
    yield X, Y
    yield X[:, :1], Y

def uneven():
    yield X, Y[:5]

def drops():
    yield X, Y
    yield X

def three():
    yield X, Y, Y

def not_finite():
    yield X / 0, Y
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_data.py").write_text(CODE)
    return tmp_path


def collect(folder, function, **options):
    wanted = options.pop("wanted", None)
    return load("python", path="my_data.py", function=function, folder=folder, wanted=wanted,
                **options)  # fmt: skip


@pytest.mark.parametrize("function", ["samples", "batches", "arrays", "iterator"])
def test_samples_batches_arrays_and_iterators_give_the_same_set(folder, function):
    data = collect(folder, function)
    assert data.train.x.tolist() == np.arange(24).reshape(12, 2).tolist()
    assert data.train.y.tolist() == [0, 1, 2] * 4 and data.n_classes == 3
    again = collect(folder, function)
    assert (again.train.x == data.train.x).all() and (again.train.y == data.train.y).all()


def test_dicts_are_read_by_their_names(folder):
    data = collect(folder, "dicts", x="image", y="label", split="test")
    assert len(data.test) == 12 and data.train is None
    with pytest.raises(DataError, match="not x"):
        collect(folder, "dicts")


def test_a_module_is_found_beside_the_recipe_without_its_suffix(folder):
    data = python_source.python_source("my_data", "arrays", folder=folder)
    assert len(data.train) == 12


def test_splits_come_by_argument_or_by_name(folder):
    data = collect(folder, "by_split")
    assert (len(data.train), data.validation, len(data.test)) == (12, None, 4)
    data = collect(folder, "both")
    assert (len(data.train), len(data.validation), data.test) == (12, 2, None)


def test_an_endless_iterator_needs_a_limit(folder, monkeypatch):
    monkeypatch.setattr(python_source, "MOST_SAMPLES", 1000)
    with pytest.raises(DataError, match="more than 1,000 samples") as wrong:
        collect(folder, "endless")
    assert "limit=N" in wrong.value.help
    assert len(collect(folder, "endless", limit=7).train) == 7


def test_what_the_network_takes_tells_samples_from_batches(folder):
    wanted = Wanted(targets="numbers", shapes={"x": (2,)})
    data = collect(folder, "vectors", wanted=wanted)
    assert data.train.x.shape == data.train.y.shape == (12, 2)
    assert (data.train.y == 2 * data.train.x).all()
    # Without a shape a vector could be a batch of numbers.
    wanted = Wanted(targets="numbers")
    assert collect(folder, "vectors", wanted=wanted, batched=False).train.x.shape == (12, 2)


def test_inputs_alone_will_do_where_no_targets_are_wanted(folder):
    data = collect(folder, "alone", wanted=Wanted(unlabelled=True))
    assert not data.train.labelled and len(data.train) == 12
    itself = collect(folder, "alone", y="x", wanted=Wanted(targets="numbers"))
    assert (itself.train.y == itself.train.x).all()
    with pytest.raises(DataError, match="has x but not y"):
        collect(folder, "alone")


def test_several_inputs_come_in_the_order_of_the_network(folder):
    wanted = Wanted(inputs={"a": ("a",), "b": ("b",)})
    train = collect(folder, "pairs", wanted=wanted).train
    assert train.name == "a" and train.x.shape == (12, 2) and train.more["b"].shape == (12, 1)
    with pytest.raises(DataError, match=r"has 1 parts"):
        collect(folder, "alone", wanted=wanted)


@pytest.mark.parametrize(
    "function, words",
    [
        ("nothing", "gave no samples"),
        ("none", "gave nothing"),
        ("fails", "failed after 1 elements with OSError: disk is gone"),
        ("fails_at_once", "failed with KeyError"),
        ("text", "x from sample 0 on holds <U1, not numbers"),
        ("ragged", r"x of sample 12 has the shape \(1,\), that of sample 0 has \(2,\)"),
        ("drops", "other arrays come than before"),
        ("three", "has 3 parts"),
        ("not_finite", "NaN or infinite"),
        ("missing", "has no function 'missing'"),
    ],
)
def test_what_a_function_does_wrong_is_said_in_one_message(folder, function, words):
    with np.errstate(all="ignore"), pytest.raises((DataError, ConfigError), match=words) as wrong:
        collect(folder, function)
    assert "my_data.py" in wrong.value.message


def test_a_batch_of_uneven_arrays_is_refused(folder):
    with pytest.raises(DataError, match="12 of x, 5 of y"):
        collect(folder, "uneven", batched=True)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"split": "all"}, "split is 'all'"),
        ({"limit": 0}, "limit is 0"),
        ({"limit": 1.5}, "limit is 1.5"),
        ({"layout": "HWC"}, "layout is 'HWC'"),
        ({"batch": 4}, "has no option 'batch'"),
    ],
)
def test_options_without_meaning_are_refused(folder, options, words):
    with pytest.raises(ConfigError, match=words):
        collect(folder, "arrays", **options)


def test_the_iterator_is_not_read_further_than_the_limit(folder, monkeypatch):
    read = []
    counted = (read.append(n) or np.zeros(2) for n in itertools.count())
    monkeypatch.setattr(python_source, "find_function", lambda *_: (lambda: counted, str(folder)))
    data = collect(folder, "any", limit=5, batched=False, wanted=Wanted(unlabelled=True))
    assert len(data.train) == 5 and len(read) == 5
