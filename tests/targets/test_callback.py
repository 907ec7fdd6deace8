# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Target ``callback``: packed weights for the C kernels, in the simulator and in C."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from nnabla_compress.agreement import same_values
from nnabla_compress.c_kernels import EXAMPLE, GLUE, KERNELS, source_folder
from nnabla_compress.c_kernels.layout import IMPLEMENT
from nnabla_compress.errors import CompressError, DataError, ExportError
from nnabla_compress.exporters import export_c, export_nnb, export_nnp
from nnabla_compress.exporters.metadata import METADATA
from nnabla_compress.exporters.packed_nnb import PACKED
from nnabla_compress.lowering.packed_weights import is_power_of_two
from nnabla_compress.models import NnpFile
from nnabla_compress.nnb import read_nnb, write_nnb
from nnabla_compress.quantizers import LUT, Uniform
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from tests.c_runtime import check_runtime
from tests.graph.networks import randomize_statistics, values
from tests.properties import examples

_RECORD = 48  # bytes of a variable in a file
STUB = Path(__file__).parents[1] / "c_kernels" / "stub_runtime"


def exported(folder, y, x, **options):
    """The report, and the packed and the float file."""
    x.d = values(*x.shape)
    y.forward()
    report = export_nnp(folder / "net.nnp", {"y": y}, {"x": x}, target="callback")
    return (
        report,
        export_nnb(folder / "net.nnb", folder / "net.nnp", **options),
        export_nnb(folder / "float.nnb", folder / "net.nnp", pack=False, **options),
    )


def outputs(nnb, x):
    return Machine(nnb, callbacks=PACKED_CALLBACKS).forward([x])[0]


