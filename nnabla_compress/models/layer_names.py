# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What layers of NNabla call their parameters, by the kind of the layer.

``PF.convolution(..., name="c1")`` has the weight ``c1/conv/W``, ``PF.inq_convolution`` of the same
name has ``c1/inq_conv/W``. Both are float weights of one shape.
"""

from __future__ import annotations

from typing import Dict, Iterable

_OWN = ("W", "b")
# Affine layers and convolutions whose weights are quantized.
_KINDS = ("bicon", "bwn", "inq", "fp_quantized", "pow2_quantized", "min_max_quantized", "pruned")
_PLAIN = {f"{kind}_{plain}": plain for kind in _KINDS for plain in ("affine", "conv")}


def plain_path(path: str) -> str:
    """Returns what the weight or bias of a layer is called in a plain affine or convolution layer.

    Args:
        path: Path of a parameter.

    Example:
        >>> plain_path("net/c1/inq_conv/W"), plain_path("fc/affine/b"), plain_path("c1/bwn_conv/Wb")
        ('net/c1/conv/W', 'fc/affine/b', 'c1/bwn_conv/Wb')
    """
    *scopes, name = path.split("/")
    if name not in _OWN or not scopes:
        return path
    return "/".join([*scopes[:-1], _PLAIN.get(scopes[-1], scopes[-1]), name])


def same_layers(given: Iterable[str], wanted: Iterable[str]) -> Dict[str, str]:
    """Returns which weights and biases are for which, where layers are of other kinds.

    Args:
        given: Paths of the parameters that there are, of a float network for instance.
        wanted: Paths of those of a network, of binary layers for instance.

    Returns:
        The path that is given, by the one that is wanted, for those that have none of their own.

    Example:
        >>> same_layers(["c1/conv/W", "fc/affine/W"], ["c1/bicon_conv/W", "fc/affine/W"])
        {'c1/bicon_conv/W': 'c1/conv/W'}
    """
    there, mine = set(given), list(wanted)
    by_plain: Dict[str, str] = {}
    for path in there - set(mine):
        by_plain.setdefault(plain_path(path), path)
    pairs = {path: by_plain.get(plain_path(path)) for path in mine if path not in there}
    return {path: source for path, source in pairs.items() if source is not None}
