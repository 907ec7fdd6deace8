# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batch normalizations of a stored network: their running statistics, and what is told of them."""

from __future__ import annotations

from typing import Any, List, Mapping

import numpy as np

from nnabla_compress.function_types import NORMALIZATIONS
from nnabla_compress.models.heads import needed_by
from nnabla_compress.models.stored_parameters import Parameter
from nnabla_compress.names import shown_name

_MEAN, _VARIANCE = 3, 4  # inputs of BatchNormalization


def statistics_of(proto: Any) -> List[str]:
    """Returns the names of running means and variances: no solver ever trains them.

    Args:
        proto: A ``ProtoNetwork``.
    """
    return [
        function.inputs[position]
        for function in proto.functions.values()
        if function.type in NORMALIZATIONS
        for position in (_MEAN, _VARIANCE)
        if position < len(function.inputs)
    ]


def statistics_note(proto: Any, stored: Mapping[str, Parameter]) -> str:
    """Returns a sentence on batch normalizations saved with batch_stat=True, "" if there are none.

    Args:
        proto: A ``ProtoNetwork``.
        stored: The parameters of its file.
    """
    needed = needed_by(proto, proto.outputs)
    found = [
        function
        for function in proto.functions.values()
        if function.type in NORMALIZATIONS
        and function.args.get("batch_stat")
        and needed.intersection(function.outputs)
        and len(function.inputs) > _VARIANCE
    ]
    if not found:
        return ""
    mean, variance = (found[0].inputs[place] for place in (_MEAN, _VARIANCE))
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    note = (
        f"{found[0].type} {_scope_of(shown_name(mean))}{more}: saved with batch_stat=True, so "
        "NNabla runs the file with the statistics of each batch; here and in what is exported "
        f"the running statistics are used ({shown_name(mean)}, {shown_name(variance)})"
    )
    if all(_as_created(function, stored) for function in found):
        note += (
            ", which are still as they were created, mean 0 and variance 1: train or run the "
            "network with update of its running statistics first"
        )
    return note


def _as_created(normalization: Any, stored: Mapping[str, Parameter]) -> bool:
    """Whether the running statistics of a batch normalization were never updated."""
    kept = [stored.get(normalization.inputs[place]) for place in (_MEAN, _VARIANCE)]
    return all(
        each is not None and bool(np.all(np.asarray(each.values) == number))
        for each, number in zip(kept, (0, 1))
    )


def _scope_of(path: str) -> str:
    """The scope that a parameter stands in; its own path at the root."""
    return path.rpartition("/")[0] or path
