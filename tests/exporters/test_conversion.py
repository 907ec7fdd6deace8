# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Files are those that NNabla's own tools write, byte for byte."""

from __future__ import annotations

import argparse
import zipfile

import h5py
import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.cli.convert import add_convert_command

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.lowering.nnb_contents import fitting_position
from nnabla_compress.nnb.sources import source_of
from nnabla_compress.quantizers import LUT, Pow2, Uniform, prepare
from tests.graph.networks import values

WEIGHTS = {
    "float": None,
    "planes": LUT(bits=3),
    "bits": LUT(bits=4, grid_bits=8),
    "powers": Pow2(bits=4),
    "bytes": Uniform(bits=8),
}


def network(quantizer):
    x = nn.Variable((1, 3, 9, 9))
    h = F.relu(PF.convolution(x, 16, (3, 3), apply_w=quantizer, name="c1"))
    h = PF.deconvolution(h, 5, (2, 2), name="u1")
    y = PF.affine(F.tanh(PF.affine(h, 30, apply_w=quantizer, name="f1")), 7, name="f2")
    prepare([y])
    return x, y


def converted_by_nnabla(nnp, nnb, batch_size=1, settings=None):
    parser = argparse.ArgumentParser()
    add_convert_command(parser.add_subparsers())
    options = ["-d", "nnb_3", "--nnp-no-expand-network", "--api", "44", "-b", str(batch_size)]
    options += ["-s", str(settings)] if settings is not None else []
    parsed = parser.parse_args(["convert", *options, str(nnp), str(nnb)])
    assert parsed.func(parsed) is not False
    return nnb.read_bytes()


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("target", ["portable", "int16", "binary-weight"])
def test_an_nnb_is_what_nnablas_converter_makes(tmp_path, kind, target):
    x, y = network(WEIGHTS[kind])
    nnp = tmp_path / "net.nnp"
    export_nnp(nnp, y, x, target=target, samples={"x": values(8, 3, 9, 9)})
    settings = nnp.with_suffix(".settings.yaml")
    expected = converted_by_nnabla(
        nnp, tmp_path / "theirs.nnb", 2, settings if settings.exists() else None
    )
    ours = export_nnb(tmp_path / "ours.nnb", nnp, batch_size=2, compact=False)
    assert ours.read_bytes() == expected


def test_fraction_bits_that_settings_leave_out_are_those_of_the_converter(tmp_path):
    x, y = network(None)
    nnp, settings = tmp_path / "net.nnp", tmp_path / "types.yaml"
    export_nnp(nnp, y, x)
    settings.write_text("variables: {c1/conv/W: FIXED8, f1/affine/W: FIXED16, f2/affine/b: FIXED8}")
    expected = converted_by_nnabla(nnp, tmp_path / "theirs.nnb", settings=settings)
    ours = export_nnb(tmp_path / "ours.nnb", nnp, settings=settings, compact=False)
    assert ours.read_bytes() == expected


@pytest.mark.parametrize(
    ("largest", "position"), [(0.3, 7), (1.0, 6), (-1.0, 7), (2.0, 5), (-2.0, 6), (2.5, 5)]
)
def test_the_largest_value_chooses_the_fraction_bits(largest, position):
    assert fitting_position(source_of(np.float32([0.1, largest])), "FIXED8") == position


@pytest.mark.parametrize("kind", WEIGHTS)
def test_an_nnp_holds_the_parameters_as_nnabla_writes_them(tmp_path, kind):
    x, y = network(WEIGHTS[kind])
    nnp = tmp_path / "net.nnp"
    export_nnp(nnp, y, x)
    with zipfile.ZipFile(nnp) as archive:
        archive.extract("parameter.h5", tmp_path)
    with h5py.File(tmp_path / "parameter.h5", "r") as stored:
        trained = {}
        stored.visititems(
            lambda name, item: (
                trained.update({name: bool(item.attrs["need_grad"])})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    scope = {}
    with nn.parameter_scope("", scope):
        nn.load_parameters(str(nnp))
        found = nn.get_parameters(grad_only=False)
        for name, parameter in found.items():
            parameter.need_grad = trained[name]
        with (tmp_path / "again.h5").open("w+b") as file:
            nn.parameter.save_parameters(file, found, extension=".h5")
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "parameter.h5").read_bytes()
