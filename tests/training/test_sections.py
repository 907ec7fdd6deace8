# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sections as networks of their own: what they compute, learn, and leave alone."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import quantizers as Q
from nnabla_compress.analysis.sections import sections_of
from nnabla_compress.data import DataSet, Preprocessing, Split
from nnabla_compress.graph.network import Network
from nnabla_compress.training import Trainer, TrainingSettings, make_loss
from nnabla_compress.training.section_errors import mean_variances
from nnabla_compress.training.sections import (
    MAP,
    OUTPUT,
    Goal,
    PreparedRows,
    SectionNetwork,
    teacher_maps,
)

RNG = np.random.RandomState(5)
Y = np.arange(48) % 3
X = (RNG.randn(48, 5) + Y[:, None]).astype(np.float32)
CUTS = ("a/affine/relu", "b/affine/batchnormalization")
SETTINGS = TrainingSettings(epochs=2, batch_size=8, learning_rate=0.05)


@pytest.fixture(autouse=True)
def nothing_left():
    nn.clear_parameters()
    yield
    nn.clear_parameters()


def network(x, test, quantizer=None):
    """a; b with a normalization beside what skips it; c."""
    more = {} if quantizer is None else {"apply_w": quantizer}
    h = F.relu(PF.affine(x, 6, name="a", **more))
    b = PF.batch_normalization(PF.affine(h, 6, name="b", **more), batch_stat=not test, name="b")
    return PF.affine(F.relu(F.add2(b, h)), 3, name="c", **more)


def quantized(x, test):
    return network(x, test, Q.DoReFa(bits=2, scale="mean"))


def sections(*at):
    x = nn.Variable((1, 5))
    return sections_of(Network({"x": x}, {"y": network(x, True)}), at or CUTS)


def goal(parts, loss="mse", **options):
    judge = make_loss("SoftmaxCrossEntropy", (1, 3))
    return Goal(loss, mean_variances(parts, network, {"x": X}), judge, **options)


def part_of(parts, number, student=network, **options):
    x = {"x": nn.Variable((1, 5))}
    return SectionNetwork(parts[number], student, network, goal(parts, **options), x)


def trained(part, folder, split=None, preprocessing=None, settings=SETTINGS):
    split = split or Split.checked(X, Y, "test")
    with part.within():
        trainer = Trainer(
            part.build,
            DataSet.checked("test", 3, train=split, validation=split),
            settings,
            folder,
            preprocessing or Preprocessing(),
            seed=1,
            terms=part.terms,
            loss=part.judge,
        )
        return trainer.run()


def values(scope=None):
    with nn.parameter_scope("", scope or nn.parameter.get_current_parameter_scope()):
        return {path: np.array(p.d) for path, p in nn.get_parameters(grad_only=False).items()}


def test_a_section_owns_copies_of_its_parameters_and_no_others():
    parts = sections()
    owned = [set(values(part_of(parts, number).scope)) for number in range(3)]
    assert owned[0] == {"a/affine/W", "a/affine/b"} and owned[2] == {"c/affine/W", "c/affine/b"}
    assert {path.split("/")[0] for path in owned[1]} == {"b"} and len(owned[1]) == 6
    assert set.union(*owned) == set(values())


@pytest.mark.parametrize(
    ("number", "loss"), [(0, "mse"), (0, "l1"), (0, "kl"), (1, "mse"), (2, "mse")]
)
def test_sections_at_full_precision_give_the_teacher_back_bit_for_bit(tmp_path, number, loss):
    parts = sections()
    before = values()
    part = part_of(parts, number, loss=loss, batch_statistics=False, weight=1.0)
    outcome = trained(part, tmp_path)
    series = (tmp_path / "Training-loss.series.txt").read_text().split()[1::2]
    assert len(series) > 0 and all(float(loss) == 0 for loss in series)
    assert outcome.last.loss == 0
    for path, array in values(part.scope).items():
        assert array.tobytes() == before[path].tobytes(), path


def test_training_a_section_moves_its_copies_and_lowers_its_loss(tmp_path):
    parts = sections()
    quantized(nn.Variable((1, 5)), True)
    before = values()
    part = part_of(parts, 1, quantized)
    first = {path: array.copy() for path, array in values(part.scope).items()}
    outcome = trained(part, tmp_path, settings=TrainingSettings(6, 8, learning_rate=0.05))
    series = (tmp_path / "Validation-loss.series.txt").read_text().split()[1::2]
    assert float(series[-1]) < float(series[0])
    assert outcome.last.accuracy is None
    assert any((values(part.scope)[path] != array).any() for path, array in first.items())
    assert all((array == values()[path]).all() for path, array in before.items())


def test_kept_maps_teach_the_same_as_computed_ones(tmp_path):
    parts = sections()
    quantized(nn.Variable((1, 5)), True)
    names = [*parts[1].reads, *parts[1].gives]
    kept = teacher_maps(network, {"x": X}, names, 7)
    split = Split(kept[names[0]], Y.astype(np.int32), {MAP + n: kept[n] for n in names}, "unread")
    found = []
    for folder, given in (("kept", split), ("computed", None)):
        part = part_of(parts, 1, quantized)
        trained(part, tmp_path / folder, given)
        found.append(values(part.scope))
    for path, array in found[0].items():
        np.testing.assert_allclose(array, found[1][path], rtol=1e-5, atol=1e-6)


def test_the_last_section_learns_from_labels_and_teacher_or_from_the_teacher_alone(tmp_path):
    parts = sections()
    quantized(nn.Variable((1, 5)), True)
    both = part_of(parts, 2, quantized, weight=0.5)
    assert both.judge.name == "SoftmaxCrossEntropy" and len(both.terms) == 1
    outcome = trained(both, tmp_path / "both")
    assert outcome.last.accuracy is not None
    alone = part_of(parts, 2, quantized, weight=1.0)
    assert alone.terms == [] and alone.judge.name == "own loss"
    unlabelled = Split.checked(X, None, "test")
    assert trained(alone, tmp_path / "alone", unlabelled).last.loss > 0
    labels = part_of(parts, 2, quantized, weight=0.0)
    assert labels.terms == []


def test_the_output_is_taught_as_a_distillation_does_it(tmp_path):
    parts = sections()
    part = part_of(parts, 2, lambda x, test: network(2 * x, test), weight=1.0, temperature=2.0)
    x = nn.Variable.from_numpy_array(X)
    loss = part.build(x, True)
    loss.forward()
    taught = teacher_maps(network, {"x": X}, [OUTPUT, *parts[2].reads], 48)
    s = nn.Variable.from_numpy_array(taught[OUTPUT])  # on the teacher's maps 2 * x is unread
    expected = part.goal.judge.distillation(s, s, 2.0)
    expected.forward()
    assert loss.shape == (48, 1)
    np.testing.assert_allclose(loss.d, float(expected.d), atol=1e-6)


def test_rows_are_prepared_when_they_are_asked_for():
    rows = PreparedRows(np.uint8([[0, 2], [4, 6]]), Preprocessing(scale=0.5, mean=1.0))
    assert rows.shape == (2, 2) and len(rows) == 2
    assert rows[np.array([1, 1])].tolist() == [[1, 2], [1, 2]]


def test_maps_come_in_the_order_of_the_samples_whatever_the_batch():
    sections()
    few, many = (teacher_maps(network, {"x": X}, ["a/affine", OUTPUT], rows) for rows in (5, 48))
    for name, values_ in many.items():
        assert values_.shape[0] == 48
        np.testing.assert_allclose(few[name], values_, rtol=1e-5, atol=1e-6)
