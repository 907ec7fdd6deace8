# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a storage scheme is: parameters of few bits, and the native functions that decode them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Callable, ClassVar, Dict, Iterator, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import CODES
from nnabla_compress.errors import ExportError
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.lowering.storage.coded import CodedTensor
from nnabla_compress.lowering.storage.nnb_bytes import buffer_sizes, nnb_bytes
from nnabla_compress.names import ascii_name
from nnabla_compress.nnb.sources import Source

_PIECE = 1 << 20  # numbers that are compared at a time
_PART = re.compile(
    f"{CODES}(_\\d+)?(_\\d+)?$|_(scale|shift|weights|middle|patterns|threshold|dictionary)(_\\d+)?$"
)


def weight_path(name: str) -> str:
    """Returns the path of the weight that a parameter stores a part of.

    Args:
        name: Path of the parameter.

    Example:
        >>> weight_path("c1/conv/W_codes_2"), weight_path("c1/conv/W_scale")
        ('c1/conv/W', 'c1/conv/W')
    """
    return _PART.sub("", name)


@dataclass(frozen=True)
class Stored:
    """A tensor as a file stores it.

    Parameters that hold codes have no values in memory: sources make them as they are written.

    Args:
        scheme: Name of the scheme.
        variable: The decoded tensor, computed from parameters by native functions.
        types: How the C runtime holds parameters and computed variables that are no floats.
        sources: Values of the parameters that hold codes.
        tensor: What is stored.
        decode: Returns what the functions make of ``tensor.sample()``.
        expected: What they must make of it.
    """

    scheme: str
    variable: nn.Variable
    types: Dict[nn.Variable, str] = field(default_factory=dict)
    sources: Dict[nn.Variable, Source] = field(default_factory=dict)
    tensor: Optional[CodedTensor] = None
    decode: Optional[Callable[[], np.ndarray]] = None
    expected: Optional[Callable[[], np.ndarray]] = None

    def fill(self) -> None:
        """Puts the values of all codes into memory, so that ``variable`` can be computed."""
        for parameter, source in self.sources.items():
            parameter.d = source.array()

    @cached_property
    def nnb_bytes(self) -> int:
        """Bytes that it takes in an ``.nnb``, parameters, variables and functions."""
        return nnb_bytes([self.variable], self.types)

    @cached_property
    def decoding_bytes(self) -> int:
        """Bytes of memory that decoding takes, the decoded tensor included."""
        return sum(buffer_sizes([self.variable], (), self.types))

    @cached_property
    def decoded(self) -> np.ndarray:
        """What each level decodes to, for each index of the axis if there is one.

        Each function works on single elements, or adds up the bits of one: so a level decodes to
        the same bits wherever it stands, and the levels stand for the tensor.
        """
        assert self.decode is not None
        return self.decode()

    @property
    def values(self) -> Source:
        """What the tensor decodes to, bit for bit, without running its functions on all of it."""
        assert self.tensor is not None
        return self.tensor.look_up(self.decoded)

    @property
    def deferred(self) -> Deferred:
        """Values of the codes, and of what is decoded from them."""
        codes = {variable.data: source for variable, source in self.sources.items()}
        return Deferred(codes, {self.variable: self.values} if self.variable.parent else {})

    @cached_property
    def error(self) -> float:
        """Largest difference from ``expected``, over its largest magnitude; 0 if all are equal."""
        assert self.decode is not None and self.expected is not None
        # Not kept: of the ways to store a tensor one is chosen, and a level may be in one channel.
        wanted, got = self.expected().reshape(-1), self.decode().reshape(-1)
        peak = apart = 0.0
        for start in range(0, wanted.size, _PIECE):
            part = slice(start, start + _PIECE)
            difference = np.abs(got[part].astype(np.float64) - wanted[part])
            apart = np.maximum(apart, difference.max())  # NaN stays, which max would lose
            peak = np.maximum(peak, np.abs(wanted[part]).max())
        return float(apart / (peak or 1.0))

    @property
    def exact(self) -> bool:
        """Whether it decodes value for value."""
        return self.error == 0.0


