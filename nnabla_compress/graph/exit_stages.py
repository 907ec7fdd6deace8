# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network with exits as stages: each computes what its exit needs beyond the ones before.

A stage hands the maps on that later ones read, so nothing is computed twice, and a program can stop
behind any of them.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Set, Tuple

import nnabla as nn

from nnabla_compress.graph.exits import exit_names, in_order
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import depending, functions, rebuild

INPUT = -1
"""In the place of a stage: what comes from there is an input of the network."""


class Stage(NamedTuple):
    """One stage.

    Args:
        network: What it computes; the first output is its exit, the others are maps.
        sources: Where each input comes from: the number of a stage, from 0, and of its output; or
            ``INPUT`` and the number of an input of the network.
    """

    network: Network
    sources: Tuple[Tuple[int, int], ...]


def stages_of(network: Network) -> List[Stage]:
    """Cuts a network into its stages, which share its parameters.

    Args:
        network: One with exits, in inference.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 8))
        >>> h = F.relu(PF.affine(x, 4, name="a"))
        >>> first, last = PF.affine(h, 2, name="b"), PF.affine(F.tanh(h), 2, name="c")
        >>> outputs = {"exit1": first, "exit2": last}
        >>> for stage in stages_of(Network({"x": x}, outputs)):
        ...     print(list(stage.network.inputs), list(stage.network.outputs), stage.sources)
        ['x'] ['exit1', 'map1'] ((-1, 0),)
        ['map1'] ['exit2'] ((0, 1),)
    """
    exits, inputs = in_order(network.outputs), network.all_inputs
    computed = depending(exits, inputs)
    stage_of, read = _assigned(exits, computed)
    given: Dict[nn.Variable, int] = {x: number for number, x in enumerate(inputs)}
    names: Dict[nn.Variable, str] = {x: name for name, x in network.inputs.items()}
    # Maps that a later stage reads than the one that computes them, in the order of execution.
    handed = [v for v in stage_of if any(at > stage_of[v] for at in read.get(v, ()))]
    names.update((v, f"map{number}") for number, v in enumerate(handed, 1))
    given_by = {v: [h for h in handed if stage_of[h] == stage_of[v]] for v in handed}
    found: List[Stage] = []
    for number, (name, output) in enumerate(zip(exit_names(len(exits)), exits)):
        taken = [x for x in given if number in read.get(x, ())]
        taken += [v for v in handed if stage_of[v] < number and number in read[v]]
        sources = tuple(
            (INPUT, given[v]) if v in given else (stage_of[v], 1 + given_by[v].index(v))
            for v in taken
        )
        new = {v: nn.Variable(v.shape) for v in taken}
        own = [v for v in handed if stage_of[v] == number]
        made = rebuild([output, *own], inputs=new)
        outputs = dict(zip([name, *(names[v] for v in own)], made))
        fed = {names[v]: new[v] for v in taken}
        cut = Network(fed, outputs, network.scope, network.paths, network.name)
        found.append(Stage(cut, sources))
    return found


def _assigned(
    exits: List[nn.Variable], computed: Set[nn.Variable]
) -> Tuple[Dict[nn.Variable, int], Dict[nn.Variable, Set[int]]]:
    """The stage that computes each variable, and the stages that read it."""
    stage_of: Dict[nn.Variable, int] = {}
    read: Dict[nn.Variable, Set[int]] = {}
    known: Set[Any] = set()
    for number, output in enumerate(exits):
        for function in functions([output]):
            if function in known or not any(v in computed for v in function.outputs):
                continue
            known.add(function)
            stage_of.update((v, number) for v in function.outputs)
            for variable in function.inputs:
                if variable in computed:
                    read.setdefault(variable, set()).add(number)
    return stage_of, read
