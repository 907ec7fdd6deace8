# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Makes the layers of a method from the four quantized ones: its options in place of a quantizer.

A made layer is documented and has a signature as if it had been written out.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

import nnabla as nn
from nnabla.utils.signature_utils import SignatureEx

from nnabla_compress.parametric_functions.layers import Hook, layer_api

_OWN = ("quantizer", "quantizer_b")
_HEADERS = "Args|Returns|Raises|References|Example"


class Quantizers(NamedTuple):
    """What a layer's parameters go through.

    Args:
        weight: The quantizer of the weight.
        bias: That of the bias, None for none.
    """

    weight: Hook
    bias: Hook = None


def method_layer(
    name: str,
    layer: Any,
    quantizers: Callable[..., Quantizers],
    summary: str,
    example: str,
    parameters: Sequence[Tuple[str, str, str, bool]],
) -> Callable[..., nn.Variable]:
    """Returns a layer that takes the options of a method.

    Args:
        name: Its name.
        layer: One of the quantized layers of NNabla's twins.
        quantizers: Takes the options and makes the quantizers of them. Its docstring holds the
            formula, the options under ``Args``, what they raise, and the paper.
        summary: First sentence of the docstring.
        example: Lines of its example, behind ``>>> import nnabla as nn`` and ``clear_parameters``.
        parameters: What the quantizers add to a layer's parameters, as NNabla's decorator takes it.
    """
    base = layer.__parametric_function_api_base__
    given, options = inspect.signature(base), inspect.signature(quantizers)
    arguments = [p for key, p in given.parameters.items() if key not in _OWN]
    # NNabla's decorator asks for its own kind of signature.
    signature = SignatureEx(
        [*arguments, *options.parameters.values()], return_annotation=given.return_annotation
    )

    def made(*args: Any, **kwargs: Any) -> nn.Variable:
        taken = signature.bind(*args, **kwargs).arguments
        own = {key: taken.pop(key) for key in options.parameters if key in taken}
        chosen = quantizers(**own)
        return base(**taken, quantizer=chosen.weight, quantizer_b=chosen.bias)

    made.__name__ = made.__qualname__ = name
    made.__signature__ = signature  # type: ignore[attr-defined]
    made.__doc__ = _docstring(summary, base, quantizers, example)
    made.__module__ = quantizers.__module__
    return layer_api(made, base.__name__, parameters)  # type: ignore[no-any-return]


def _docstring(
    summary: str, base: Callable[..., Any], quantizers: Callable[..., Any], example: str
) -> str:
    layer, method = _sections(base), _sections(quantizers)
    arguments = [entry for entry in _entries(layer["Args"]) if _name(entry) not in _OWN]
    parts = [summary]
    if method.get(""):
        parts.append(method[""])
    parts.append("Args:\n" + "\n".join([*arguments, *_entries(method["Args"])]))
    parts.append("Returns:\n" + layer["Returns"])
    parts += [f"{key}:\n{method[key]}" for key in ("Raises", "References") if key in method]
    lines = ["import nnabla as nn", "nn.clear_parameters()"]
    shown = "\n".join([f"    >>> {line}" for line in lines] + _indented(example))
    parts.append("Example:\n" + shown)
    text = "\n\n".join(parts)
    return "\n".join(_indented(text)).strip() + "\n    "


def _indented(text: str) -> List[str]:
    return [f"    {line}" if line else "" for line in inspect.cleandoc(text).splitlines()]


def _sections(function: Callable[..., Any]) -> dict[str, str]:
    """The docstring by its headers; under "" what stands behind the first sentence."""
    text = inspect.getdoc(function) or ""
    parts = re.split(rf"\n\n?({_HEADERS}):\n", text)
    first = parts[0].split("\n\n", 1)
    found = {"": first[1] if len(first) > 1 else ""}
    found.update({header: body.rstrip() for header, body in zip(parts[1::2], parts[2::2])})
    return found


def _entries(arguments: str) -> List[str]:
    return re.split(r"\n(?=    \w)", arguments)


def _name(entry: str) -> Optional[str]:
    found = re.match(r"\s*(\w+):", entry)
    return found.group(1) if found else None
