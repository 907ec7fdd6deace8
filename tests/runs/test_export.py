# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.runs import Run, export_file
from nnabla_compress.runs.export import Exported
from nnabla_compress.runs.ptq import run_ptq
from tests.recipes.quick import recipe_of


def test_the_command_for_the_converter_does_not_overwrite_the_smaller_nnb(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 64))
    y = PF.affine(x, 64, apply_w=Q.LUT(bits=2), name="fc")
    nnp, nnb = tmp_path / "net.nnp", tmp_path / "net.nnb"
    report = export_nnp(nnp, y, x)
    export_nnb(nnb, nnp)
    settings = tmp_path / "net.settings.yaml"
    settings.touch()
    command = Exported(report, [nnp, settings, nnb]).commands["convert"]
    assert command.endswith(f"{nnp} {tmp_path / 'net.converted.nnb'}")
    alone = Exported(report, [nnp, settings]).commands["convert"]
    assert alone.endswith(f"{nnp} {nnb}")


@pytest.mark.parametrize("nnb", [True, False])
def test_an_nnb_that_only_c_source_is_made_of_is_not_kept(nnb, tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 64))
    y = PF.affine(x, 64, name="fc")
    export_nnp(tmp_path / "net.nnp", y, x)
    made = export_file(tmp_path / "net.nnp", tmp_path / "out", nnb=nnb, c=True)
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found == sorted(path.name for path in made.paths)
    assert ("net.nnb" in found) == nnb and {"net.c", "net.h", "net_main.c"} < set(found)
    assert made.sizes.nnb_bytes == made.as_dict()["nnb_bytes"] > 4 * 64 * 64


def test_c_source_of_packed_weights_has_its_kernels_without_an_nnb(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 64))
    y = PF.affine(x, 64, apply_w=Q.LUT(bits=2), name="fc")
    export_nnp(tmp_path / "net.nnp", y, x)
    made = export_file(tmp_path / "net.nnp", tmp_path / "out", "callback", nnb=False, c=True)
    names = {path.name for path in made.paths}
    assert {"net.c", "packed_kernels.c"} <= names and not list((tmp_path / "out").glob("*.nnb"))


@pytest.mark.parametrize("target", ["int8", "int16", "portable", "integer", "callback"])
def test_a_weight_that_several_functions_read_is_one_row(target, tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 16))
    h = x
    for _ in range(3):
        h = F.tanh(PF.affine(h, 16, apply_w=Q.Affine(bits=8, axis=1), name="cell"))
    samples = {"x": np.random.RandomState(0).randn(64, 16)}
    report = export_nnp(tmp_path / "net.nnp", h, x, target=target, samples=samples)
    assert [(row.name, row.weights) for row in report.rows] == [("cell/affine", 256)]
    assert report.float_bytes == 4 * 256


@pytest.mark.parametrize("target", ["int8", "int16"])
def test_missing_samples_are_said_before_any_work(target, tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 16))
    path = tmp_path / "net.nnp"
    export_nnp(path, PF.affine(x, 16, name="fc"), x)
    recipe, folder = recipe_of(path, weights=["affine:bits=8"], target=target)
    assert recipe.export.target == target
    told = []
    settings = PostTrainingSettings(activations=None)
    verbs = (
        lambda: run_ptq(recipe, folder, tmp_path / "p", settings, tell=told.append),
        lambda: Run(recipe, tmp_path / "c", folder).execute(lambda phase, total: None),
        lambda: export_file(path, tmp_path / "e", target),
    )
    for verb in verbs:
        with pytest.raises(ConfigError, match="there are no data") as error:
            verb()
        assert "--data" in error.value.help
    assert told == [] and [p.name for p in tmp_path.iterdir()] == ["net.nnp"]
