# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Inputs of stored functions that don't fit each other are refused before NNabla trusts them."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import pytest
from nnabla.utils.save import save

from nnabla_compress.errors import DataError
from nnabla_compress.models import NnpFile
from nnabla_compress.models.nnp_shapes import misfit
from tests.models.damaged import changed_text, good_members, members_of, write_members

MAP, WEIGHT = (2, 4, 6, 6), (8, 4, 3, 3)
# Type, inputs, and arguments that go beside them.
FITTING = {
    "convolution": ("Convolution", [MAP, WEIGHT, (8,)], {}),
    "convolution without a bias": ("Convolution", [MAP, WEIGHT], {}),
    "depthwise": ("DepthwiseConvolution", [MAP, (8, 3, 3), (8,)], {"multiplier": 2}),
    "affine": ("Affine", [(2, 4), (4, 3, 5), (3, 5)], {}),
    "deconvolution": ("Deconvolution", [MAP, (4, 8, 3, 3), (8,)], {}),
    "deconvolution in groups": ("Deconvolution", [MAP, (4, 8, 3, 3), (16,)], {"group": 2}),
    "binary": ("BinaryConnectConvolution", [MAP, WEIGHT, WEIGHT, (8,)], {}),
    "binary with scales": ("BinaryWeightAffine", [(2, 4), (4, 3), (4, 3), (3,), (3,)], {}),
    "incremental": ("INQAffine", [(2, 4), (4, 3), (4, 3), (3,)], {}),
    "groups": ("GroupNormalization", [MAP, (1, 4, 1, 1), (1, 4, 1, 1)], {}),
}
MISFITS = {
    "a bias of weights": ("Convolution", [MAP, WEIGHT, WEIGHT], {}),
    "a bias too short": ("DepthwiseConvolution", [MAP, (8, 3, 3), (4,)], {"multiplier": 2}),
    "a bias too long": ("Affine", [(2, 4), (4, 3), (4,)], {}),
    "too few rows": ("Deconvolution", [MAP, (3, 8, 3, 3)], {}),
    "a bias of one group": ("Deconvolution", [MAP, (4, 8, 3, 3), (8,)], {"group": 2}),
    "one binary weight": ("BinaryConnectAffine", [(2, 4), (4, 3), (1,)], {}),
    "other binary weights": ("BinaryWeightConvolution", [MAP, WEIGHT, (8, 4, 1, 1)], {}),
    "channels that make no groups": ("GroupNormalization", [MAP, (1, 4, 1, 1)], {"num_groups": 3}),
    "no such axis": ("GroupNormalization", [MAP, (1, 4, 1, 1)], {"channel_axis": 4}),
}
ARGUMENTS = {
    "Deconvolution": {"base_axis": 1, "group": 1},
    "GroupNormalization": {"num_groups": 2, "channel_axis": 1},
}


def found(case):
    type_name, shapes, arguments = case
    return misfit(type_name, {**ARGUMENTS.get(type_name, {}), **arguments}, shapes)


@pytest.mark.parametrize("name", FITTING)
def test_what_fits_is_let_through(name):
    assert found(FITTING[name]) is None


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_said_with_both_shapes(name):
    said = found(MISFITS[name])
    assert said is not None and any(str(shape) in said for shape in MISFITS[name][1])


def test_a_line_of_an_input_twice_makes_another_input_the_bias(tmp_path):
    members = good_members(tmp_path / "good.nnp")
    line = '    input: "c/conv/W"\n'
    twice = changed_text(members, line, 2 * line)
    file = NnpFile(write_members(tmp_path / "twice.nnp", twice))
    with pytest.raises(DataError, match=r"Convolution .* has a bias of the shape .* for 4 outputs"):
        file.build("net")


def test_groups_that_would_end_the_process_are_refused(tmp_path):
    nn.clear_parameters()
    with nn.auto_forward(False):
        x = nn.Variable((1, 4, 6))
        y = PF.group_normalization(x, num_groups=2)
    contents = {
        "networks": [{"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}],
        "executors": [{"name": "run", "network": "net", "data": ["x"], "output": ["y"]}],
    }
    save(str(tmp_path / "net.nnp"), contents)
    assert NnpFile(tmp_path / "net.nnp").build("net")
    changed = changed_text(members_of(tmp_path / "net.nnp"), "num_groups: 2", "num_groups: 3")
    with pytest.raises(DataError, match="makes 3 groups of axis 1"):
        NnpFile(write_members(tmp_path / "three.nnp", changed)).build("net")
