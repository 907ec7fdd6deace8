# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnb, export_nnp, nnb_report
from nnabla_compress.quantizers import LUT, Uniform
from nnabla_compress.simulator import Machine


def lenet(x, quantizer):
    h = PF.convolution(x, 16, (5, 5), apply_w=quantizer, name="c1")
    h = F.relu(F.max_pooling(h, (2, 2)))
    h = PF.convolution(h, 16, (5, 5), apply_w=quantizer, name="c2")
    h = F.relu(F.max_pooling(h, (2, 2)))
    h = F.relu(PF.affine(h, 50, apply_w=quantizer, name="f3"))
    return PF.affine(h, 10, apply_w=quantizer, name="f4")


def exported(folder, y, x, **options):
    report = export_nnp(folder / "net.nnp", y, x, **options)
    path = export_nnb(folder / "net.nnb", folder / "net.nnp")
    return nnb_report(path, report.float_sizes), report


@pytest.mark.parametrize("target", ["portable", "integer"])
@pytest.mark.parametrize("bits", [2, 4])
def test_flash_and_ram_are_traded_as_preferred(target, bits, tmp_path):
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(1, 1, 28, 28))
    y = lenet(x, Uniform(bits=bits))
    found = {
        prefer: exported(tmp_path, y, x, target=target, prefer=prefer, samples={"x": x.d})[0]
        for prefer in ("flash", "ram", "both")
    }
    flash, ram, both = (found[key] for key in ("flash", "ram", "both"))
    assert flash.nnb_bytes <= both.nnb_bytes <= ram.nnb_bytes <= ram.float_nnb_bytes
    assert ram.buffer_bytes <= ram.float_buffer_bytes < flash.buffer_bytes
    assert both.nnb_bytes + both.buffer_bytes <= flash.nnb_bytes + flash.buffer_bytes
    assert both.nnb_bytes + both.buffer_bytes <= ram.nnb_bytes + ram.buffer_bytes
    assert "--prefer ram" in flash.warnings()[0] and "--target callback" in flash.warnings()[0]
    assert not ram.warnings()
    assert "--prefer both" not in flash.warnings("both")[0]
    assert "--prefer ram" in flash.warnings("both")[0]


def test_each_preference_computes_the_network(tmp_path):
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(1, 1, 28, 28))
    y = lenet(x, LUT(bits=3))
    y.forward()
    for prefer in ("flash", "ram", "both"):
        exported(tmp_path, y, x, prefer=prefer)
        (got,) = Machine(tmp_path / "net.nnb").run([x.d])
        np.testing.assert_allclose(got, y.d, atol=1e-5 * np.abs(y.d).max())


def test_some_bytes_of_flash_are_not_bought_with_thousands_of_ram(tmp_path):
    x = nn.Variable((1, 1))
    kind = LUT(bits=4)
    h = F.relu(PF.affine(x, 16, apply_w=kind, name="a"))
    h = F.relu(PF.affine(h, 16, apply_w=kind, name="b"))
    sizes, report = exported(tmp_path, PF.affine(h, 1, apply_w=kind, name="c"), x)
    assert sizes.buffer_bytes == sizes.float_buffer_bytes == 128
    assert sizes.nnb_bytes <= sizes.float_nnb_bytes
    assert "more memory than it is worth" in report.notes[0]
    assert "target callback" in report.notes[0]


def test_a_file_that_is_larger_than_float_says_why(tmp_path):
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(1, 1))
    h = Uniform(bits=8)(F.relu(PF.affine(x, 4, apply_w=Uniform(bits=8), name="a")))
    y = PF.affine(h, 1, apply_w=Uniform(bits=8), name="b")
    y.forward()
    sizes, _ = exported(tmp_path, y, x, target="integer", samples={"x": x.d})
    assert sizes.nnb_bytes > sizes.float_nnb_bytes
    assert "larger than that of the float network" in sizes.warnings()[-1]


def test_the_scale_of_a_normalization_goes_into_a_weight_that_stays_float(tmp_path):
    from nnabla_compress.models import NnpFile

    x = nn.Variable((1, 2, 5, 5))
    h = PF.convolution(x, 3, (3, 3), apply_w=LUT(bits=6), with_bias=False, name="c")
    h = PF.batch_normalization(h, batch_stat=False, name="n")
    nn.get_parameters()["n/bn/gamma"].d = np.float32([1, 2, 3]).reshape(1, 3, 1, 1)
    _, report = exported(tmp_path, h, x)
    assert report.rows[0].storage == "float"
    functions = NnpFile(tmp_path / "net.nnp").stored_functions()
    assert functions == {"Convolution": 1}


def test_what_can_be_preferred_is_told(tmp_path):
    x = nn.Variable((1, 4))
    with pytest.raises(ConfigError, match="called 'rom'") as error:
        export_nnp(tmp_path / "net.nnp", PF.affine(x, 3), x, prefer="rom")
    assert "flash, ram, both" in str(error.value)
