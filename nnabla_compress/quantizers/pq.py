# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Product quantization: a code stands for several neighbouring numbers of a row.

A row of a table is cut into parts; each part is the nearest entry of a codebook of its own. The
gradient goes to the float rows unchanged (straight-through); after each update a k-means step,
warm-started from the last codebooks, follows.

H. Jegou, M. Douze and C. Schmid, Product quantization for nearest neighbor search, PAMI 2011.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, List, Mapping, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.errors import ConfigError
from nnabla_compress.kernels.product_codes import assign_rows
from nnabla_compress.quantizers.base import (
    register,
    require_parameter,
    scope_name,
)
from nnabla_compress.quantizers.engine import array, byte_parameter, host_array
from nnabla_compress.quantizers.lut import finite_values
from nnabla_compress.quantizers.row_coded import RowCoded
from nnabla_compress.quantizers.straight_through import StraightThrough, with_gradient_to
from nnabla_compress.row_codes import RowCodes

# k-means steps of a start; seldom does a code change in the last of them.
_STEPS = 25
# Rows that a start is drawn from.
_DRAWN_FROM = 1 << 13


@register
@dataclass(frozen=True)
class PQ(RowCoded):
    """Rows of a weight as codes, each of which stands for several neighbouring numbers.

    For tables of embeddings, whose rows are looked up: 64 numbers with ``length=8, bits=8`` take 8
    bytes. Targets of export store such a weight as its values; see
    :class:`~nnabla_compress.row_codes.RowCodes` for its codes.

    Args:
        bits: Bits of a code, 1 to 8.
        length: Numbers that a code stands for; the last one of a row may stand for fewer.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> import nnabla as nn, nnabla.functions as F
        >>> nn.clear_parameters()
        >>> table = nn.parameter.get_parameter_or_create("items/W", (1000, 16))
        >>> rows = F.embed(nn.Variable((4, 1)), PQ(length=4)(table))
        >>> rows.shape
        (4, 1, 16)
    """

    type_name: ClassVar[str] = "PQ"
    most: ClassVar[Mapping[str, int]] = {"bits": 8, "length": 1 << 16}

    bits: int = 8
    length: int = 8

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the rows that the codes of ``x`` stand for, in its shape."""
        require_parameter(x, "PQ")
        if x.ndim < 2:
            raise ConfigError(
                f"PQ: a tensor of the shape {tuple(x.shape)} has no rows.",
                help="put it on tables and weights, not on biases",
            )
        width = int(np.prod(x.shape[1:]))
        length = min(self.length, width)
        shape = -(-width // length), 2**self.bits, length
        start = np.full(shape, np.nan, np.float32)
        codebooks = get_parameter_or_create("pq/codebooks", shape, start, False)
        codes = byte_parameter("pq", "codes", (x.shape[0], shape[0]), 0)
        return ProductCodes(PQ, dict(asdict(self), name=scope_name()), (x, codebooks, codes)).node()

    @classmethod
    def parameter_axes(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]
    ) -> List[Tuple[Any, ...]]:
        """Returns that codes go along the rows, and codebooks have axes of their own."""
        return [(None, None, None), (0, None)]

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Starts the codebooks by k-means on the rows, unless they hold values already."""
        codebooks = array(inputs[1], np.float32)
        if not np.isnan(codebooks).any():
            return
        rows = _parts(finite_values(args, inputs[0]), codebooks.shape)
        codebooks[...] = _start(rows, codebooks.shape)
        codes = array(inputs[2], np.uint8)
        for _ in range(_STEPS):
            before = codes.copy()
            _step(rows, codebooks, codes, refill=True)
            if np.array_equal(before, codes):
                break
        assign_rows(rows, codebooks, codes)

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Does ``steps`` k-means steps from the codebooks of the last update."""
        cls.prepare(args, inputs)
        codebooks, codes = array(inputs[1], np.float32), array(inputs[2], np.uint8)
        rows = _parts(finite_values(args, inputs[0]), codebooks.shape)
        for _ in range(steps):
            _step(rows, codebooks, codes)
        assign_rows(rows, codebooks, codes)

    @classmethod
    def encode(cls, function: Any) -> Any:
        """Returns the codes of the rows, as :class:`~nnabla_compress.row_codes.RowCodes`."""
        args, inputs = function.info.args, function.inputs
        cls.prepare(args, inputs)
        return RowCodes(
            array(inputs[2], np.uint8).copy(),
            args["bits"],
            array(inputs[1], np.float32).copy()[np.newaxis],
            tuple(inputs[0].shape),
        )

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns a look-up by NNabla's Embed for each part; W - W adds the gradient."""
        weight, codebooks, codes = inputs
        cls.prepare(function.info.args, inputs)
        looked_up = []
        for part in range(codebooks.shape[0]):
            which = F.slice(codes, start=(0, part), stop=(codes.shape[0], part + 1))
            looked_up.append(F.embed(F.reshape(which, (codes.shape[0],)), codebooks[part]))
        rows = F.concatenate(*looked_up, axis=1) if len(looked_up) > 1 else looked_up[0]
        width = int(np.prod(weight.shape[1:]))
        if rows.shape[1] > width:
            rows = F.slice(rows, start=(0, 0), stop=(rows.shape[0], width))
        return with_gradient_to(weight, F.reshape(rows, weight.shape))

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits of the codes of a row, over its numbers."""
        return args["bits"] * inputs[2].shape[1] / float(np.prod(inputs[0].shape[1:]))


class ProductCodes(StraightThrough):
    """Forward the rows that the codes stand for, backward the identity to W."""

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        PQ.prepare(self.args, inputs)
        codebooks, codes = array(inputs[1], np.float32), array(inputs[2], np.uint8)
        found = codebooks[np.arange(codes.shape[1]), codes].reshape(len(codes), -1)
        out = host_array(outputs[0].data, np.float32, overwrite=True)
        out[...] = found[:, : int(np.prod(out.shape[1:]))].reshape(out.shape)


def _parts(values: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    """The rows, with zeros behind them where the last part is shorter."""
    rows = values.reshape(len(values), -1)
    missing = shape[0] * shape[2] - rows.shape[1]
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, missing))) if missing else rows)


def _start(rows: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    """Parts of rows, each drawn by its squared distance from those before it (k-means++).

    They are drawn from some rows where there are many, and always the same ones.
    """
    parts, entries, length = shape
    rng = np.random.RandomState(0)
    some = rows[np.sort(rng.permutation(len(rows))[:_DRAWN_FROM])].astype(np.float64)
    found = np.empty(shape, np.float32)
    for part in range(parts):
        values = some[:, part * length : (part + 1) * length]
        chosen = rng.randint(len(values))
        least = np.full(len(values), np.inf)
        for entry in range(entries):
            found[part, entry] = values[chosen]
            least = np.minimum(least, np.square(values - values[chosen]).sum(axis=1))
            sums = np.cumsum(least)
            if sums[-1] > 0:
                chosen = int(np.searchsorted(sums, rng.rand() * sums[-1], side="right"))
                chosen = min(chosen, len(values) - 1)
    return found


def _step(rows: np.ndarray, codebooks: np.ndarray, codes: np.ndarray, refill: bool = False) -> None:
    """One k-means step, in place; entries that nothing takes may go to where errors are largest."""
    sums, counts, errors = assign_rows(rows, codebooks, codes)
    taken = counts > 0
    means = sums / np.maximum(counts, 1)[:, :, np.newaxis]
    codebooks[...] = np.where(taken[:, :, np.newaxis], means, codebooks)
    length = codebooks.shape[2]
    for part in np.flatnonzero(~taken.all(axis=1)) if refill else ():
        free = np.flatnonzero(~taken[part])
        far = np.argsort(-errors[:, part], kind="stable")[: len(free)]
        far = far[errors[far, part] > 0]
        columns = slice(part * length, (part + 1) * length)
        codebooks[part, free[: len(far)]] = rows[far][:, columns]
