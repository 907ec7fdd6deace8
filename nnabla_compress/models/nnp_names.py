# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Names in a stored file that NNabla's graphs can't have, replaced as the file is read."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List

from nnabla_compress.names import ascii_name, free_name

_REFERENCES = (
    *("data_variable", "generator_variable", "loss_variable", "parameter_variable"),
    *("output_variable", "monitor_variable"),
)


def replaced_names(proto: Any, parameters: Iterable[str]) -> Dict[str, str]:
    """Renames the variables of all networks of a message where NNabla can't take their names.

    Variables of NNabla take ASCII only. A parameter's path can't go on behind another parameter:
    of ``a`` and ``a/b`` the first becomes ``a/W``, the weight of a layer ``a``.

    Args:
        proto: A message ``NNablaProtoBuf``, which is changed.
        parameters: Paths of its parameters.

    Returns:
        The new names by the old ones, of those that change.
    """
    paths = list(parameters)
    names = {variable.name for network in proto.network for variable in network.variable}
    new = {name: ascii_name(name) for name in sorted(names.union(paths)) if not name.isascii()}
    scopes = {"/".join(path.split("/")[:end]) for path in paths for end in range(1, _parts(path))}
    taken = names.union(paths, new.values())
    for path in sorted(scopes.intersection(paths)):
        new[path] = free_name(f"{new.get(path, path)}/W", taken)
        taken.add(new[path])
    if new:
        _rename(proto, new)
    return new


def _parts(path: str) -> int:
    return len(path.split("/"))


def _rename(proto: Any, new: Dict[str, str]) -> None:
    for network in proto.network:
        for variable in network.variable:
            variable.name = new.get(variable.name, variable.name)
        for function in network.function:
            for names in (function.input, function.output):
                renamed: List[str] = [new.get(name, name) for name in names]
                names[:] = renamed
    for message in (*proto.optimizer, *proto.monitor, *proto.executor):
        for field in _REFERENCES:
            for reference in getattr(message, field, ()):
                reference.variable_name = new.get(reference.variable_name, reference.variable_name)
