# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LUT-Q: weights tied to a trained look-up table.

A layer's weight is ``Q = d[A]``: a dictionary ``d`` of K values and an assignment of each weight
to one of them. The forward pass looks up; the gradient of Q goes to the float weight W unchanged
(straight-through); after the solver's update of W a k-means step warm-started from the last
dictionary follows (:class:`nnabla_compress.solvers.LUTQ`)::

    A = argmin_k |W - d_k|          d_k = mean of the W assigned to k, empty clusters keep d_k

and then projects ``d`` onto the constraint that the device wants (powers of two, an integer grid,
binary, ternary, a zero that takes the smallest weights).

F. Cardinaux et al., Iteratively training look-up tables for network quantization, arXiv:1811.05355
and arXiv:1911.04951.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError, TrainingError
from nnabla_compress.kernels.k_means import assign_and_accumulate
from nnabla_compress.kernels.look_up import look_up
from nnabla_compress.quantizers.base import (
    Quantizer,
    register,
    require_parameter,
    scope_name,
)
from nnabla_compress.quantizers.choices import Choices, Table, neighbours
from nnabla_compress.quantizers.dictionaries import (
    nearest_on_grid,
    nearest_power_of_two,
    prune_threshold,
)
from nnabla_compress.quantizers.dictionary_start import initial_dictionary
from nnabla_compress.quantizers.engine import array, byte_parameter, host_array
from nnabla_compress.quantizers.straight_through import StraightThrough, with_gradient_to
from nnabla_compress.spelling import did_you_mean

DICTIONARIES = ("free", "pow2", "binary", "ternary")
_FIXED_BITS = {"binary": 1, "ternary": 2}