class Scheme:
    """How codes of a tensor are stored and decoded; a subclass is one layout."""

    name: ClassVar[str]

    def refusal(self, tensor: CodedTensor) -> Optional[str]:
        """Returns why the tensor can't be stored so, None if it can."""
        raise NotImplementedError

    def build(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the tensor decoded to its values.

        Args:
            tensor: What to store; ``refusal`` has nothing against it.
            path: Path of the weight, which names of parameters start with.
        """
        sample = tensor.sample()
        return replace(
            self.build_values(tensor, path),
            tensor=tensor,
            decode=lambda: _computed(self.build_values(sample, path)),
            expected=sample.decode,
        )

    def build_integers(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the tensor decoded to its integers, shifted but not scaled.

        Args:
            tensor: What to store; it has a scale.
            path: Path of the weight.

        Raises:
            ExportError: If the tensor has no scale.
        """
        if tensor.scale is None:
            raise ExportError(
                f"the dictionary of {path} does not lie on an integer grid.",
                help="train it with LUT(grid_bits=8) or dictionary='pow2', or snap it at export",
            )
        sample = tensor.sample()
        return replace(
            self._shifted(tensor, path),
            tensor=tensor,
            decode=lambda: _computed(self._shifted(sample, path)),
            expected=sample.decode_integers,
        )

    def _shifted(self, tensor: CodedTensor, path: str) -> Stored:
        stored = self.build_levels(tensor, path)
        y = as_float(shifted(stored.variable, tensor, path), stored.types)
        return replace(stored, variable=y)

    def build_values(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the tensor decoded to its values, without what proves it."""
        stored = self.build_levels(tensor, path)
        y = shifted(stored.variable, tensor, path)
        y = as_float(scaled(y, tensor, path), stored.types)
        return replace(stored, variable=y)

    def build_levels(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the tensor decoded to its levels, neither shifted nor scaled."""
        raise NotImplementedError


def _computed(stored: Stored) -> np.ndarray:
    stored.fill()
    if stored.variable.parent is not None:
        stored.variable.forward(clear_buffer=True)
    return np.array(stored.variable.d)


def codes_of(
    tensor: CodedTensor,
    table: np.ndarray,
    shape: Sequence[int],
    path: str,
    part: Tuple[int, Optional[int]] = (0, None),
) -> Tuple[nn.Variable, Source]:
    """Returns a new parameter of what a table says of each level, and what makes its values.

    Args:
        tensor: The levels of the elements.
        table: A number, or a row of numbers, for each level.
        shape: Shape of the parameter; behind the elements it is filled up with ones.
        path: Path of the parameter.
        part: The first element that it holds, and the one behind the last.
    """
    numbers = np.asarray(table, np.float32)
    size = int(np.prod(shape, dtype=np.int64))

    def make() -> Iterator[np.ndarray]:
        left = size
        for piece in tensor.pieces(*part):
            left -= piece.size * (numbers.size // len(numbers))
            yield numbers[piece].reshape(-1)
        yield np.ones(left, np.float32)

    return unfilled(shape, path), Source(tuple(shape), make)


def unfilled(shape: Sequence[int], path: str, need_grad: bool = False) -> nn.Variable:
    """Returns a new parameter without values in memory, which by default no training changes."""
    variable = nn.Variable(tuple(shape), need_grad=need_grad)
    variable.name = ascii_name(path)
    return variable


def shifted(x: nn.Variable, tensor: CodedTensor, path: str) -> nn.Variable:
    """Returns levels plus the tensor's shift."""
    if tensor.shift is None:
        return x
    shift = tensor.along_axis(tensor.shift).astype(np.float32)
    return F.add2(x, parameter(shift, f"{path}_shift"))


def scaled(x: nn.Variable, tensor: CodedTensor, path: str) -> nn.Variable:
    """Returns levels times the tensor's scale."""
    if tensor.scale is None:
        return x
    if tensor.axis is None:
        scale = float(tensor.scale)
        return x if scale == 1.0 else F.mul_scalar(x, scale)
    return F.mul2(x, parameter(tensor.along_axis(tensor.scale), f"{path}_scale"))


def as_float(x: nn.Variable, types: Dict[nn.Variable, str]) -> nn.Variable:
    """Returns ``x`` as a computed variable of floats: convolutions read nothing else."""
    if x.parent is None:
        return F.mul_scalar(x, 1.0)
    types.pop(x, None)
    return x


def parameter(values: np.ndarray, path: str) -> nn.Variable:
    """Returns a new parameter that no training changes."""
    return constant(np.asarray(values, np.float32), path, need_grad=False)


def cut(x: nn.Variable, count: int, axis: int) -> nn.Variable:
    """Returns the first ``count`` entries along an axis, ``x`` itself if it has no more."""
    if x.shape[axis] == count:
        return x
    stop = [*x.shape]
    stop[axis] = count
    return F.slice(x, start=[0] * x.ndim, stop=stop, step=[1] * x.ndim)


def reshaped(x: nn.Variable, shape: Sequence[int]) -> nn.Variable:
    """Returns ``x`` in a shape, itself if it has it."""
    return x if tuple(x.shape) == tuple(shape) else F.reshape(x, tuple(shape), inplace=False)
