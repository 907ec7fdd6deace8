# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a quantized layer does to a network."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.cli.compress import recipe_of
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.search.sensitivity import Sensitivities, measure, rule_of


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sensitivity")
    random = np.random.RandomState(0)
    nn.clear_parameters()
    x = nn.Variable((4, 6))
    y = PF.affine(F.relu(PF.affine(x, 16, name="a")), 3, name="b")
    contents = {"name": "main", "batch_size": 4, "outputs": {"y": y}, "names": {"x": x}}
    save(str(folder / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    data = random.randn(20, 6).astype(np.float32)
    labels = random.randint(0, 3, 20)
    np.savez(folder / "data.npz", x_train=data, y_train=labels, x_test=data, y_test=labels)
    path = folder / "net.nnp"
    return recipe_of(path, weights=["lut:bits=8"], data=str(folder / "data.npz"))


def test_more_bits_are_less_noise_and_the_file_holds_it_all(recipe, tmp_path):
    steps = []
    found = measure(*recipe, [1, 2, 4], samples=16, progress=lambda *step: steps.append(step))
    assert steps[-1] == (6, 6)
    assert [(row.layer, row.bits) for row in found.rows][:4] == [
        ("a/affine", 1),
        ("a/affine", 2),
        ("a/affine", 4),
        ("b/affine", 1),
    ]
    for rows in (found.rows[:3], found.rows[3:]):
        ratios = [row.weight_snr for row in rows]
        assert ratios == sorted(ratios) and rows[0].output_snr < rows[2].output_snr
    assert found.samples == 16
    assert not nn.get_parameters(grad_only=False)
    found.write(tmp_path / "found.json")
    assert Sensitivities.read(tmp_path / "found.json") == found


def test_two_processes_find_what_one_finds(recipe):
    assert measure(*recipe, [2], workers=2) == measure(*recipe, [2], workers=1)


def test_wrong_quantizers_and_files_are_refused(recipe, tmp_path):
    with pytest.raises(ConfigError, match="no bits to choose"):
        rule_of("lut:bits=4", 2)
    with pytest.raises(ConfigError, match="matches no layer"):
        measure(*recipe, [2], "nothing*=lut")
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(DataError, match="holds no sensitivities"):
        Sensitivities.read(tmp_path / "x.json")
