# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest

from nnabla_compress.explanation import Changes
from nnabla_compress.explanation.changes import probabilities

# Six samples of three classes; rows are logits of a network that is sure by so much.
LABELS = np.array([0, 0, 1, 1, 2, 2])
BEFORE = np.array([0, 0, 1, 0, 2, 1])
AFTER = np.array([0, 1, 2, 2, 2, 2])
SURE = np.array([3.0, 1.0, 2.0, 1.0, 1.0, 1.0])


def logits(answers, sure=SURE):
    return np.eye(3)[answers] * sure[:, None]


@pytest.fixture
def found():
    return Changes(logits(BEFORE), logits(AFTER), LABELS, ["cat", "dog", "fox"])


def test_accuracies_and_agreement_are_parts_of_all_samples(found):
    assert (found.accuracy_before, found.accuracy_after) == (4 / 6, 3 / 6)
    assert found.agreement == 2 / 6


def test_confusions_count_the_answers_to_each_class(found):
    before, after = found.confusions()
    assert before.tolist() == [[2, 0, 0], [1, 1, 0], [0, 1, 1]]
    assert after.tolist() == [[1, 1, 0], [0, 0, 2], [0, 0, 2]]


def test_classes_come_with_those_that_lost_most_first(found):
    (first, second, last) = found.by_class()
    assert {first.name, second.name} == {"cat", "dog"} and last.name == "fox"
    dog = next(each for each in (first, second) if each.name == "dog")
    assert (dog.samples, dog.before, dog.after, dog.lost, dog.won) == (2, 0.5, 0, 1, 0)
    assert dog.taken_for == "fox"
    assert (last.before, last.after, last.lost, last.won, last.taken_for) == (0.5, 1, 0, 1, "")


def test_the_surest_losses_come_first_then_other_changes(found):
    changed = found.changed()
    assert [each.row for each in changed] == [2, 1, 3, 5]
    assert [each.lost for each in changed] == [True, True, False, False]
    sure = np.exp(2) / (np.exp(2) + 2)
    assert changed[0].sure_before == pytest.approx(sure)


def test_without_labels_the_float_network_stands_for_them():
    found = Changes(logits(BEFORE), logits(AFTER))
    assert found.accuracy_before == 1 and found.accuracy_after == found.agreement == 2 / 6
    assert found.names == ["0", "1", "2"]
    said = found.as_dict()
    assert not said["labelled"] and "accuracy_after" not in said


def test_a_class_without_samples_is_left_out():
    found = Changes(logits(BEFORE)[:2], logits(AFTER)[:2], LABELS[:2])
    assert [each.name for each in found.by_class()] == ["0"]


def test_where_nothing_changed_the_most_doubted_samples_are_told():
    before, after = logits(LABELS), logits(LABELS, np.array([3.0, 0.1, 2.0, 1.0, 0.5, 1.0]))
    found = Changes(before, after, LABELS)
    assert found.changed() == []
    assert [each.row for each in found.most_doubted(2)] == [1, 4]


def test_all_of_it_is_json(found):
    said = json.loads(json.dumps(found.as_dict()))
    assert said["confusion_after"] == [[0, 0, 1], [0, 1, 1], [1, 2, 2], [2, 2, 2]]
    assert said["changed"][0]["row"] == 2


def test_probabilities_stay_and_logits_become_some():
    given = np.array([[0.25, 0.75], [1.0, 0.0]])
    assert (probabilities(given) == given).all()
    assert probabilities(np.array([[0.0, 1e4]])).tolist() == [[0, 1]]
