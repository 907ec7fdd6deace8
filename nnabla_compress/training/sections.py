# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Training a network in sections, each apart, to give what its teacher's section gives.

Each section gets the teacher's maps in, and learns to give the teacher's maps; the last one gives
the output of the network, and learns as a network that is distilled. Sections share nothing, so
they can be trained in any order and at the same time (A. T. Elthakeb et al., Divide and Conquer:
leveraging intermediate feature representations for quantized training of neural networks,
arXiv:1906.06033).
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import nnabla.parameter
import numpy as np

from nnabla_compress.analysis.sections import Section, maps_of
from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import unwrapped
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, leaves_of, rebuild
from nnabla_compress.training.evaluate import Build, outputs_of
from nnabla_compress.training.frozen import FrozenNetwork, frozen
from nnabla_compress.training.losses import Loss
from nnabla_compress.training.section_losses import OwnLoss, section_loss, without_rounding
from nnabla_compress.training.terms.term import Term, Training
from nnabla_compress.turns import one_at_a_time

OUTPUT = "output"
"""What the output of the network is called among maps: no map has such a name."""
MAP = "map:"
"""What stands before the name of a teacher's map among the inputs of cached samples."""


@dataclass(frozen=True)
class Goal:
    """What sections learn.

    Args:
        loss: What inner sections are trained on, one of
            :data:`~nnabla_compress.training.section_losses.SECTION_LOSSES`.
        variances: Of all entries of each map of the teacher that passes a cut, by name.
        judge: What the whole network learns.
        temperature: What logits are divided by where the last section learns from the teacher's.
        weight: Part of that in the loss of the last section, 0 to 1; the labels have the rest.
        batch_statistics: Whether batch normalizations use the statistics of each batch.
    """

    loss: str
    variances: Mapping[str, float]
    judge: Loss
    temperature: float = 4.0
    weight: float = 0.9
    batch_statistics: bool = True


class SectionNetwork:
    """A section as a network that can be trained: its parameters are copies, in a scope of its own.

    Args:
        section: Which part.
        student: The whole network, ``student(x, test)``; its parameters are those of the current
            scope.
        teacher: The network that teaches.
        goal: What it learns.
        inputs: Inputs of the network by name, of any number of samples that it takes.
        reads_from: The network whose maps the section gets in; by default the teacher.
    """

    def __init__(
        self,
        section: Section,
        student: Build,
        teacher: Build,
        goal: Goal,
        inputs: Mapping[str, nn.Variable],
        reads_from: Optional[Build] = None,
    ) -> None:
        self.section, self._student, self.goal = section, student, goal
        self._teacher, self._reads_from = teacher, reads_from
        self._of_run = nn.parameter.get_current_parameter_scope()
        self.scope: Dict[str, Any] = OrderedDict()
        self._shapes = {name: tuple(v.shape[1:]) for name, v in inputs.items()}
        self._own: Dict[Any, nn.Variable] = {}
        self._known: Dict[Any, Dict[str, nn.Variable]] = {}
        for test in (True, False):
            self._cut({name: nn.Variable(v.shape) for name, v in inputs.items()}, {}, test)

    @property
    def judge(self) -> Loss:
        """What the section's network is trained and scored by."""
        return self.goal.judge if self._learns_labels else OwnLoss()

    @property
    def terms(self) -> List[Term]:
        """What its training minds beside that."""
        return [_OfLastSection(self)] if self._learns_labels and self.goal.weight > 0 else []

    @property
    def _learns_labels(self) -> bool:
        return self.section.is_last and self.goal.weight < 1

    @contextmanager
    def within(self) -> Iterator[None]:
        """Makes its scope the current one."""
        with nn.parameter_scope("", self.scope):
            yield

    def build(self, x: Any, test: bool) -> nn.Variable:
        """Returns what its training learns from: the output of the network, or its own loss.

        Args:
            x: Inputs of the network, or maps of the teacher by their names behind ``MAP``.
            test: Whether to infer, or to train.

        Returns:
            The logits of the last section where labels teach it; else the loss of each sample.
        """
        given = {"x": x} if isinstance(x, nn.Variable) else dict(x)
        known = self._maps_for(x, given)
        infers = test or not self.goal.batch_statistics
        made = self.given(known, given, infers)
        if self._learns_labels:
            return made[0]
        if self.section.is_last:
            judge, temperature = self.goal.judge, self.goal.temperature
            loss = without_rounding(
                lambda wanted: judge.distillation(made[0], wanted, temperature),
                made[0],
                known[OUTPUT],
            )
            return F.broadcast(F.reshape(loss, (1, 1)), (made[0].shape[0], 1))
        losses = [
            section_loss(self.goal.loss, y, known[name], self.goal.variances[name])
            for name, y in zip(self.section.gives, made)
        ]
        return sum(losses[1:], losses[0]) / float(len(losses))

    def given(
        self, known: Mapping[str, nn.Variable], inputs: Mapping[str, nn.Variable], test: bool
    ) -> List[nn.Variable]:
        """Returns what the section makes of maps.

        Args:
            known: Maps by name, those that it reads among them.
            inputs: Inputs of the network by name, likewise.
            test: Whether to infer, or to train.
        """
        reads = {name: known[name] for name in self.section.reads}
        reads.update((name, inputs[name]) for name in self.section.inputs)
        rows = next(iter(reads.values())).shape[0]
        new = {name: nn.Variable((rows, *shape)) for name, shape in self._shapes.items()}
        return self._cut(new, reads, test)

    def taught(self, x: Any) -> nn.Variable:
        """Returns the teacher's output on the same samples.

        Args:
            x: What :meth:`build` got.
        """
        given = {"x": x} if isinstance(x, nn.Variable) else dict(x)
        return self._maps_for(x, given)[OUTPUT]

    def _cut(
        self, inputs: Dict[str, nn.Variable], reads: Mapping[str, nn.Variable], test: bool
    ) -> List[nn.Variable]:
        """The section of a whole network on other maps, with its own copies of parameters."""
        with nn.parameter_scope("", self._of_run), nn.auto_forward(False):
            x = next(iter(inputs.values())) if len(inputs) == 1 else inputs
            whole = Network(inputs, outputs_of(self._student(x, test)))
            maps = maps_of(whole)  # named by the parameters of the run
            paths = {p.data: path for path, p in nn.get_parameters(grad_only=False).items()}
        starts, ends = self.section.starts(whole, maps), self.section.ends(whole, maps)
        swapped = {starts[name]: variable for name, variable in reads.items()}
        stop = list(starts.values())
        for leaf in leaves_of(functions(ends, stop=stop), ends):
            path = paths.get(leaf.data)
            if path is None or leaf in stop:
                continue
            if leaf.data not in self._own:
                copy = constant(np.array(leaf.d), path, leaf.need_grad)
                self._own[leaf.data] = copy
                with self.within():
                    nn.parameter.set_parameter(path, copy)
            swapped[leaf] = self._own[leaf.data]
        return rebuild(ends, inputs=swapped)

    def _maps_for(self, x: Any, given: Mapping[str, nn.Variable]) -> Dict[str, nn.Variable]:
        """The teacher's maps on a batch: those that are given, else computed of its inputs."""
        key = tuple(given.values())
        if key not in self._known:
            cached = {n[len(MAP) :]: v for n, v in given.items() if n.startswith(MAP)}
            self._known[key] = cached or self._computed(x)
        return self._known[key]

    def _computed(self, x: Any) -> Dict[str, nn.Variable]:
        with nn.parameter_scope("", self._of_run), nn.auto_forward(False):
            taught = frozen(self._teacher, x)
            known = _maps(taught)
            if self._reads_from is not None:
                before = frozen(self._reads_from, x).maps
                known.update((name, before[name]) for name in self.section.reads)
                known.update((name, taught.maps[name]) for name in self.section.gives)
        return known