class Drawn:
    """Layers with drawn shapes."""

    def __init__(self, data):
        self.data, self.count = data, 0

    def number(self, low, high):
        return self.data.draw(st.integers(low, high))

    def pair(self, low, high):
        return self.number(low, high), self.number(low, high)

    def quantizer(self):
        bits = self.number(1, 8)
        return self.data.draw(
            st.sampled_from(
                [
                    LUT(bits=bits),
                    LUT(bits=min(bits, 4), dictionary="pow2"),
                    LUT(dictionary="ternary"),
                    Uniform(max(bits, 2), axis=0, learn="qmax"),
                    Uniform(max(bits, 2), step="pow2"),
                ]
            )
        )

    def quantized(self, weight):
        with nn.parameter_scope(f"w{self.count}"):
            return self.quantizer()(weight)

    def weight(self, *shape):
        self.count += 1
        path, rng = f"w{self.count}/W", np.random.RandomState(self.number(0, 99))
        return nn.parameter.get_parameter_or_create(path, shape, rng.randn(*shape))

    def bias(self, maps):
        if not self.number(0, 1):
            return None
        return nn.parameter.get_parameter_or_create(f"w{self.count}/b", (maps,), values(maps))

    def layer(self, x):
        kind = self.number(0, 3)
        where = {
            "pad": self.pair(0, 2),
            "stride": self.pair(1, 2),
            "dilation": self.pair(1, 2),
        }
        channels, group, kernel = x.shape[1], self.number(1, 2), self.pair(1, 3)
        if kind == 1:
            w = self.weight(channels * 2, *kernel)
            return F.depthwise_convolution(
                x, self.quantized(w), self.bias(channels * 2), multiplier=2, **where
            )
        if kind == 2:
            w = self.weight(channels, 6 // group, *kernel)
            where["pad"] = (0, 0)
            q = self.quantized(w)
            return F.deconvolution(x, q, self.bias(6), group=group, **where)
        self.count += 1
        if kind == 3 and x.shape[0] * np.prod(x.shape[1:]) < 4000:
            with nn.parameter_scope(f"a{self.count}"):
                h = PF.affine(x, (8, 5, 5), apply_w=LUT(bits=self.number(1, 8)))
            return PF.batch_normalization(h, batch_stat=False, name=f"bn{self.count}")
        w = self.weight(8, channels // group, *kernel)
        h = F.convolution(x, self.quantized(w), self.bias(8), group=group, **where)
        return PF.batch_normalization(h, batch_stat=False, name=f"bn{self.count}")


@examples(8)
@given(data=st.data())
def test_random_networks_give_the_values_of_the_float_weights(tmp_path_factory, data):
    nn.clear_parameters()
    drawn = Drawn(data)
    x = nn.Variable((drawn.number(1, 2), 4, 9, 9))
    try:
        h = drawn.layer(x)
        for _ in range(2):
            h = drawn.layer(F.relu(h))
    except RuntimeError:  # NNabla refuses a kernel that does not fit
        reject()
    randomize_statistics()
    api, batch_size = data.draw(st.sampled_from([3, 44])), x.shape[0]
    folder = tmp_path_factory.mktemp("net")
    report, packed, plain = exported(folder, h, x, api=api, batch_size=batch_size)
    feed = values(*x.shape, seed=drawn.number(0, 9))
    assert same_values(outputs(packed, feed), outputs(plain, feed)).all()
    for file in (packed, plain):
        check_runtime(file, [feed])
    before, after = read_nnb(plain), read_nnb(packed)
    assert after.buffers == before.buffers
    # Tables of as few weights as these may take more than the codes save.
    more = sum(_RECORD + max(0, row.stored_bytes - row.float_bytes) for row in report.rows)
    assert len(packed.read_bytes()) <= len(plain.read_bytes()) + more


def network(x, dictionary="free", normalization=PF.batch_normalization):
    h = PF.convolution(x, 16, (3, 3), name="c1", apply_w=LUT(bits=4, dictionary=dictionary))
    h = F.relu(normalization(h, batch_stat=False, name="n1"))
    h = PF.convolution(h, 16, (3, 3), name="c2", apply_w=Uniform(4, axis=0, learn="qmax"))
    h = F.relu(normalization(h, batch_stat=False, name="n2"))
    return PF.affine(h, 10, name="fc", apply_w=LUT(bits=2, dictionary=dictionary))


def test_normalizations_go_into_packed_weights(tmp_path):
    x = nn.Variable((1, 8, 8, 8))
    y = network(x)
    randomize_statistics()
    report, nnb, plain = exported(tmp_path, y, x)
    file = read_nnb(nnb)
    kinds = [(f.type_name, f.implement) for f in file.functions]
    assert kinds == [
        ("Convolution", IMPLEMENT),
        ("ReLU", 0),
        ("Convolution", IMPLEMENT),
        ("ReLU", 0),
        ("Affine", IMPLEMENT),
    ]
    assert [row.storage for row in report.rows] == [
        "packed, 4-bit dictionary and scales",
        "packed, 4-bit integers and scales",
        "packed, 2-bit dictionary",
    ]
    # Codes, a description, 16 entries, and a scale for each map.
    assert report.rows[0].stored_bytes == 16 * 8 * 9 // 2 + 16 + 64 + 64
    assert [row.quantizer for row in report.rows] == ["LUT", "Uniform", "LUT"]
    assert file.buffer_bytes <= report.float_sizes.buffer_bytes
    assert file.buffers == read_nnb(plain).buffers
    feed = values(1, 8, 8, 8, seed=1)
    x.d = feed
    y.forward()
    np.testing.assert_allclose(outputs(nnb, feed), y.d, rtol=1e-4, atol=1e-4)
    got = NnpFile(tmp_path / "net.nnp")(x, True)
    got.forward()
    np.testing.assert_allclose(outputs(nnb, feed), got.d, rtol=1e-4, atol=1e-4)


def test_powers_of_two_are_not_multiplied_by_other_scales(tmp_path):
    x = nn.Variable((1, 8, 8, 8))
    y = network(x, "pow2")
    randomize_statistics()
    report, nnb, _ = exported(tmp_path, y, x)
    types = [f.type_name for f in read_nnb(nnb).functions]
    assert types.count("Mul2") == 1 and types[1] == "Mul2"
    assert report.rows[0].storage == "packed, 4-bit dictionary"
    assert "can run without multiplications" in report.notes[0]


def test_powers_of_two_take_scales_that_are_such_too(tmp_path):
    from nnabla_compress.parametric_functions import pow2_batch_normalization

    x = nn.Variable((1, 8, 8, 8))
    y = network(x, "pow2", pow2_batch_normalization)
    randomize_statistics()
    report, nnb, _ = exported(tmp_path, y, x)
    assert "Mul2" not in [f.type_name for f in read_nnb(nnb).functions]
    with zipfile.ZipFile(tmp_path / "net.nnp") as archive:
        form = json.loads(archive.read(METADATA))[PACKED]["c1/conv/W"]
    assert is_power_of_two(np.float32(form["dictionary"]))
    assert is_power_of_two(np.float32(form["scales"])) and report.notes == ()


def test_layers_without_a_packed_form_are_named_and_stay(tmp_path):
    x = nn.Variable((1, 8, 8, 8))
    h = PF.convolution(x, 8, (3, 3), name="plain")
    h = PF.batch_normalization(h, batch_stat=False, name="n1")
    h = PF.prelu(h, name="p")
    h = PF.convolution(h, 4, (1, 1), name="small", apply_w=LUT(bits=8))
    w = nn.parameter.get_parameter_or_create("deep/W", (6, 1, 2, 3, 3), values(6, 1, 2, 3, 3))
    h = F.reshape(h, (1, 1, 4, 6, 6))
    h = F.convolution(h, LUT(bits=2)(w))
    y = PF.affine(h, 8, name="fc", apply_w=LUT(bits=4))
    report, nnb, plain = exported(tmp_path, y, x)
    assert [f.implement for f in read_nnb(nnb).functions] == [0, 0, 0, 0, 0, IMPLEMENT]
    assert report.notes == (
        "plain/conv: stays with the stock kernels, its weight is not quantized",
        "small/conv: stays with the stock kernels, codes and dictionary would take as many bytes "
        "as the floats",
        "deep: stays with the stock kernels, it has 3 spatial dimensions",
    )
    feed = values(1, 8, 8, 8)
    np.testing.assert_array_equal(outputs(nnb, feed), outputs(plain, feed))


def test_a_file_whose_weights_were_changed_is_refused(tmp_path):
    x = nn.Variable((1, 8, 8, 8))
    exported(tmp_path, network(x), x)
    for change, error, match in (
        (lambda forms: forms["c1/conv/W"]["dictionary"].__setitem__(3, 9.0), ExportError, "c1/con"),
        (lambda forms: forms["c1/conv/W"].update(weights=5), ExportError, "no weight of the netw"),
        (lambda forms: forms["c1/conv/W"].update(bits=9), DataError, "is damaged"),
        (lambda forms: forms["c1/conv/W"].update(bits="4"), DataError, "is damaged"),
        (lambda forms: forms["c1/conv/W"].update(dictionary=[1, 2]), DataError, "is damaged"),
        (lambda forms: forms["c1/conv/W"].update(zero_point=2**40), DataError, "is damaged"),
        (lambda forms: forms["c1/conv/W"].pop("scales"), DataError, "is damaged"),
        (lambda forms: forms.update({"c1/conv/W": None}), DataError, "is damaged"),
    ):
        target = tmp_path / "changed.nnp"
        with zipfile.ZipFile(tmp_path / "net.nnp") as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == METADATA:
                    metadata = json.loads(content)
                    change(metadata[PACKED])
                    content = json.dumps(metadata).encode()
                new.writestr(name, content)
        with pytest.raises(error, match=match):
            export_nnb(tmp_path / "changed.nnb", target)
        assert not (tmp_path / "changed.nnb").exists()


def test_a_float_file_on_few_values_is_packed_from_its_values(tmp_path):
    x = nn.Variable((1, 8, 8, 8))
    y = network(x)
    export_nnp(tmp_path / "portable.nnp", {"y": y}, {"x": x}, storage="float")
    nn.clear_parameters()
    again = NnpFile(tmp_path / "portable.nnp").build(batch_size=1)
    report = export_nnp(tmp_path / "net.nnp", again.outputs, again.inputs, target="callback")
    assert [row.storage.split(" and")[0] for row in report.rows] == [
        "packed, 4-bit dictionary",
        "packed, 4-bit integers",
        "packed, 2-bit dictionary",
    ]


@pytest.fixture(scope="module")
def packed_main(tmp_path_factory):
    """The shipped C sources, compiled with a stand-in for the runtime."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed")
    program = tmp_path_factory.mktemp("c") / "packed_main"
    names = (EXAMPLE[0], GLUE[0], KERNELS[0])
    sources = [*(str(source_folder() / name) for name in names), str(STUB / "runtime.c")]
    command = [gcc, "-std=c99", "-O1", f"-I{STUB}", "-o", str(program), *sources]
    subprocess.run(command, check=True)
    return program


def in_c(program, folder, nnb, x):
    (folder / "x.bin").write_bytes(x.tobytes())
    command = [program, "exact", nnb, folder / "x.bin", folder / "y"]
    done = subprocess.run([str(p) for p in command], stderr=subprocess.PIPE, check=False)
    y = folder / "y_0.bin"
    return done.stderr.decode(), np.fromfile(y, np.float32) if y.is_file() else None


def test_the_c_kernels_compute_what_the_simulator_does(tmp_path, packed_main):
    x = nn.Variable((1, 8, 8, 8))
    y = network(x)
    randomize_statistics()
    _, nnb, _ = exported(tmp_path, y, x)
    feed = values(1, 8, 8, 8, seed=2)
    messages, found = in_c(packed_main, tmp_path, nnb, feed)
    assert messages == ""
    np.testing.assert_array_equal(found, outputs(nnb, feed).ravel())


def test_a_damaged_file_is_refused_in_c_and_in_the_simulator(tmp_path, packed_main):
    x = nn.Variable((1, 8, 8, 8))
    _, nnb, _ = exported(tmp_path, network(x), x)
    file = read_nnb(nnb)
    number = file.functions[0].inputs[1]
    variables = list(file.variables)
    variables[number] = replace(variables[number], data=variables[number].data[:-4])
    damaged = write_nnb(tmp_path / "bad.nnb", replace(file, variables=tuple(variables)))
    feed = values(1, 8, 8, 8)
    messages, found = in_c(packed_main, tmp_path, damaged, feed)
    assert messages.startswith("function 0: the packed weights or their table") and found is None
    with pytest.raises(CompressError, match="1,152 codes of 4 bits in 572 bytes"):
        outputs(damaged, feed)


def test_the_c_source_of_a_packed_network_registers_the_kernels(tmp_path):
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed")
    x = nn.Variable((1, 8, 8, 8))
    _, nnb, _ = exported(tmp_path, network(x), x)
    files = export_c(tmp_path / "net.c", nnb)
    kernels = [str(source_folder() / name) for name in (GLUE[0], KERNELS[0])]
    sources = [*map(str, files[::2]), *kernels, str(STUB / "runtime.c")]
    include = [f"-I{STUB}", f"-I{source_folder()}"]
    command = [gcc, "-std=c99", "-Wall", "-Werror", *include, "-o", str(tmp_path / "p"), *sources]
    subprocess.run(command, check=True)
    done = subprocess.run([str(tmp_path / "p")], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    printed = np.float32(done.stdout.decode().split())
    np.testing.assert_allclose(printed, outputs(nnb, np.zeros((1, 8, 8, 8), "f4"))[0], 1e-4, 1e-5)


def test_weights_of_minus_zero_are_packed_as_zero_which_is_the_same_value(tmp_path):
    x = nn.Variable((1, 8))
    weight = np.float32([-0.0, 0.0, 1.0, -2.0])[np.arange(96).reshape(8, 12) % 4]
    y = PF.affine(x, 12, w_init=weight, with_bias=False, name="fc")
    _, packed, plain = exported(tmp_path, y, x)
    assert read_nnb(packed).functions[0].implement == IMPLEMENT
    for feed in (values(1, 8), np.zeros((1, 8), np.float32), -np.ones((1, 8), np.float32)):
        assert same_values(outputs(packed, feed), outputs(plain, feed)).all()
