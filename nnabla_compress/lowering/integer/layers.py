# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers that add products of whole numbers, each partial sum exact."""

from __future__ import annotations

from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.exactness import Exactness, largest_sum
from nnabla_compress.analysis.value_sets import EXACT_UNITS, Values
from nnabla_compress.graph.clone import clone
from nnabla_compress.lowering.integer.tensors import CHANNELS, IntegerTensor, Sums
from nnabla_compress.lowering.integer.weights import IntegerWeight

# Makes a Variable that decodes a weight to its numbers.
Decode = Callable[[IntegerWeight], nn.Variable]
_AT_ONCE = 1 << 20  # numbers
_Cut = Tuple[int, int, int, float]
_FINE = 2.0**11


class _Piece(NamedTuple):
    """Codes of some channels, whose sums are exact.

    Args:
        codes: The codes.
        start: The first channel of the weight that they meet.
        stop: The one behind the last.
        total: The largest sum of magnitudes of the weight there.
    """

    codes: IntegerTensor
    start: int
    stop: int
    total: float


def layer_sums(
    function: Any,
    x: Sequence[IntegerTensor],
    weight: IntegerWeight,
    path: str,
    exactness: Exactness,
    decode: Decode,
) -> Union[Sums, str]:
    """Returns what a layer adds up of codes, without its bias.

    An affine layer becomes a convolution over its whole input, as the C runtime wants it of weights
    that functions decode. Where one sum might exceed 2**24, or parts of the input have scales of
    their own, the input channels are added in pieces: each piece is exact, and their few sums are
    added in one order everywhere.

    Args:
        function: The layer of the old graph.
        x: Its input: codes, several if they stand side by side along the channels.
        weight: Its weight.
        path: Path of the weight.
        exactness: What the codes can hold.
        decode: Makes the weight in the new graph.

    Returns:
        The sums with their scales; or why they can't be exact.
    """
    scale = weight.scale_of_outputs(function)
    if scale is None:
        return "the scales of its weight belong to no output channels"
    is_affine = function.info.type_name == "Affine"
    shape = None
    if is_affine:
        codes = _as_maps(function, x)
        converted = None if codes is None else weight.as_convolution(_kernel(codes))
        if codes is None or converted is None:
            return "its inputs of several scales are not side by side"
        x, weight = codes, converted
        shape = (-1, *function.outputs[0].shape[1:])
    elif len(x) > 1 and not _adds_all_channels(function):
        factors = _scale_of_groups(function, x)
        if factors is None:
            return "a group of its channels has several scales"
        joined = F.concatenate(*(codes.variable for codes in x), axis=CHANNELS)
        x, scale = [IntegerTensor(joined, 1.0)], scale * factors
    pieces = _pieces(function, x, weight, exactness)
    if pieces is None:
        return "its sums may exceed 2^24, up to which they are exact"
    total = _total(function, pieces, weight, decode, exactness)
    axis = CHANNELS if is_affine else function.info.args["base_axis"] % function.inputs[0].ndim
    scales = scale.astype(np.float64) * pieces[0].codes.scale
    return Sums(total, scales, np.zeros(scales.shape), axis, path, shape)


def most_codes(function: Any, weight: IntegerWeight) -> float:
    """Returns the largest code that the input of a layer may have, so that its sums are exact.

    Where that leaves few bits and channels can be added in pieces, it is what one channel allows.

    Args:
        function: The layer.
        weight: Its weight.
    """
    unit = 2.0**weight.exponent
    largest = EXACT_UNITS * unit / max(largest_sum(function, weight.numbers), unit)
    if largest >= _FINE or function.info.type_name != "Convolution":
        return largest
    if not _adds_all_channels(function):
        return largest
    by_channel = _by_channel(weight)
    return min(_FINE, EXACT_UNITS * unit / max(float(by_channel.max()), unit))


def _as_maps(function: Any, x: Sequence[IntegerTensor]) -> Optional[List[IntegerTensor]]:
    """Returns the input of an affine layer as maps, (B, C, H, W)."""
    base = function.info.args["base_axis"] % function.inputs[0].ndim
    if base != 1 and len(x) > 1:
        return None
    if base == 1 and all(codes.variable.ndim == 4 for codes in x):
        return list(x)
    maps = []
    for codes in x:
        size = int(np.prod(codes.variable.shape[base:]))
        maps.append(
            IntegerTensor(F.reshape(codes.variable, (-1, size, 1, 1), inplace=False), codes.scale)
        )
    return maps


def _kernel(maps: Sequence[IntegerTensor]) -> Tuple[int, ...]:
    channels = sum(codes.variable.shape[CHANNELS] for codes in maps)
    return (channels, *maps[0].variable.shape[CHANNELS + 1 :])