def _maps(network: FrozenNetwork) -> Dict[str, nn.Variable]:
    return {**network.maps, OUTPUT: network.output}


class _OfLastSection(Term):
    """Has the last section learn from the teacher's output, beside the labels."""

    def __init__(self, network: SectionNetwork) -> None:
        self._network = network

    def attach(self, training: Training) -> None:
        """Takes the teacher's output on the batches of the training."""
        taught = self._network.taught(training.feed.inputs)
        goal = self._network.goal
        self._loss = goal.judge.distillation(training.output, taught, goal.temperature)

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Returns ``(1 - weight) objective + weight distillation``."""
        weight = self._network.goal.weight
        return (1 - weight) * objective + weight * self._loss


class PreparedRows:
    """Samples of a split as a network takes them, each when it is asked for.

    Args:
        values: Samples as they are stored, (N, ...).
        preprocessing: From stored samples to network inputs.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, values: np.ndarray, preprocessing: Preprocessing) -> None:
        self._values, self._preprocessing = values, preprocessing

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape of all of them."""
        return tuple(self._values.shape)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self._preprocessing(self._values[rows])


@one_at_a_time
def teacher_maps(
    teacher: Build, arrays: Mapping[str, np.ndarray], names: Sequence[str], rows: int
) -> Dict[str, np.ndarray]:
    """Returns maps of a network by name, (N, ...).

    Args:
        teacher: The network.
        arrays: Network inputs by name, (N, ...).
        names: Names of maps; ``OUTPUT`` is that of the output.
        rows: Samples of a forward pass.
    """
    count = len(next(iter(arrays.values())))
    inputs = {name: nn.Variable((rows, *values.shape[1:])) for name, values in arrays.items()}
    with nn.auto_forward(False):
        known = _maps(frozen(teacher, next(iter(inputs.values())) if len(inputs) == 1 else inputs))
    ends = [known[name] for name in names]
    for variable in ends:
        variable.persistent = True
    found: Dict[str, List[np.ndarray]] = {name: [] for name in names}
    with unwrapped():
        for start in range(0, count, rows):
            chosen = np.minimum(np.arange(start, start + rows), count - 1)
            for name, variable in inputs.items():
                variable.d = arrays[name][chosen]
            nn.forward_all(ends, clear_buffer=True)
            for name, variable in zip(names, ends):
                found[name].append(np.array(variable.d[: min(rows, count - start)]))
    return {name: np.concatenate(values) for name, values in found.items()}