@register
@dataclass(frozen=True)
class LUT(Quantizer):
    """Weights tied to a dictionary of 2**bits values, trained by k-means after each update.

    The dictionary starts from the best one for the weights present at the first forward pass, so
    that a trained float network starts from its own values.

    Args:
        bits: Bits of an assignment, 1 to 8. By default 4; 1 for binary, 2 for ternary.
        dictionary: ``"free"``: any values. ``"pow2"``: plus or minus powers of two,
            ``sign(d) 2**round(log2|d|)``. ``"binary"``: {-a, a}. ``"ternary"``: {-a, 0, a}.
        prune: Fraction of the weights, those of smallest magnitude, that is set to zero; 0 to 1.
            Not for binary, which has no zero.
        zero: Keep one entry at zero even if nothing is pruned.
        scaled: For binary and ternary: ``a`` is the mean magnitude of the weights that take it.
            Otherwise a = 1.
        grid_bits: Keep the dictionary on integers of this many bits times one scale, 2 to 16, so
            that a device with integer arithmetic decodes it exactly. Powers of two are exact
            without.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> import nnabla as nn, nnabla.parametric_functions as PF, numpy as np
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 8)), 16, apply_w=LUT(bits=2), name="fc")
        >>> y.forward()
        >>> len(np.unique(y.parent.inputs[1].d))
        4
    """

    type_name: ClassVar[str] = "LUT"
    calibratable: ClassVar[Tuple[str, ...]] = ("weights",)

    bits: Optional[int] = None
    dictionary: str = "free"
    prune: float = 0.0
    zero: bool = False
    scaled: bool = True
    grid_bits: Optional[int] = None

    def __post_init__(self) -> None:
        if self.dictionary not in DICTIONARIES:
            raise ConfigError(
                f"LUT: dictionary is {self.dictionary!r}.",
                help=did_you_mean(self.dictionary, DICTIONARIES),
            )
        fixed = _FIXED_BITS.get(self.dictionary)
        if self.bits is None:
            object.__setattr__(self, "bits", fixed or 4)
        if isinstance(self.bits, bool) or not isinstance(self.bits, (int, np.integer)):
            raise ConfigError(f"LUT: bits is {self.bits!r}.", help="give a whole number, 1 to 8")
        object.__setattr__(self, "bits", int(self.bits))
        if not 1 <= self.bits <= 8:
            raise ConfigError(
                f"LUT: bits is {self.bits}, the range is 1 to 8.", help="choose 1 to 8"
            )
        if fixed is not None and self.bits != fixed:
            raise ConfigError(
                f"LUT: a {self.dictionary} dictionary takes {fixed} bit(s), got bits={self.bits}.",
                help="leave bits out, or choose dictionary='free' or 'pow2'",
            )
        if not isinstance(self.prune, (int, float, np.number)) or not 0 <= self.prune <= 1:
            raise ConfigError(
                f"LUT: prune is {self.prune!r}, it is a fraction of the weights.",
                help="choose 0 (nothing) to 1",
            )
        if self.dictionary == "binary" and (self.prune > 0 or self.zero):
            raise ConfigError(
                "LUT: a binary dictionary has no zero, so it can't prune.",
                help="choose dictionary='ternary'",
            )
        if self.grid_bits is None:
            return
        if not isinstance(self.grid_bits, (int, np.integer)) or not 2 <= self.grid_bits <= 16:
            raise ConfigError(
                f"LUT: grid_bits is {self.grid_bits!r}, it is a whole number, 2 to 16.",
                help="8 suits INT8",
            )
        object.__setattr__(self, "grid_bits", int(self.grid_bits))
        if self.grid_bits < self.bits:
            raise ConfigError(
                f"LUT: a grid of {self.grid_bits} bits can't hold {2**self.bits} values.",
                help=f"choose grid_bits of at least {self.bits}",
            )

    @property
    def entries(self) -> int:
        """K, the number of dictionary entries."""
        assert self.bits is not None
        return 3 if self.dictionary == "ternary" else 2**self.bits

    @property
    def has_zero(self) -> bool:
        """Whether one entry is held at zero."""
        return self.zero or self.prune > 0 or self.dictionary == "ternary"

    @property
    def signs(self) -> Optional[Tuple[int, ...]]:
        """The signs of the entries of a binary or ternary dictionary; None for the others."""
        return {"binary": (-1, 1), "ternary": (-1, 0, 1)}.get(self.dictionary)

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns ``dictionary[assignments]`` in the shape of the weight ``x``."""
        require_parameter(x, "LUT")
        dictionary = get_parameter_or_create(
            "lut/dictionary", (self.entries,), np.full(self.entries, np.nan, np.float32), False
        )
        assignments = byte_parameter("lut", "assignments", x.shape, 0)
        args = dict(asdict(self), name=scope_name())
        return LookUp(LUT, args, (x, dictionary, assignments)).node()

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> LUT:
        """Returns the quantizer that the arguments of a node describe."""
        return cls(**{key: value for key, value in args.items() if key != "name"})

    @classmethod
    def parameter_axes(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]
    ) -> List[Tuple[Optional[int], ...]]:
        """Returns that each weight has an assignment, and the dictionary an axis of its own."""
        return [(None,), tuple(range(inputs[0].ndim))]

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Starts the dictionary from the weights, unless it holds values already."""
        cls.start(args, inputs)

    @classmethod
    def start(
        cls,
        args: Mapping[str, Any],
        inputs: Sequence[nn.Variable],
        importance: Optional[np.ndarray] = None,
    ) -> None:
        """Starts the dictionary with the least error, counted by ``importance`` where it is given.

        A dictionary of free values ends with one k-means step, which makes it the means of the
        weights that take each entry, to the last bit.
        """
        weight, dictionary, assignments = inputs
        if not np.isnan(array(dictionary, np.float32)).any():
            return
        values = finite_values(args, weight)
        quantizer = cls.of(args)
        current = initial_dictionary(quantizer, values, importance)
        codes = array(assignments, np.uint8)
        free = quantizer.dictionary != "pow2" and quantizer.grid_bits is None
        if (free and importance is None) or not values.any():
            current = k_means_step(quantizer, values, current, codes)
        else:
            _assign(quantizer, values, current, codes)
        array(dictionary, np.float32)[...] = current

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Does ``steps`` k-means steps from the dictionary of the last update."""
        cls.prepare(args, inputs)
        weight, dictionary, assignments = inputs
        values = np.ascontiguousarray(array(weight, np.float32))
        codes, current = array(assignments, np.uint8), array(dictionary, np.float32)
        for _ in range(steps):
            current[...] = k_means_step(cls.of(args), values, current, codes, args)

    @classmethod
    def choices(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Choices:
        """Returns the entries next to each weight, and the dictionary, which may move.

        Pruned weights stay zero. Once settled, the float weights are those of the dictionary, so
        that training that goes on keeps the assignments.
        """
        cls.prepare(args, inputs)
        dictionary, quantizer = array(inputs[1], np.float32), cls.of(args)
        assignments = array(inputs[2], np.uint8)
        table = Table(
            entries=dictionary.copy(),
            project=partial(project, quantizer),
            signs=quantizer.signs,
            fixed=not quantizer.scaled and quantizer.signs is not None,
            has_zero=quantizer.has_zero,
            skips_zero=bool(quantizer.prune),
        )

        def bounds() -> Tuple[np.ndarray, np.ndarray]:
            lower, upper = neighbours(array(inputs[0], np.float32), table.open(dictionary))
            if quantizer.prune:
                pruned = dictionary[assignments] == 0
                lower[pruned] = upper[pruned] = 0
            return lower, upper

        def settle(values: np.ndarray, entries: Optional[np.ndarray]) -> None:
            assert entries is not None
            dictionary[...], array(inputs[0], np.float32)[...] = entries, values
            assignments[...] = np.searchsorted(entries, values)

        return Choices(bounds, settle, table)

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns the assignments as codes of ``bits`` bits and the dictionary."""
        args, inputs = function.info.args, function.inputs
        cls.prepare(args, inputs)
        return Encoding(
            codes=array(inputs[2], np.uint8).copy(),
            bits=args["bits"],
            dictionary=array(inputs[1], np.float32).copy(),
        )

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the look-up by NNabla's Embed; W - W adds the straight-through gradient."""
        weight, dictionary, assignments = inputs
        cls.prepare(function.info.args, inputs)
        looked_up = F.embed(assignments, F.reshape(dictionary, (dictionary.size, 1)))
        return with_gradient_to(weight, F.reshape(looked_up, weight.shape))

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits of an assignment."""
        return int(args["bits"])


class LookUp(StraightThrough):
    """Forward ``d[A]``, backward the identity to W."""

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        LUT.prepare(self.args, inputs)
        if self.on_cpu:
            out = host_array(outputs[0].data, np.float32, overwrite=True)
            look_up(array(inputs[1], np.float32), array(inputs[2], np.uint8), out)
        else:
            self.forward_composite(inputs, outputs)

    def forward_composite(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        """The look-up by NNabla's own functions, for contexts whose arrays are not on the host."""
        _, dictionary, assignments = inputs
        table = F.reshape(dictionary.data, (dictionary.size, 1), inplace=False)
        rows = F.embed(assignments.data, table)
        F.reshape(rows, outputs[0].shape, inplace=False, outputs=[outputs[0].data])