def _scale_of_groups(function: Any, x: Sequence[IntegerTensor]) -> Optional[np.ndarray]:
    """Returns the scale of the input that each output channel of a grouped layer has.

    None where a group reaches over parts of several scales.
    """
    args, shape = function.info.args, function.outputs[0].shape
    base = args["base_axis"] % function.inputs[0].ndim
    if function.info.type_name == "Deconvolution" or base != CHANNELS or args.get("channel_last"):
        return None
    by_channel = np.concatenate([np.full(c.variable.shape[CHANNELS], c.scale) for c in x])
    groups = by_channel.reshape(args.get("group", by_channel.size), -1)
    if np.any(groups != groups[:, :1]):
        return None
    return np.repeat(groups[:, 0], shape[CHANNELS] // len(groups))


def _adds_all_channels(function: Any) -> bool:
    """Whether each output of a layer adds over all channels, which are on axis 1."""
    if function.info.type_name == "Affine":
        return True
    args = function.info.args
    base = args["base_axis"] % function.inputs[0].ndim
    return (
        function.info.type_name == "Convolution"
        and args["group"] == 1
        and base == CHANNELS
        and not args["channel_last"]
    )


def _pieces(
    function: Any, x: Sequence[IntegerTensor], weight: IntegerWeight, exactness: Exactness
) -> Optional[List[_Piece]]:
    """Returns codes with their ranges of channels, each with exact sums; None if there are none."""
    units = [exactness.values(codes.variable).units for codes in x]
    if not _adds_all_channels(function):
        whole = largest_sum(function, weight.numbers)
        if not _fits(whole, units[0], weight):
            return None
        return [_Piece(x[0], 0, weight.tensor.shape[CHANNELS], whole)]
    channels = [codes.variable.shape[CHANNELS] for codes in x]
    # The same graph is built for every way to store its weights.
    question = ("cuts", *channels, *units)
    if question not in weight.remembered:
        weight.remembered[question] = _cuts(channels, units, weight)
    cuts: Optional[List[_Cut]] = weight.remembered[question]
    if cuts is None:
        return None
    pieces, first = [], 0
    for number, (codes, count) in enumerate(zip(x, channels)):
        own = [cut for cut in cuts if cut[0] == number]
        for _, start, stop, total in own:
            part = codes
            if len(own) > 1:
                part = IntegerTensor(_channels(codes.variable, start, stop), codes.scale)
            pieces.append(_Piece(part, first + start, first + stop, total))
        first += count
    return pieces


def _cuts(
    channels: Sequence[int], units: Sequence[float], weight: IntegerWeight
) -> Optional[List[_Cut]]:
    """Where inputs of some channels are cut, so that the sums of each piece are exact.

    Args:
        channels: Numbers of channels of what stands side by side.
        units: The largest code of each.
        weight: The weight.

    Returns:
        Number of the input, first channel, the one behind the last, and the largest sum of
        magnitudes; None if single channels may exceed what is exact.
    """
    cuts: List[_Cut] = []
    of_channels = np.split(_by_channel(weight), np.cumsum(channels)[:-1], axis=1)
    for at, (count, by_channel) in enumerate(zip(channels, of_channels)):
        for number in range(1, count + 1):
            parts = np.array_split(np.arange(count), number)
            sums = [
                float(by_channel[:, part[0] : part[-1] + 1].sum(axis=1).max()) for part in parts
            ]
            if all(_fits(total, units[at], weight) for total in sums):
                break
        else:
            return None
        cuts += [(at, int(p[0]), int(p[-1]) + 1, total) for p, total in zip(parts, sums)]
    return cuts


def _by_channel(weight: IntegerWeight) -> np.ndarray:
    """The summed magnitudes of each channel of each output: exact, as integers are in float64."""
    shape = weight.tensor.shape
    sums = np.empty(shape[:2], np.float64)
    rows = max(1, _AT_ONCE // max(1, int(np.prod(shape[1:]))))
    for start in range(0, len(sums), rows):
        part = np.abs(weight.tensor.rows(start, start + rows).decode_integers())
        part.reshape(*part.shape[:2], -1).sum(
            axis=2, dtype=np.float64, out=sums[start : start + rows]
        )
    return sums


def _fits(total: float, units: float, weight: IntegerWeight) -> bool:
    return total / 2.0**weight.exponent * units <= EXACT_UNITS


def _channels(x: nn.Variable, start: int, stop: int) -> nn.Variable:
    """Returns some channels; the batch axis is left out, so that its size stays open."""
    rest = x.shape[CHANNELS + 1 :]
    return F.slice(x, (start, *[0] * len(rest)), (stop, *rest), [1] * (len(rest) + 1))


def _total(
    function: Any,
    pieces: Sequence[_Piece],
    weight: IntegerWeight,
    decode: Decode,
    exactness: Exactness,
) -> nn.Variable:
    """Returns the sum over all pieces, in units of the first one."""
    decoded = decode(weight)
    total: Optional[nn.Variable] = None
    for codes, start, stop, largest in pieces:
        w = decoded if len(pieces) == 1 else _channels(decoded, start, stop)
        if function.info.type_name == "Affine":
            y = F.convolution(codes.variable, w)
        else:
            y = clone(function, [codes.variable, w])[0]
        x = exactness.values(codes.variable)
        assert x.exponent is not None  # codes lie on a grid
        most = x.peak * largest
        exactness.know(y.parent, Values(-most, most, x.exponent + weight.exponent))
        if total is None:
            total = y
            continue
        ratio = codes.scale / pieces[0].codes.scale
        total = F.add2(total, y if ratio == 1 else F.mul_scalar(y, float(np.float32(ratio))))
    assert total is not None
    return total
