# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far a network in sections is from its teacher, section by section.

With T_i what the teacher gives behind section i, S_i the student's section, and A_i what the whole
student gives there, all norms over the same samples::

    alone        |S_i(T_{i-1}) - T_i| / |T_i|          the section on the teacher's maps
    accumulated  |A_i - T_i| / |T_i|                   with all sections before it
    gain         |A_i - S_i(T_{i-1})| / |A_{i-1} - T_{i-1}|
    costs        the error of the network's output if this section alone is the student's
    bound        gain_i bound_{i-1} + alone_i, in the norms themselves: no more can be accumulated

The gain is what the section makes of the errors before it: below 1 it swallows some, above 1 it
makes more of them. It is measured on these errors, no Lipschitz constant for all there may be.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.sections import Section
from nnabla_compress.errors import unwrapped
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.progress import tracked
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.frozen import FrozenNetwork, frozen
from nnabla_compress.turns import one_at_a_time

Row = Dict[str, Any]
_MOST_ROWS = 64


@one_at_a_time
def section_errors(
    sections: Sequence[Section],
    student: Build,
    teacher: Build,
    samples: Mapping[str, np.ndarray],
    rows: int = _MOST_ROWS,
) -> List[Row]:
    """Returns the errors of each section, in order.

    Args:
        sections: The parts of the student.
        student: The network in sections, ``student(x, test)``; nothing of it changes.
        teacher: Its teacher.
        samples: Network inputs by name, (N, ...); those that fill no batch are left out.
        rows: Samples of a batch.
    """
    count = len(next(iter(samples.values())))
    rows = min(rows, count)
    inputs = {name: nn.Variable((rows, *values.shape[1:])) for name, values in samples.items()}
    x: Any = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    with nn.auto_forward(False):
        taught, learned = frozen(teacher, x), frozen(student, x)
        pairs = _pairs(sections, taught, learned, inputs)
    ends = list(dict.fromkeys(v for pair in pairs.values() for two in pair for v in two))
    for variable in ends:
        variable.persistent = True
    sums: Dict[str, np.ndarray] = {}
    starts = range(0, count // rows * rows, rows)
    with unwrapped():
        for start in tracked("errors of the sections", starts, len(starts)):
            for name, variable in inputs.items():
                variable.d = samples[name][start : start + rows]
            nn.forward_all(ends, clear_buffer=True)
            for key, pair in pairs.items():
                now = np.array([_squares(pair), _squares([(t, None) for _, t in pair])])
                sums[key] = sums.get(key, 0) + now
    return _rows(sections, sums)


def mean_variances(
    sections: Sequence[Section],
    teacher: Build,
    samples: Mapping[str, np.ndarray],
    rows: int = _MOST_ROWS,
) -> Dict[str, float]:
    """Returns the variance of all entries of each map that passes a cut, by name.

    A map of one value has the variance 1 here: what it is divided by must not be 0.

    Args:
        sections: The parts of the network.
        teacher: As of :func:`section_errors`, like the others.
        samples: Likewise.
        rows: Likewise.
    """
    count = len(next(iter(samples.values())))
    rows = min(rows, count)
    inputs = {name: nn.Variable((rows, *values.shape[1:])) for name, values in samples.items()}
    x: Any = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    names = list(dict.fromkeys(name for section in sections for name in section.gives))
    with nn.auto_forward(False):
        maps = frozen(teacher, x).maps
    ends = [maps[name] for name in names]
    for variable in ends:
        variable.persistent = True
    sums = np.zeros((len(names), 3))
    with unwrapped():
        for start in range(0, count // rows * rows, rows):
            for name, variable in inputs.items():
                variable.d = samples[name][start : start + rows]
            nn.forward_all(ends, clear_buffer=True)
            for number, variable in enumerate(ends):
                values = variable.d.astype(np.float64)
                sums[number] += values.size, values.sum(), np.square(values).sum()
    means = sums[:, 1:] / sums[:, :1] if len(names) else sums[:, 1:]
    variances = means[:, 1] - np.square(means[:, 0])
    least = np.finfo(np.float32).tiny
    return {name: float(v) if v > least else 1.0 for name, v in zip(names, variances)}


def _pairs(
    sections: Sequence[Section],
    taught: FrozenNetwork,
    learned: FrozenNetwork,
    inputs: Mapping[str, nn.Variable],
) -> Dict[str, List[Any]]:
    """What is compared: lists of (student's, teacher's) variables, by what and which section."""
    found: Dict[str, List[Any]] = {}
    for section in sections:
        number = section.number
        reads = {learned.maps[name]: taught.maps[name] for name in section.reads}
        own, wanted = _ends(section, learned), _ends(section, taught)
        alone = rebuild(own, inputs=reads) if reads else own
        only = alone
        if not section.is_last:
            only = rebuild([taught.output], inputs=dict(zip(wanted, alone)))
        found[f"alone {number}"] = list(zip(alone, wanted))
        found[f"accumulated {number}"] = list(zip(own, wanted))
        found[f"grown {number}"] = list(zip(own, alone))
        found[f"before {number}"] = [(s, t) for s, t in reads.items()]
        found[f"costs {number}"] = list(zip(only, [taught.output]))
    return found


def _ends(section: Section, network: FrozenNetwork) -> List[nn.Variable]:
    return [network.output] if section.is_last else [network.maps[n] for n in section.gives]


def _squares(pairs: Sequence[Any]) -> float:
    """The sum of all squared differences; None is nothing to be subtracted."""
    total = 0.0
    for first, second in pairs:
        apart = first.d.astype(np.float64)
        if second is not None:
            apart -= second.d
        total += float(np.square(apart).sum())
    return total


def _rows(sections: Sequence[Section], sums: Mapping[str, np.ndarray]) -> List[Row]:
    rows: List[Row] = []
    bounds: Dict[int, float] = {}
    for section in sections:
        number = section.number
        alone, size = np.sqrt(sums[f"alone {number}"])
        grown, _ = np.sqrt(sums[f"grown {number}"])
        before = float(np.sqrt(sums[f"before {number}"][0])) if section.reads else 0.0
        gain = grown / before if before > 0 else None
        come = sum(bounds[source] for source in set(section.sources))
        bounds[number] = alone + (gain or 0.0) * come
        row: Row = {
            "alone": _share(alone, size),
            "accumulated": _share(*np.sqrt(sums[f"accumulated {number}"])),
            "costs": _share(*np.sqrt(sums[f"costs {number}"])),
            "bound": _share(bounds[number], size),
        }
        if gain is not None:
            row["gain"] = float(gain)
        rows.append(row)
    return rows


def _share(error: float, size: float) -> float:
    return float(error / size) if size > 0 else float(error > 0)
