# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The C kernels as shared libraries, called through ctypes, and the same layers in plain NumPy."""

from __future__ import annotations

import ctypes as ct
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Tuple

import numpy as np
import pytest

from nnabla_compress.c_kernels import KERNELS, source_folder
from tests.c_kernels.example_program import SANITIZERS, STUB, WARNINGS, compile_example

CONVOLUTION, DECONVOLUTION, AFFINE = range(3)
NAMES = {CONVOLUTION: "convolution", DECONVOLUTION: "deconvolution", AFFINE: "affine"}
TYPES = {"float32": 0, "int16": 1, "int8": 2}
Pair = ct.c_int32 * 2
NUMBERS = ("kind", "fraction", "batch", "groups", "in_maps", "out_maps", "rows")


class CWeights(ct.Structure):
    """packed_weights_t."""

    _fields_ = [
        ("codes", ct.c_void_p),
        ("code_bytes", ct.c_uint32),
        ("dictionary", ct.c_void_p),
        ("scales", ct.c_void_p),
        ("zero_point", ct.c_int32),
        ("bits", ct.c_uint8),
        ("dictionary_per_map", ct.c_uint8),
        ("scale_per_map", ct.c_uint8),
        ("low", ct.c_int8),
        ("high", ct.c_int8),
        ("biases", ct.c_void_p),
        ("decoded", ct.c_void_p),
    ]


class CLayer(ct.Structure):
    """packed_layer_t."""

    _fields_ = [
        ("kind", ct.c_int32),
        ("type", ct.c_int32),
        ("coefficient", ct.c_float),
        ("fraction", ct.c_int32),
        *[(name, ct.c_int32) for name in ("batch", "groups", "in_maps", "out_maps")],
        *[(n, Pair) for n in ("in_size", "out_size", "kernel", "pad", "stride", "dilation")],
        ("rows", ct.c_int32),
    ]


@dataclass(frozen=True)
class Layer:
    """What packed_layer_t says, but for the size of the output."""

    kind: int
    in_maps: int
    out_maps: int
    batch: int = 1
    groups: int = 1
    in_size: Tuple[int, int] = (1, 1)
    kernel: Tuple[int, int] = (1, 1)
    pad: Tuple[int, int] = (0, 0)
    stride: Tuple[int, int] = (1, 1)
    dilation: Tuple[int, int] = (1, 1)
    extra: Tuple[int, int] = (0, 0)  # output_padding of a deconvolution
    coefficient: float = 1.0
    fraction: int = 0  # int8 results: fraction bits of y less those of x
    rows: int = 0  # that a fast kernel computes at once; 0: all

    @property
    def out_size(self):
        """Height and width of the output."""
        sizes = []
        for d in range(2):
            reach = self.dilation[d] * (self.kernel[d] - 1) + 1
            if self.kind == DECONVOLUTION:
                size = self.stride[d] * (self.in_size[d] - 1) + reach - 2 * self.pad[d]
                sizes.append(size + self.extra[d])
            else:
                room = self.in_size[d] + 2 * self.pad[d] - reach
                sizes.append(int(room / self.stride[d]) + 1)
        return tuple(sizes)

    @property
    def weight_shape(self):
        """In the order of the codes; the group is the first index."""
        maps = (self.out_maps, self.in_maps)
        return (self.groups, *(maps[::-1] if self.kind == DECONVOLUTION else maps), *self.kernel)

    @property
    def x_shape(self):
        """Batch, groups, maps of a group, height, width."""
        return (self.batch, self.groups, self.in_maps, *self.in_size)

    @property
    def y_shape(self):
        """As x_shape."""
        return (self.batch, self.groups, self.out_maps, *self.out_size)

    def to_c(self, dtype="float32"):
        """The C structure."""
        pairs = {n: Pair(*getattr(self, n)) for n, t in CLayer._fields_ if t is Pair}
        numbers = {n: getattr(self, n) for n in NUMBERS}
        return CLayer(type=TYPES[dtype], coefficient=self.coefficient, **numbers, **pairs)


