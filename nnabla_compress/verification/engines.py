# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What computes a network: NNabla on a graph or an .nnp, the simulator, the C runtime itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import ClassVar, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.exactness import Exactness
from nnabla_compress.errors import ConfigError, DataError, VerifyError
from nnabla_compress.files import temporary_folder
from nnabla_compress.graph.choosing import ChoosingInputs
from nnabla_compress.graph.compare import run
from nnabla_compress.graph.ends import BEHIND, End, end_of
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.nnabla_errors import told_as
from nnabla_compress.models import NnpFile
from nnabla_compress.progress import tracked
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.inner import before_last, with_outputs
from nnabla_compress.simulator.packed import PACKED_CALLBACKS, needs_callbacks

FLOAT = "float network"
VARIABLE = "NNABLART"
PACKED_VARIABLE = "NNABLART_PACKED"
_SECONDS = 600
_ROUNDING = (
    *("Round", "Sign", "BinarySigmoid", "BinaryTanh"),
    *("FixedPointQuantize", "Pow2Quantize", "MinMaxQuantize", "QuantizeLinear"),
)


class Engine:
    """Something that computes a network's outputs.

    Args:
        name: What it is, for reports.
    """

    name: ClassVar[str]

    @property
    def before(self) -> Dict[int, str]:
        """Types of the last activations that it tells the input of, by number of the output."""
        return {}

    def run(self, rows: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Returns the outputs, float32, (rows, ...), then what the last activations get.

        Args:
            rows: For each input float32 (rows, ...).
        """
        raise NotImplementedError


class GraphEngine(Engine):
    """NNabla on a graph.

    Args:
        inputs: Its inputs by name, of one batch size.
        outputs: Its outputs by name.
    """

    name = "graph"

    def __init__(self, inputs: Dict[str, nn.Variable], outputs: Dict[str, nn.Variable]) -> None:
        self.inputs, self.outputs = inputs, outputs
        found = {number: end_of(output) for number, output in enumerate(outputs.values())}
        self.ends: Dict[int, End] = {n: end for n, end in found.items() if end is not None}

    @property
    def before(self) -> Dict[int, str]:
        """Types of the last activations, by number of the output."""
        return {number: end.type for number, end in self.ends.items()}

    def run(self, rows: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Runs the graph batch by batch, the last one filled up with zeros."""
        variables = list(self.inputs.values())
        wanted = [*self.outputs.values(), *(end.before for end in self.ends.values())]
        size, count = variables[0].shape[0], len(rows[0])
        found: List[List[np.ndarray]] = []
        starts = range(0, count, size)
        choosing = ChoosingInputs(self.inputs, wanted)
        for start in tracked(f"running the {self.name}", starts, len(starts)):
            batch = [_filled(array[start : start + size], size) for array in rows]
            choosing.check(batch)
            with told_as(
                VerifyError,
                f"NNabla can't run the {self.name}",
                "look at the network with 'nnabla-compress inspect'",
            ):
                found.append(run(variables, wanted, batch))
        return [
            np.concatenate(parts)[:count].astype(np.float32, copy=False) for parts in zip(*found)
        ]


class FloatGraphEngine(GraphEngine):
    """NNabla on the network as it was before it was compressed."""

    name = FLOAT


class NnpEngine(GraphEngine):
    """NNabla on an ``.nnp``, run as its first executor says.

    Args:
        file: The file, or its path.
        batch_size: Rows of a batch; by default as in the file.

    Raises:
        DataError: If the file is missing or damaged.
    """

    name = ".nnp in NNabla"

    def __init__(self, file: Union[NnpFile, Path], batch_size: Optional[int] = None) -> None:
        file = file if isinstance(file, NnpFile) else NnpFile(file)
        executor = file.executors[0] if file.executors else None
        with nn.parameter_scope("", {}):
            name = file.choose(executor.network if executor else None)
            network = file.build(name, batch_size=batch_size)
        self._stored = tuple(file.stored_functions(name))
        inputs, outputs = network.inputs, network.outputs
        if executor is not None:
            missing = {*executor.inputs} - {*inputs} | {*executor.outputs} - {*outputs}
            if missing:
                raise DataError(
                    f"executor {executor.name!r} of {file.path} names "
                    f"{', '.join(sorted(missing))}, "
                    "which the network does not take or give.",
                    help="export the file again",
                )
            inputs = {name: inputs[name] for name in executor.inputs}
            outputs = {name: outputs[name] for name in executor.outputs}
        super().__init__(inputs, outputs)

    @property
    def exact(self) -> bool:
        """Whether every function of it must give the same values on the C runtime."""
        return not Exactness(list(self.inputs.values())).inexact(list(self.outputs.values()))

    @property
    def rounds(self) -> bool:
        """Whether numbers that depend on the input are rounded to few values."""
        exactness = Exactness(list(self.inputs.values()))
        return any(
            function.info.type_name in _ROUNDING and not exactness.is_constant(function.outputs[0])
            for function in functions(list(self.outputs.values()))
        )

    def holds(self, prefixes: Tuple[str, ...]) -> bool:
        """Returns whether the file has a function whose type starts with one of some words."""
        return any(type_name.startswith(prefixes) for type_name in self._stored)


class ReferenceEngine(NnpEngine):
    """The same network of plain layers, which some exports write beside their file."""

    name = "reference in NNabla"


class FloatEngine(NnpEngine):
    """NNabla on the ``.nnp`` of the network as it was before it was compressed."""

    name = FLOAT


class SimulatorEngine(Engine):
    """The simulated C runtime on an ``.nnb``.

    Args:
        machine: The simulator with the file.
        ends: Types of last activations whose inputs are wanted, by number of the output.
    """

    name = ".nnb in the simulator"

    def __init__(self, machine: Machine, ends: Optional[Mapping[int, str]] = None) -> None:
        self.machine = machine
        network = machine.network
        self._before: Dict[int, str] = {}
        inner: Dict[int, int] = {}
        # Memory that is used wrongly must stay as it is.
        for number, last in (ends or {}).items() if self.machine.repeatable else ():
            found = before_last(network, network.outputs[number], last, BEHIND)
            if found is not None and found not in (*network.outputs, *inner.values()):
                self._before[number], inner[number] = last, found
        self._seeing = self.machine
        if inner:
            more = with_outputs(network, list(inner.values()))
            self._seeing = Machine(more, callbacks=PACKED_CALLBACKS)

    @property
    def before(self) -> Dict[int, str]:
        """Types of the last activations whose input it sees, by number of the output."""
        return self._before

    def run(self, rows: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Runs all rows."""
        return self._seeing.run_many(rows)


class RuntimeEngine(Engine):
    """The C runtime itself: the program ``nnablart`` on an ``.nnb``.

    A file with packed weights is run by the example program of the C kernels, in the mode whose
    sums have the order of the stock kernels.

    Args:
        program: The program.
        path: The file.
        machine: The simulated runtime with this file, which knows its inputs and outputs.

    Raises:
        ConfigError: If there is no such program.
    """

    name = ".nnb in nnablart"

    def __init__(self, program: str, path: Path, machine: Machine) -> None:
        packed = needs_callbacks(machine.network)
        self.mode = "exact" if packed else "infer"
        if not os.access(program, os.X_OK) or Path(program).is_dir():
            variable, wanted = (
                (PACKED_VARIABLE, "the compiled packed_main.c")
                if packed
                else (VARIABLE, "nnablart")
            )
            raise ConfigError(
                f"{variable} is {program!r}, which is no program that can be run.",
                help=f"set {variable} to the path of {wanted}, or unset it",
            )
        self.program, self.path, self.machine = os.path.abspath(program), path.absolute(), machine

    def run(self, rows: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Runs the program once a batch."""
        size, count = self.machine.inputs[0].shape[0], len(rows[0])
        found: List[List[np.ndarray]] = []
        with temporary_folder() as folder:
            batches = list(in_batches(rows, size))
            for batch in tracked(f"running the {self.name}", batches, len(batches)):
                found.append(self._once(folder, batch))
        return [np.concatenate(parts)[:count] for parts in zip(*found)]

    def _once(self, folder: Path, batch: Sequence[np.ndarray]) -> List[np.ndarray]:
        names = []
        for number, (port, array) in enumerate(zip(self.machine.inputs, batch)):
            names.append(f"in_{number}.bin")
            port.stored(array).tofile(folder / names[-1])
        for old in folder.glob("out_*.bin"):
            old.unlink()
        command = [self.program, self.mode, str(self.path), *names, "out"]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VerifyError(f"{self.program} can't be run: {error}.") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
            raise VerifyError(
                f"{self.program} failed on {self.path} with status {done.returncode}: {said[0]}",
                help="look at the warnings of 'nnabla-compress verify' without NNABLART",
            )
        return [self._output(folder, number) for number in range(len(self.machine.outputs))]

    def _output(self, folder: Path, number: int) -> np.ndarray:
        port, path = self.machine.outputs[number], folder / f"out_{number}.bin"
        stored = np.fromfile(path, port.dtype) if path.is_file() else np.zeros(0, port.dtype)
        if stored.size != int(np.prod(port.shape)):
            raise VerifyError(
                f"{self.program} wrote {stored.size} numbers of output {number}, the network has "
                f"{int(np.prod(port.shape))}.",
                help="use the nnablart of nnabla-c-runtime",
            )
        return port.real(stored.reshape(port.shape))


def in_batches(rows: Sequence[np.ndarray], size: int) -> Iterator[List[np.ndarray]]:
    """Gives rows in batches of one size, the last one filled up with zeros.

    Args:
        rows: For each input (rows, ...).
        size: Rows of a batch.

    Example:
        >>> [batch[0].tolist() for batch in in_batches([np.arange(3)], 2)]
        [[0, 1], [2, 0]]
    """
    for start in range(0, len(rows[0]), size):
        yield [_filled(array[start : start + size], size) for array in rows]


def _filled(rows: np.ndarray, size: int) -> np.ndarray:
    """Returns rows with as many rows of zeros behind them as a batch wants."""
    if len(rows) == size:
        return rows
    return np.concatenate([rows, np.zeros((size - len(rows), *rows.shape[1:]), rows.dtype)])
