# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Running an NNB file as the C runtime does, bit for bit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.limits import MOST_SAMPLES, Limits, check_limit
from nnabla_compress.multiplications import products
from nnabla_compress.nnb import to_bytes
from nnabla_compress.nnb.inputs import stored_input
from nnabla_compress.nnb.network import DTYPES, NnbFile
from nnabla_compress.nnb.reader import read_nnb
from nnabla_compress.nnb.single_assignment import single_assignment
from nnabla_compress.progress import tracked
from nnabla_compress.simulator.context import Callbacks, Context
from nnabla_compress.simulator.liveness import liveness
from nnabla_compress.simulator.packed_embed import rows_chosen
from nnabla_compress.simulator.tensor import COEFFICIENTS
from nnabla_compress.simulator.traps import traps

BATCH_BYTES = 1 << 25
MOST_LANES = 32
_BYTES_OF_A_VALUE = 4


class Port(NamedTuple):
    """An input or output of a network.

    Args:
        number: Of the variable.
        shape: Of one sample's array, batch included.
        type: ``FLOAT32``, ``FIXED16`` or ``FIXED8``.
        fp_pos: Fraction bits.
        rows: How many rows of a table the whole numbers that it takes choose from; 0: any numbers.
    """

    number: int
    shape: Tuple[int, ...]
    type: str
    fp_pos: int
    rows: int = 0

    @property
    def dtype(self) -> np.dtype:
        """Type of its arrays."""
        return np.dtype(DTYPES[self.type]).newbyteorder("=")

    def stored(self, real: np.ndarray) -> np.ndarray:
        """Returns a sample as a program has to store it: rounded to the nearest, and limited."""
        return stored_input(real, self.type, self.fp_pos)

    def real(self, stored: np.ndarray) -> np.ndarray:
        """Returns stored numbers as float32 values."""
        if self.type == "FLOAT32":
            return stored
        return stored.astype(np.float32) * COEFFICIENTS[self.fp_pos]