@dataclass(frozen=True)
class Weights:
    """Codes of a layer's weights, and the tables that decode them."""

    codes: np.ndarray
    bits: int
    dictionary: Optional[np.ndarray] = None
    scales: Optional[np.ndarray] = None
    zero_point: int = 0
    biases: Optional[np.ndarray] = None  # int32, of int8 results
    bounds: Tuple[int, int] = (-128, 127)

    def packed(self):
        """The bytes of the codes."""
        planes = np.unpackbits(self.codes.astype(np.uint8).reshape(-1, 1), 1, bitorder="little")
        return np.packbits(planes[:, : self.bits].ravel(), bitorder="little")

    def maps(self, layer):
        """The number of the output map of every weight, broadcast to the codes."""
        axis = 2 if layer.kind == DECONVOLUTION else 1
        numbers = np.arange(layer.groups * layer.out_maps).reshape(layer.groups, -1)
        shape = [layer.groups, 1, 1, 1, 1]
        shape[axis] = layer.out_maps
        return np.broadcast_to(numbers.reshape(shape), self.codes.shape)

    def levels(self, layer):
        """float32 levels in the shape of the codes."""
        if self.dictionary is None:
            return (self.codes.astype(np.int64) - self.zero_point).astype(np.float32)
        if self.dictionary.ndim == 1:
            return self.dictionary[self.codes]
        return self.dictionary[self.maps(layer), self.codes]

    def values(self, layer):
        """float32 weights in the shape of the codes."""
        levels = self.levels(layer)
        return levels if self.scales is None else levels * self.scale_of(self.maps(layer))

    def scale_of(self, maps):
        """float32 scale of output maps."""
        if self.scales is None:
            return np.float32(1)
        return self.scales[0] if self.scales.size == 1 else self.scales[maps]

    def to_c(self, layer):
        """The C structure, and the arrays that must stay alive with it."""
        packed = self.packed()
        packed.flags.writeable = False
        structure = CWeights(
            codes=packed.ctypes.data,
            code_bytes=packed.size,
            dictionary=None if self.dictionary is None else self.dictionary.ctypes.data,
            scales=None if self.scales is None else self.scales.ctypes.data,
            zero_point=self.zero_point,
            bits=self.bits,
            dictionary_per_map=self.dictionary is not None and self.dictionary.ndim == 2,
            scale_per_map=self.scales is not None and self.scales.size > 1,
            low=self.bounds[0],
            high=self.bounds[1],
            biases=None if self.biases is None else self.biases.ctypes.data,
        )
        return structure, packed


