# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A table of embeddings made small: by a quantizer, as it is or trained on pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, List, Optional

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.embeddings.pinsage import max_margin, normalized
from nnabla_compress.errors import ConfigError, DataError, unwrapped
from nnabla_compress.progress import tracked
from nnabla_compress.quantizers.base import Quantizer
from nnabla_compress.row_codes import RowCodes
from nnabla_compress.solvers import Quantized
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class TableTraining:
    """How a compressed table is trained, straight through its codes.

    Args:
        epochs: How often each pair is used.
        batch_size: Pairs of an update.
        learning_rate: Of Adam.
        margin: By how much a partner shall be nearer than a negative, in cosines.
        negatives: Negatives that all pairs of a batch share.
        fidelity: What the distance from the float rows counts beside the margin.

    Raises:
        ConfigError: If one is out of range.
    """

    epochs: int = 5
    batch_size: int = 256
    learning_rate: float = 0.001
    margin: float = 0.1
    negatives: int = 256
    fidelity: float = 10.0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 0), ("batch_size", 1), ("negatives", 1), ("fidelity", 0)):
            if not least <= getattr(self, name) < math.inf:
                raise ConfigError(f"table: {name} is {getattr(self, name)}, the least is {least}.")
        for name in ("learning_rate", "margin"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"table: {name} is {getattr(self, name)}, it is positive.")


@one_at_a_time
def compress_table(
    table: np.ndarray,
    quantizer: Quantizer,
    pairs: Optional[np.ndarray] = None,
    training: Optional[TableTraining] = None,
    seed: int = 0,
) -> RowCodes:
    """Makes codes of the rows of a table.

    Args:
        table: Embeddings, float32 (N, D).
        quantizer: ``Q.PQ``, ``Q.LUT``, ``Q.RowLUT``, or ``Q.Uniform``; with ``axis=0,
            learn=None`` a step for each row.
        pairs: With a training: (P, 2) items that belong together.
        training: The table's float rows are trained through the codes, k-means steps following;
            None: the codes are those nearest to the rows.
        seed: Of the training.

    Raises:
        DataError: If the table is empty or not finite.
        ExportError: If the quantizer makes no codes of rows.

    Example:
        >>> import nnabla_compress.quantizers as Q
        >>> rows = np.random.RandomState(0).randn(300, 16).astype(np.float32)
        >>> small = compress_table(rows, Q.PQ(bits=4, length=4))
        >>> small.row_bytes, small.decode().shape
        (2, (300, 16))
    """
    table = np.ascontiguousarray(table, np.float32)
    if table.ndim != 2 or not table.size:
        raise DataError(f"a table has the shape {table.shape}.", help="give rows of numbers")
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(axis=1)))
        raise DataError(f"row {row} of the table is NaN or infinite.", help="compute it again")
    with nn.parameter_scope("", {}), nn.auto_forward(False):
        weight = get_parameter_or_create("table/W", table.shape, table)
        with nn.parameter_scope("table"):
            coded = quantizer(weight)
        function = coded.parent
        with unwrapped():
            coded.forward()
            if training is not None:
                if pairs is None or not len(pairs):
                    raise ConfigError("a training of a table needs pairs.", help="give some")
                _train(coded, table, _checked(pairs, len(table)), training, seed)
                coded.forward()
        encoding: Any = type(quantizer).encode(function)
    found: RowCodes = encoding.row_codes()
    return found


def _checked(pairs: np.ndarray, rows: int) -> np.ndarray:
    """Pairs of rows that are there: Embed would read beyond the table."""
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise DataError(
            f"pairs have the shape {pairs.shape} of {pairs.dtype}.",
            help="give whole numbers, the two items of each pair: (P, 2)",
        )
    wrong = ((pairs < 0) | (pairs >= rows)).any(axis=1)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise DataError(
            f"pair {place} names the items {pairs[place].tolist()}, outside 0..{rows - 1}.",
            help=f"number items by their rows; there are {rows:,}",
        )
    return pairs


def _train(
    coded: nn.Variable, table: np.ndarray, pairs: np.ndarray, how: TableTraining, seed: int
) -> None:
    solver = Quantized(S.Adam(how.learning_rate), 1)
    solver.set_parameters(nn.get_parameters())
    size = min(how.batch_size, len(pairs))
    queries, partners, others = (nn.Variable((count,)) for count in (size, size, how.negatives))
    rows: List[nn.Variable] = [F.embed(each, coded) for each in (queries, partners, others)]
    far = [F.embed(each, nn.Variable.from_numpy_array(table)) for each in (queries, partners)]
    apart = sum(F.mean(F.sum((a - b) ** 2, axis=1)) for a, b in zip(rows, far))
    q, p, n = (normalized(each) for each in rows)
    loss = max_margin(q, p, [n], how.margin) + how.fidelity * apart
    updates = len(pairs) // size
    for number in tracked("table", range(how.epochs * updates), how.epochs * updates):
        epoch, place = divmod(number, updates)
        order = np.random.RandomState([seed, epoch]).permutation(len(pairs))
        rng = np.random.RandomState([seed, 1, number])
        chosen = pairs[order[place * size : (place + 1) * size]]
        queries.d, partners.d = chosen.T
        others.d = rng.randint(len(table), size=how.negatives)
        solver.zero_grad()
        loss.forward(clear_no_need_grad=True)
        loss.backward(clear_buffer=True)
        solver.update()