class Machine:
    """One context of the C runtime with a network in it.

    Calls share the context: what a function changes in its parameters, or in the format of a
    variable, lasts, as on the device.

    Args:
        nnb: Path or bytes of the file, or what :func:`~nnabla_compress.nnb.read_nnb` returned.
        callbacks: Functions of the user's own by (id of the function, ``implement``); each is
            called with a :class:`~nnabla_compress.simulator.call.Call`.

    Raises:
        DataError: If there is no such file, or it is damaged.

    Example:
        >>> from nnabla_compress.nnb import NnbFunction, NnbVariable
        >>> x = NnbVariable(0, (1, 3), "FIXED8", 4, buffer=0)
        >>> y = NnbVariable(1, (1, 3), "FIXED8", 3, buffer=1)
        >>> relu = NnbFunction("ReLU", 14, 0, (0,), (1,), {"inplace": False})
        >>> machine = Machine(NnbFile(3, 44, (3, 3), (x, y), (relu,), (0,), (1,)))
        >>> machine.forward([np.int8([[-5, 5, 127]])])[0].tolist()
        [[0, 2, 63]]
        >>> machine.run([np.float32([[-0.3, 0.3, 20.0]])])[0].tolist()
        [[0.0, 0.25, 7.875]]
    """

    def __init__(
        self, nnb: Union[str, Path, bytes, NnbFile], callbacks: Optional[Callbacks] = None
    ) -> None:
        content = to_bytes(nnb) if isinstance(nnb, NnbFile) else nnb
        self.network = single_assignment(read_nnb(content))
        size = len(content) if isinstance(content, bytes) else Path(content).stat().st_size
        where = "the file" if isinstance(content, bytes) else str(content)
        limits, asked = Limits.of(size), self.network.buffer_bytes
        values = limits.values
        check_limit(where, "asks for {:,} bytes of buffers", asked, _BYTES_OF_A_VALUE * values)
        # Shapes need not fit their buffers, and arrays are made of shapes.
        largest = max((math.prod(v.shape) for v in self.network.variables), default=0)
        check_limit(where, "has a variable of {:,} values", largest, values)
        multiplied = MOST_SAMPLES * limits.products
        check_limit(where, "needs {:,} multiplications", _products(self.network), multiplied)
        self._callbacks = dict(callbacks or {})
        rows = rows_chosen(self.network)
        self.inputs = [self._port(n)._replace(rows=rows.get(n, 0)) for n in self.network.inputs]
        self.outputs = [self._port(number) for number in self.network.outputs]
        self.warnings = [str(trap) for trap in traps(self.network, self._callbacks)]
        self._liveness = liveness(self.network)
        self._contexts: Dict[int, Context] = {}

    @property
    def repeatable(self) -> bool:
        """Whether every call does the same, and no function reads what another has overwritten."""
        return self._liveness.repeatable

    def forward(self, arrays: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Runs the network once.

        Args:
            arrays: One for each input, of its type and shape.

        Returns:
            One for each output, of its type and shape.

        Raises:
            ConfigError: If the arrays do not fit the inputs.
            UnsupportedFunctionError: If the runtime can't compute a function, or crashes.
            DataError: If the file contradicts itself.
        """
        self._check(arrays, [port.shape for port in self.inputs])
        results = self._context(1).run([array[..., None] for array in arrays])
        return [np.array(result[..., 0]) for result in results]

    def run(self, values: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Runs the network once on real values.

        Args:
            values: One array for each input, of its shape; stored as
                :func:`~nnabla_compress.nnb.stored_input` says.

        Returns:
            Real values of each output, float32.

        Raises:
            CompressError: As for :meth:`forward`.
        """
        self._expect(values, [port.shape for port in self.inputs])
        results = self.forward([port.stored(value) for port, value in zip(self.inputs, values)])
        return [port.real(result) for port, result in zip(self.outputs, results)]

    def forward_many(self, samples: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Runs the network on many samples, the same as :meth:`forward` on each.

        Args:
            samples: One array for each input, of its type, shape ``(samples, *shape)``.

        Returns:
            One array for each output, shape ``(samples, *shape)``.

        Raises:
            CompressError: As for :meth:`forward`.
        """
        count = len(samples[0]) if len(samples) else 0
        self._check(samples, [(count, *port.shape) for port in self.inputs])
        outputs = [np.empty((count, *port.shape), port.dtype) for port in self.outputs]
        lanes = self._lanes(count)
        starts = range(0, count, lanes)
        for start in tracked("running the simulator", starts, len(starts)):
            parts = [np.moveaxis(array[start : start + lanes], 0, -1) for array in samples]
            width = parts[0].shape[-1]
            if width < lanes:
                parts = [_widened(part, lanes) for part in parts]
            for output, result in zip(outputs, self._context(lanes).run(parts)):
                output[start : start + width] = np.moveaxis(result, -1, 0)[:width]
        return outputs

    def run_many(self, samples: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Runs the network on many samples of real values.

        Args:
            samples: One array for each input, shape ``(samples, *shape)`` as for
                :meth:`forward_many`, or ``(rows, *shape[1:])``: rows are put into batches of the
                size that the file has.

        Returns:
            Real values of each output, in the same arrangement.

        Raises:
            CompressError: As for :meth:`forward`.
        """
        arrays = [np.asarray(array) for array in samples]
        in_rows = [array.ndim == len(port.shape) for array, port in zip(arrays, self.inputs)]
        rows = len(arrays[0]) if arrays and all(in_rows) else 0
        if rows:
            arrays = [_in_batches(a, port) for a, port in zip(arrays, self.inputs)]
        count = len(arrays[0]) if arrays else 0
        self._expect(arrays, [(count, *port.shape) for port in self.inputs])
        stored = [port.stored(array) for port, array in zip(self.inputs, arrays)]
        results = [port.real(a) for port, a in zip(self.outputs, self.forward_many(stored))]
        return [
            result.reshape(-1, *result.shape[2:])[:rows] if rows else result for result in results
        ]

    def _lanes(self, count: int) -> int:
        """Samples that run side by side: one where calls depend on what was before."""
        if not self._liveness.repeatable:
            return 1
        fitting = BATCH_BYTES // max(self.network.buffer_bytes, 1)
        most = max(1, min(MOST_LANES, fitting, count))
        rounds = max(1, -(-count // most))
        return max(
            1, -(-count // rounds)
        )  # as few as do in so many rounds: lanes left over compute

    def _context(self, lanes: int) -> Context:
        if lanes not in self._contexts:
            if lanes > 1:
                self._contexts = {n: c for n, c in self._contexts.items() if n == 1}
            self._contexts[lanes] = Context(self.network, lanes, self._liveness, self._callbacks)
        return self._contexts[lanes]

    def _port(self, number: int) -> Port:
        variable = self.network.variables[number]
        if variable.type == "SIGN":
            raise DataError(
                f"variable {number} is an input or output of type SIGN.",
                help="SIGN is for parameters",
            )
        return Port(number, variable.shape, variable.type, variable.fp_pos)

    def _check(self, arrays: Sequence[np.ndarray], shapes: Sequence[Tuple[int, ...]]) -> None:
        self._expect(arrays, shapes)
        for index, (array, port) in enumerate(zip(arrays, self.inputs)):
            if array.dtype != port.dtype:
                raise ConfigError(
                    f"input {index} takes {port.dtype} ({port.type}), got {array.dtype}.",
                    help="pass stored numbers, or use run() and run_many() for real values",
                )

    def _expect(self, arrays: Sequence[np.ndarray], shapes: Sequence[Tuple[int, ...]]) -> None:
        if len(arrays) != len(shapes):
            raise ConfigError(
                f"the network has {len(shapes)} inputs, got {len(arrays)} arrays.",
                help="pass one array for each input, in the order of the file",
            )
        for index, (array, shape) in enumerate(zip(arrays, shapes)):
            if np.shape(array) != tuple(shape):
                raise ConfigError(
                    f"input {index} takes shape {tuple(shape)}, got {np.shape(array)}.",
                    help="the batch size is fixed in the file; forward_many runs many samples",
                )


def _widened(array: np.ndarray, lanes: int) -> np.ndarray:
    """Fills up lanes with zeros."""
    wide = np.zeros((*array.shape[:-1], lanes), array.dtype)
    wide[..., : array.shape[-1]] = array
    return wide


def _in_batches(rows: np.ndarray, port: Port) -> np.ndarray:
    """Puts rows into batches, the last filled up with zeros."""
    size = port.shape[0] if port.shape else 1
    count = -(-len(rows) // size)
    batches = np.zeros((count * size, *rows.shape[1:]), rows.dtype)
    batches[: len(rows)] = rows
    return batches.reshape(count, size, *rows.shape[1:])


def _products(network: NnbFile) -> int:
    """About how many multiplications all functions take."""
    shapes = [variable.shape for variable in network.variables]
    return sum(
        products(
            function.type_name,
            function.arguments,
            [shapes[number] for number in function.inputs],
            [shapes[number] for number in function.outputs],
        )
        for function in network.functions
    )