def k_means_step(
    quantizer: LUT,
    values: np.ndarray,
    dictionary: np.ndarray,
    assignments: np.ndarray,
    args: Optional[Mapping[str, Any]] = None,
) -> np.ndarray:
    """Assigns every value to its nearest entry, then returns the projected means of the clusters.

    Args:
        quantizer: The options; ``prune`` of the values go to the zero entry, none else.
        values: float32 weights, C order.
        dictionary: Sorted float32 entries of the last step, shape (K,); not changed.
        assignments: uint8 of the shape of ``values``; overwritten.
        args: Arguments of the node, for the layer's name in error messages.

    Returns:
        The new dictionary, sorted, float32, shape (K,).

    Raises:
        TrainingError: If a value is NaN or infinite.

    Example:
        >>> codes = np.zeros(4, np.uint8)
        >>> values = np.float32([-3, -1, 1, 2])
        >>> k_means_step(LUT(bits=1), values, np.float32([-1, 1]), codes).tolist()
        [-2.0, 1.5]
    """
    sums, counts, zero = _assign(quantizer, values, dictionary, assignments)
    if not np.isfinite(sums).all():
        raise _not_finite(args or {}, values)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), dictionary)
    if zero >= 0:
        means[zero] = 0
    if quantizer.signs is not None:
        scale, signs = 1.0, np.array(quantizer.signs)
        if quantizer.scaled:
            taken = np.dot(counts, np.abs(signs))
            scale = float(np.abs(dictionary).max())
            if taken:
                scale = float(np.dot(sums, signs) / taken)
        means = signs * scale
    projected = project(quantizer, means)
    if zero >= 0 and np.any(np.diff(projected) < 0):
        # Pruned values are not nearest to zero, so a cluster next to it can move past it.
        order = np.argsort(projected, kind="stable")
        assignments[...] = np.argsort(order).astype(np.uint8)[assignments]
        projected = projected[order]
    return projected


def _assign(
    quantizer: LUT, values: np.ndarray, dictionary: np.ndarray, assignments: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, int]:
    """Sums and counts of the values of each entry, and which one is held at zero; -1 for none."""
    zero, threshold = -1, -1.0
    if quantizer.has_zero:
        nearest = int(np.argmin(np.abs(dictionary)))
        zero = 1 if quantizer.dictionary == "ternary" else nearest
        threshold = prune_threshold(values, quantizer.prune)
    return (*assign_and_accumulate(values, dictionary, assignments, zero, threshold), zero)


def project(quantizer: LUT, dictionary: np.ndarray) -> np.ndarray:
    """Returns the nearest dictionary that the constraint allows, as float32.

    Zeros come out positive: adding and looking up give the same bits then.

    Example:
        >>> project(LUT(bits=2, dictionary="pow2"), np.array([-0.3, 0.1, 0.7, 3.0])).tolist()
        [-0.25, 0.125, 0.5, 4.0]
    """
    if quantizer.dictionary == "pow2":
        projected = nearest_power_of_two(dictionary)
    elif quantizer.grid_bits is not None:
        projected = nearest_on_grid(dictionary, quantizer.grid_bits)
    else:
        projected = dictionary.astype(np.float32)
    return projected + np.float32(0)


def finite_values(args: Mapping[str, Any], weight: nn.Variable) -> np.ndarray:
    """Returns a weight's values, float32, C order.

    Raises:
        TrainingError: If one is NaN or infinite.
    """
    values = np.ascontiguousarray(array(weight, np.float32))
    if not np.isfinite(values).all():
        raise _not_finite(args, values)
    return values


def _not_finite(args: Mapping[str, Any], values: np.ndarray) -> TrainingError:
    bad = int(values.size - np.isfinite(values).sum())
    return TrainingError(
        f"{bad} of {values.size} weights of layer {args.get('name') or '(no name)'} are NaN "
        "or infinite.",
        help="the training diverged or the file is damaged: lower the learning rate, or load "
        "other parameters",
    )
