# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A checkpoint that is not as it was written is refused by name, and the one before it offered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.training import checkpoint, set_seed

NAMES = ("checkpoint_9.json", "params_9.h5", "states_9.h5")


class Training:
    """A network and its solver: what a checkpoint is written from and read into."""

    def __init__(self, outputs: int = 3) -> None:
        nn.clear_parameters()
        set_seed(3)
        self.x = nn.Variable.from_numpy_array(np.random.RandomState(1).randn(2, 4))
        h = PF.batch_normalization(PF.affine(self.x, outputs, name="a"), name="bn")
        self.loss = F.mean(h**2 + h)
        self.solver = S.Adam(0.1)
        self.solver.set_parameters(nn.get_parameters())

    def update(self, times: int) -> None:
        for _ in range(times):
            self.solver.zero_grad()
            self.loss.forward()
            self.loss.backward()
            self.solver.update()

    def state(self) -> dict:
        arrays = {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}
        for name, state in self.solver.get_states().items():
            arrays[f"{name}/t"] = np.array(state.t)
            arrays.update((f"{name}/{key}", v.d.copy()) for key, v in state.pstate.items())
        return arrays


@pytest.fixture
def folder(tmp_path):
    training = Training()
    for number in (3, 6, 9):
        training.update(3)
        checkpoint.save(tmp_path, number, training.solver, {"best_epoch": 0.1}, seed=5)
    return tmp_path


def load(folder: Path, seed: int = 5, **network: int) -> dict:
    training = Training(**network)
    before = training.state()
    try:
        return checkpoint.load(folder, training.solver, seed)
    except DataError:
        after = training.state()
        assert list(before) == list(after)
        for name, values in before.items():
            np.testing.assert_array_equal(values, after[name], err_msg=name)
        raise


def rewrite_h5(path: Path, change) -> None:
    """Changes an HDF5 file as other tools do: they write no checksum behind it."""
    with h5py.File(path, "r+") as file:
        change(file)
    assert b"sha256" not in path.read_bytes()


def without_checksums(folder: Path) -> None:
    """What an earlier version would have written."""
    for path in folder.glob("*.h5"):
        rewrite_h5(path, lambda file: None)
    for path in folder.glob("*.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({key: content[key] for key in ("iteration", "progress")}))


def test_parameters_and_states_come_back_with_all_their_bits(folder):
    training = Training()
    training.update(9)
    expected = training.state()
    again = Training()
    assert checkpoint.load(folder, again.solver, 5) == {
        "iteration": 9,
        "progress": {"best_epoch": 0.1},
    }
    found = again.state()
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        assert values.tobytes() == found[name].tobytes(), name
    training.update(2)
    again.update(2)
    assert training.loss.d.tobytes() == again.loss.d.tobytes()


def test_nnabla_reads_the_files_itself(folder):
    training = Training()
    nn.load_parameters(str(folder / "params_9.h5"))
    training.solver.load_states(str(folder / "states_9.h5"))
    found = training.state()
    checkpoint.load(folder, training.solver, 5)
    for name, values in training.state().items():
        np.testing.assert_array_equal(values, found[name], err_msg=name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_a_flipped_bit_is_refused_and_the_checkpoint_before_is_offered(folder, name, part):
    content = bytearray((folder / name).read_bytes())
    content[int(part * len(content))] ^= 4
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=f"checkpoint 9 in .* is damaged: .*{name}") as caught:
        load(folder)
    assert "the checkpoint 6 is whole" in caught.value.help
    for path in re.search(r"'rm (.*?)'", caught.value.help).group(1).split():
        Path(path).unlink()
    assert load(folder)["iteration"] == 6


@pytest.mark.parametrize("name", NAMES)
def test_every_flipped_bit_is_refused_or_changes_nothing(folder, name, rng):
    sound = (folder / name).read_bytes()
    training = Training()
    checkpoint.load(folder, training.solver, 5)
    expected = training.state()
    for place in rng.randint(0, len(sound), 40):
        content = bytearray(sound)
        content[place] ^= 1 << rng.randint(8)
        (folder / name).write_bytes(content)
        try:
            load(folder)
        except DataError:
            continue
        training = Training()
        checkpoint.load(folder, training.solver, 5)
        for key, values in training.state().items():
            assert values.tobytes() == expected[key].tobytes(), (place, key)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_a_truncated_file_is_refused(folder, name, part):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match=name):
        load(folder)


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=name):
        load(folder)


def test_files_of_two_checkpoints_do_not_mix(folder):
    (folder / "params_9.h5").write_bytes((folder / "params_6.h5").read_bytes())
    with pytest.raises(DataError, match=r"params_9\.h5 belongs to another checkpoint"):
        load(folder)


def drop(name):
    def change(file):
        del file[name]

    return change


def retype(name, dtype):
    def change(file):
        values, attributes = file[name][...], dict(file[name].attrs)
        del file[name]
        file[name] = values.astype(dtype)
        file[name].attrs.update(attributes)

    return change


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    "name, change, words",
    [
        ("params_9.h5", drop("bn/bn/var"), "lacks bn/bn/var"),
        ("params_9.h5", retype("a/affine/W", "f8"), "holds a/affine/W as float64"),
        ("params_9.h5", retype("a/affine/W", "S4"), "of type |S4"),
        ("states_9.h5", drop("a/affine/b/mean"), "lacks a/affine/b/mean"),
        ("states_9.h5", retype("a/affine/W/var", "f8"), "holds a/affine/W/var as float64"),
    ],
)
def test_missing_arrays_and_wrong_types_are_named(folder, old, name, change, words):
    if old:
        without_checksums(folder)
    rewrite_h5(folder / name, change)
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        load(folder)
    assert "the checkpoint 6 is whole" in caught.value.help


def test_a_network_of_another_shape_is_refused_as_a_whole(folder):
    with pytest.raises(DataError, match=r"a/affine/W with the shape \(4, 3\), the network .*4, 5"):
        load(folder, outputs=5)


def test_another_seed_is_refused(folder):
    with pytest.raises(DataError, match="its seed is 5, that of the training is 6"):
        load(folder, seed=6)


def test_checkpoints_without_checksums_are_read(folder):
    expected = load(folder)
    without_checksums(folder)
    assert load(folder) == expected


def test_where_no_other_is_whole_the_way_out_is_to_begin_again(folder):
    for number in (6, 9):
        (folder / f"states_{number}.h5").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load(folder)
    assert "no other is whole" in caught.value.help and str(folder) in caught.value.help


@pytest.mark.parametrize(
    "place, content",
    [
        ("progress", "text"),
        ("progress", {"best": {"loss": 1}}),
        ("progress", {"last": "text"}),
        ("progress", {"best_epoch": "text"}),
        ("progress", {"monitors": {"Training loss": 5}}),
        ("files", "text"),
        ("files", {"params_2.h5": 5}),
        ("arrays", {"params_2.h5": {"w": "text"}}),
    ],
)
def test_a_record_that_says_anything_is_refused(folder, place, content):
    path = max(folder.glob("checkpoint_*.json"))
    record = json.loads(path.read_text())
    record.pop("sha256_of_the_rest", None)
    path.write_text(json.dumps({**record, place: content}))
    with pytest.raises(DataError, match=f"holds something else in {place}") as error:
        load(folder)
    assert "--resume" in error.value.help