class Library:
    """A build of the kernels."""

    def __init__(self, path):
        self.c = ct.CDLL(str(path))
        self.c.packed_message.restype = ct.c_char_p
        for name in ("", "_fast", "_integer", "_int8"):
            getattr(self.c, "packed_scratch_bytes" + name).restype = ct.c_size_t
        self.c.packed_decoded_bytes_int8.restype = ct.c_size_t

    def check(self, layer, weights, dtype="float32"):
        """The status of packed_check."""
        structure, _alive = weights.to_c(layer)
        return self.c.packed_check(ct.byref(layer.to_c(dtype)), ct.byref(structure))

    def rows_within(self, layer, weights, limit, mode="_fast"):
        """packed_rows_within, and the scratch memory that the fast or int8 kernel then takes."""
        structure, _alive = weights.to_c(layer)
        within = "packed_rows_within" + mode.replace("_fast", "")
        rows = getattr(self.c, within)(
            ct.byref(layer.to_c()), ct.byref(structure), ct.c_size_t(limit)
        )
        tiled = replace(layer, rows=rows).to_c()
        size = getattr(self.c, "packed_scratch_bytes" + mode)
        return rows, size(ct.byref(tiled), ct.byref(structure))

    def run(self, layer, weights, x, bias=None, mode="", decoded=False):
        """y of a kernel; mode is "", "_fast", "_integer" or "_int8".

        The scratch memory has just the size that is asked for, and nothing may be written behind
        it or behind y; both are filled with NaN before. The same goes for decoded weights.
        """
        c_layer = layer.to_c(str(x.dtype))
        structure, _alive = weights.to_c(layer)
        arguments = ct.byref(c_layer), ct.byref(structure)
        assert self.c.packed_check(*arguments) == 0
        if decoded:
            kept = self._decoded(layer, arguments)
            structure.decoded = kept.ctypes.data if kept.size else None
        size = getattr(self.c, "packed_scratch_bytes" + mode)(*arguments)
        assert size % 4 == 0
        guard = 64
        scratch = np.full(size // 4 + guard, np.nan, np.float32)
        count = int(np.prod(layer.y_shape))
        y = np.full(count + guard, np.nan, np.float32)
        if mode == "_int8":
            return self._run_int8(layer, arguments, x, scratch, size)
        x = np.ascontiguousarray(x)
        getattr(self.c, f"packed_{NAMES[layer.kind]}{mode}")(
            *arguments,
            ct.c_void_p(x.ctypes.data),
            None if bias is None else ct.c_void_p(bias.ctypes.data),
            ct.c_void_p(y.ctypes.data),
            ct.c_void_p(scratch.ctypes.data),
        )
        assert np.isnan(scratch[size // 4 :]).all() and np.isnan(y[count:]).all()
        return y[:count].reshape(layer.y_shape)

    def _decoded(self, layer, arguments):
        """Memory with the weights decoded, which may be run with another number of rows."""
        other = replace(layer, rows=3).to_c("int8")
        size = self.c.packed_decoded_bytes_int8(ct.byref(other), arguments[1])
        assert size % 4 == 0 and bool(size) == (layer.kind == CONVOLUTION)
        kept = np.full(size // 4 + 16, np.nan, np.float32)
        memory = ct.c_void_p(kept.ctypes.data)
        self.c.packed_decode_int8(ct.byref(other), arguments[1], memory)
        assert np.isnan(kept[size // 4 :]).all()
        return kept if size else kept[:0]

    def _run_int8(self, layer, arguments, x, scratch, size):
        count, guard = int(np.prod(layer.y_shape)), 64
        x, y = np.ascontiguousarray(x), np.full(count + guard, 85, np.int8)
        pointers = [ct.c_void_p(array.ctypes.data) for array in (x, y, scratch)]
        getattr(self.c, f"packed_{NAMES[layer.kind]}_int8")(*arguments, *pointers)
        assert np.isnan(scratch[size // 4 :]).all() and (y[count:] == 85).all()
        return y[:count].reshape(layer.y_shape)


@pytest.fixture(scope="session")
def gcc():
    """The path of gcc."""
    path = shutil.which("gcc")
    if path is None:
        pytest.skip("gcc is not installed")
    return path


@pytest.fixture(scope="session")
def build(gcc, tmp_path_factory):
    """Compiles the kernels with some flags; every set of flags once."""
    built = {}
    folder = tmp_path_factory.mktemp("kernels")

    def compile_with(*flags):
        if flags not in built:
            path = folder / f"kernels{len(built)}.so"
            source = source_folder() / KERNELS[0]
            command = [gcc, *flags, "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
            subprocess.run([*command, "-o", str(path), str(source)], check=True)
            built[flags] = Library(path)
        return built[flags]

    return compile_with


@pytest.fixture(scope="session")
def stub(gcc, tmp_path_factory):
    """The example program with the stand-in, under sanitizers."""
    program = tmp_path_factory.mktemp("stub") / "packed_main"
    flags = ["-pedantic", *WARNINGS, *SANITIZERS, str(STUB / "runtime.c")]
    return compile_example(gcc, program, STUB, *flags)


@pytest.fixture(scope="session")
def real(gcc, tmp_path_factory):
    """The example program with the installed runtime."""
    include, library = (os.environ.get(f"NNABLART_{name}") for name in ("INCLUDE", "LIB"))
    if not include or not library:
        pytest.skip("NNABLART_INCLUDE and NNABLART_LIB do not name an installed C runtime")
    program = tmp_path_factory.mktemp("real") / "packed_main"
    names = ("libnnablart_runtime", "libnnablart_functions")
    found = [str(path) for name in names for path in sorted(Path(library).rglob(name + ".*"))[:1]]
    return compile_example(gcc, program, include, *found, "-lm")


def _taps(layer):
    """Taps in the stock order, each with the outputs that it meets and the inputs there."""
    taps = [(ky, kx) for ky in range(layer.kernel[0]) for kx in range(layer.kernel[1])]
    for k in taps[::-1] if layer.kind == DECONVOLUTION else taps:
        outputs, inputs = [], []
        for d in range(2):
            grid = np.arange(layer.out_size[d])
            if layer.kind == DECONVOLUTION:
                position = grid + layer.pad[d] - k[d] * layer.dilation[d]
                good = position % layer.stride[d] == 0
                position = position // layer.stride[d]
            else:
                position = grid * layer.stride[d] - layer.pad[d] + k[d] * layer.dilation[d]
                good = np.ones(position.shape, bool)
            good &= (position >= 0) & (position < layer.in_size[d])
            outputs.append(grid[good])
            inputs.append(position[good])
        if outputs[0].size and outputs[1].size:
            yield k, np.ix_(*outputs), np.ix_(*inputs)


def _reference(layer, w, x, bias, dtype):
    """The layer in one data type, every operation rounded to it, in the order of the C runtime."""
    x, w = x.reshape(layer.x_shape).astype(dtype), w.astype(dtype)
    y = np.zeros(layer.y_shape, dtype)
    if layer.kind == DECONVOLUTION:
        w = np.swapaxes(w, 1, 2)
    taps = list(_taps(layer))
    for i in range(layer.in_maps):
        sums = np.zeros(layer.y_shape, dtype)
        for k, outputs, inputs in taps:
            meet = x[:, :, i][(slice(None), slice(None), *inputs)][:, :, None]
            sums[(slice(None),) * 3 + outputs] += (
                meet * w[:, :, i, k[0], k[1]][None, :, :, None, None]
            )
        y += sums
    if bias is not None:
        y += bias.astype(dtype).reshape(1, layer.groups, -1, 1, 1)
    return y


@pytest.fixture(scope="session")
def oracle():
    """The layer in plain NumPy: ``oracle(layer, w, x, bias, dtype)``."""
    return _reference


@pytest.fixture(scope="session")
def types():
    """The classes above, for files that can't import this one."""

    class Types:
        layer, weights = Layer, Weights
        convolution, deconvolution, affine = CONVOLUTION, DECONVOLUTION, AFFINE
        change = staticmethod(replace)

    return Types
