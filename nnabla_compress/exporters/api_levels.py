# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What runtimes of lower API levels lack: the converter drops arguments that a level doesn't have.

It drops them without a word, also where the value changes the result. Such functions are written
another way here, or refused.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.models.nnp_archive import read_nnp
from nnabla_compress.nnb.function_table import FUNCTIONS
from nnabla_compress.simulator.traps import NEWEST_API_LEVEL

NEWEST, RELEASED = 45, NEWEST_API_LEVEL
"""The levels of NNabla's converter, and of the C runtime as it is released."""

_POOLING = ("kernel", "stride", "ignore_border", "pad", "channel_last")


def released_note(api: int) -> List[str]:
    """Returns a note where a level is above that of the released C runtime.

    Args:
        api: The API level of a file.

    Example:
        >>> released_note(44)
        []
    """
    if api <= RELEASED:
        return []
    return [
        f"the file has API level {api}: the C runtime as it is released refuses levels above "
        f"{RELEASED} (-899), so use --api {RELEASED} unless yours is newer; no function that is "
        f"exported needs level {api}"
    ]


def lost_arguments(type_name: str, args: Mapping[str, Any], api: int) -> List[str]:
    """Returns the arguments of a function that a level lacks and whose value changes the result.

    Args:
        type_name: Type of the function.
        args: Its arguments by name.
        api: The API level.

    Example:
        >>> lost_arguments("AveragePooling", {"pad": (1, 1), "including_pad": False}, 3)
        ['including_pad']
        >>> lost_arguments("AveragePooling", {"pad": (0, 0), "including_pad": False}, 3)
        []
    """
    missing = _missing(api).get(type_name, ())
    return [name for name in missing if not _WITHOUT.get(name, _never)(args)]


def check_level(outputs: Sequence[nn.Variable], api: int) -> None:
    """Refuses a graph that a level computes otherwise.

    Args:
        outputs: Variables of the graph that is written.
        api: The API level.

    Raises:
        UnsupportedFunctionError: For the first function whose arguments would be lost.
    """
    for function in functions(outputs):
        _refuse(function.info.type_name, function.info.args, api, "choose another function")


def check_file(nnp: Path, api: int) -> None:
    """Refuses an ``.nnp`` that a level computes otherwise.

    Args:
        nnp: The file.
        api: The API level.

    Raises:
        DataError: If the file is damaged.
        UnsupportedFunctionError: For the first function whose arguments would be lost.
    """
    missing = _missing(api)
    if not missing:
        return
    for network in read_nnp(nnp).proto.network:
        for function in network.function:
            if function.type in missing:
                part = getattr(function, function.WhichOneof("parameter") or "", None)
                args = {} if part is None else _arguments(part)
                way = f"export the .nnp with --api {api}, or export_nnp(api={api}), too"
                _refuse(function.type, args, api, way)


def fit_to_level(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable], api: int
) -> List[nn.Variable]:
    """Builds a graph again without arguments that a level lacks, where there is another way.

    Args:
        outputs: Variables of one graph.
        inputs: Its inputs.
        api: The API level.

    Returns:
        The new outputs, which compute the same.

    Example:
        >>> x = nn.Variable((1, 1, 4, 4))
        >>> y = F.average_pooling(x, (3, 3), (1, 1), pad=(1, 1), including_pad=False)
        >>> [f.info.type_name for f in functions(fit_to_level([y], [x], 3))]
        ['SumPooling', 'Div2']
    """

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        lost = lost_arguments(function.info.type_name, function.info.args, api)
        if function.info.type_name == "AveragePooling" and lost == ["including_pad"]:
            return [_sum_over_count(function, arguments[0])]
        return None

    if not any(lost_arguments(f.info.type_name, f.info.args, api) for f in functions(outputs)):
        return list(outputs)
    return rebuild(outputs, replace)


def _sum_over_count(function: Any, x: nn.Variable) -> nn.Variable:
    """An average is the sum over the number of values in the window: the same two operations."""
    args = {key: function.info.args[key] for key in _POOLING}
    spatial = x.shape[-len(args["kernel"]) :]
    ones = nn.Variable.from_numpy_array(np.ones((*[1] * (x.ndim - len(spatial)), *spatial)))
    with nn.auto_forward(True):
        counts = F.sum_pooling(ones, **args).d
    return F.div2(F.sum_pooling(x, **args), constant(counts, "window_sizes", need_grad=False))


def _refuse(type_name: str, args: Mapping[str, Any], api: int, way_out: str) -> None:
    lost = lost_arguments(type_name, args, api)
    if lost:
        words = ", ".join(f"{name}={args.get(name)}" for name in lost)
        raise UnsupportedFunctionError(
            f"{type_name} with {words} needs an API level above {api}: the C runtime of level "
            f"{api} computes other values.",
            help=f"{way_out}, or raise the level with --api up to {RELEASED}",
        )


@lru_cache(maxsize=None)
def _missing(api: int) -> Dict[str, Tuple[str, ...]]:
    """The arguments that the converter drops at a level, by type of the function."""
    from nnabla.utils.converter.utils import get_api_level_info

    def table(level: int) -> Dict[str, Any]:
        info = get_api_level_info()
        info.set_api_level(level)
        return {name: info.get_func_id(name) for name in info.get_function_list()}

    newest = {
        name: FUNCTIONS[number] for name, number in table(NEWEST).items() if number in FUNCTIONS
    }
    found = {}
    for name, number in table(api).items():
        if name in newest and number in FUNCTIONS:
            kept = len(FUNCTIONS[number].arguments)
            lost = tuple(argument for argument, _ in newest[name].arguments[kept:])
            if lost:
                found[name] = lost
    return found


def _arguments(part: Any) -> Dict[str, Any]:
    """The arguments of a function of a file by name, lists and shapes as tuples."""
    found = {}
    for field in part.DESCRIPTOR.fields:
        value = getattr(part, field.name)
        value = getattr(value, "dim", value)
        found[field.name] = value if np.isscalar(value) else tuple(value)
    return found


def _never(args: Mapping[str, Any]) -> bool:
    return False


def _always(args: Mapping[str, Any]) -> bool:
    return True


def _off(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda args: not args.get(name)


# Whether a function computes the same without an argument; those that are not here never do.
_WITHOUT: Dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "including_pad": lambda args: bool(args.get("including_pad")) or not any(args["pad"]),
    "inplace": _always,  # where the result is kept
    "output_padding": _always,  # the runtime takes the shape of the output
    "quantize_zero_to": _always,  # the runtime reads weights that are quantized
    "beta": lambda args: args.get("beta") == 1,
    "largest": lambda args: bool(args.get("largest")),
    **{
        name: _off(name)
        for name in (
            *("channel_last", "no_scale", "no_bias", "with_index", "only_index"),
            *("half_pixel", "half_pixel_for_nn", "add", "output_mask"),
        )
    },
}
