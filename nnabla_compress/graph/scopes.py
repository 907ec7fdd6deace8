# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parameter scopes for what is added to a network: its own parameters may have any name."""

from __future__ import annotations

from typing import Any, Mapping

import nnabla as nn
import nnabla.parameter

from nnabla_compress.names import ascii_name

_ENDING = "_q"


def usable_scope(path: str) -> str:
    """Returns the path of a scope that parameters can be created in.

    In NNabla a name is a parameter or a scope, never both. Importers call weights ``fc.weight``;
    what belongs to such a weight is put into a scope beside it.

    Args:
        path: The scope wanted, within the current one.

    Returns:
        The path; each part of it that is a parameter gets an ending.

    Example:
        >>> nn.clear_parameters()
        >>> _ = nn.parameter.get_parameter_or_create("fc.weight", (4, 3))
        >>> usable_scope("conv1/conv"), usable_scope("fc.weight"), usable_scope("fc.weight/relu")
        ('conv1/conv', 'fc.weight_q', 'fc.weight_q/relu')
    """
    scope: Mapping[str, Any] = nnabla.parameter.get_current_parameter_scope()
    usable = []
    for part in path.strip("/").split("/"):
        part = part if part in scope else ascii_name(part)
        while isinstance(scope.get(part), nn.Variable):
            part += _ENDING
        usable.append(part)
        scope = scope.get(part, {})
    return "/".join(usable)
