# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Building a graph again with its quantized weights stored as codes and decoded in the graph."""

from __future__ import annotations

from collections import Counter
from copy import copy
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple, TypeVar

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import BIAS, WEIGHT
from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.graph.rewrite import consumers, functions, rebuild
from nnabla_compress.lowering.affine import affine_as_convolution, affine_on_codes
from nnabla_compress.lowering.coded_weights import CodedWeights
from nnabla_compress.lowering.storage import (
    FLOAT,
    SMALLEST,
    StorageChoices,
    Stored,
    check_storage,
    choices,
    choose,
)
from nnabla_compress.lowering.storage.int8 import Int8
from nnabla_compress.nnb.sources import Source
from nnabla_compress.transforms.fold import fold_into_layer

# Bytes of memory that decoding a weight may take, by its array; None for any number.
Room = Mapping[Any, Optional[int]]
_Done = TypeVar("_Done")
_NAMED = 3  # weights that a note names before it says how many more there are
_ALONG_INPUTS = (
    "stored as floats, because its scales vary along the inputs of a fully connected layer; a rule "
    "with axis=1 has one for each output"
)


@dataclass(frozen=True)
class StoredWeights:
    """A graph whose encoded weights are stored as codes.

    Args:
        outputs: Its outputs.
        types: How the C runtime holds variables that are no floats.
        schemes: Name of the scheme of each weight, by the array of its float parameter.
        deferred: Values of the codes.
    """

    outputs: List[nn.Variable]
    types: Dict[nn.Variable, str]
    schemes: Dict[Any, str]
    deferred: Deferred


def store_weights(
    outputs: Sequence[nn.Variable],
    encodings: Mapping[Any, Encoding],
    storage: str,
    names: Mapping[Any, str],
    room: Optional[Room] = None,
) -> StoredWeights:
    """Builds a graph again with its encoded parameters stored as a scheme says.

    Args:
        outputs: Variables of a graph without quantizers; its parameters carry their paths as names.
        encodings: How parameters are encoded, by their array.
        storage: See :class:`WeightStore`.
        names: Paths of parameters by their array.
        room: See :class:`WeightStore`.
    """
    store = WeightStore(encodings, storage, room)
    if not encodings:
        return StoredWeights(list(outputs), {}, {}, Deferred())
    made = store.turn_affines(outputs)
    made = store.decode(made if storage == FLOAT else store.fold_into_floats(made, names))
    return StoredWeights(made, store.types, store.schemes, store.deferred)


class WeightStore:
    """Stores the encoded parameters of one graph.

    Weights that a named scheme can't hold are stored by the smallest one that can.

    Args:
        encodings: How parameters are encoded, by their array.
        storage: Name of a scheme, ``"smallest"`` or ``"float"``.
        room: Bytes of memory that decoding a weight may take, by its array; any number for others.
        later: What makes the values of encoded parameters that have none in memory, likewise.

    Raises:
        ConfigError: If there is no such scheme.

    Example:
        >>> import numpy as np, nnabla.functions as F
        >>> from nnabla_compress.graph.constants import constant
        >>> from nnabla_compress.graph.rewrite import functions
        >>> encoding = Encoding(np.ones((8, 8, 3, 3), np.int8), 2, scale=np.float32(0.5))
        >>> w = constant(encoding.decode(), "c/W")
        >>> y = F.convolution(nn.Variable((1, 8, 4, 4)), w)
        >>> store = WeightStore({w.data: encoding}, "int8")
        >>> [f.info.type_name for f in functions(store.decode([y]))]
        ['MulScalar', 'Convolution']
    """

    def __init__(
        self,
        encodings: Mapping[Any, Encoding],
        storage: str,
        room: Optional[Room] = None,
        later: Optional[Mapping[Any, Source]] = None,
    ) -> None:
        check_storage(storage)
        self._later = later or {}
        self._weights = CodedWeights(encodings)
        self._storage = storage
        self._room = room or {}
        self._choices: Dict[Any, StorageChoices] = {}
        self._uses: Mapping[Any, int] = {}
        self._begin()

    def again(self, storage: str, room: Optional[Room] = None) -> WeightStore:
        """Returns a store of the same weights that chooses anew, from what is built already.

        Args:
            storage: As of the class.
            room: Likewise.
        """
        other = copy(self)
        other._storage, other._room = storage, room or {}
        other._begin()
        return other

    def _begin(self) -> None:
        self._stored: Dict[Any, Optional[Stored]] = {}
        self._reasons: Dict[str, Dict[str, None]] = {}  # paths of weights, each once, by reason
        self._as_asked = self._on_codes_count = 0

    def turn_affines(self, outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
        """Builds a graph again with Affines of encoded weights in a form that can read them.

        Those of INT8 codes read the codes and scale their sums; others become convolutions of a
        decoded weight; those whose weights floats hold in fewer bytes stay.

        Args:
            outputs: Variables of a graph without quantizers; its parameters carry their paths as
                names.
        """
        if not self._weights:
            return list(outputs)
        read = (v.data for function in functions(outputs) for v in function.inputs)
        self._uses = uses = Counter(read)

        def turn(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
            if function.info.type_name != "Affine":
                return None
            weight = arguments[WEIGHT]
            if weight.data not in self._weights or self._keeps_floats(weight):
                return None
            kernel = self._weights.kernel(weight, function)
            if kernel is None:
                if self._storage != FLOAT:
                    self._reasons.setdefault(_ALONG_INPUTS, {})[weight.name] = None
                return None
            stored = self._store(kernel)
            if stored is None:
                return None
            bias = arguments[BIAS] if len(arguments) > BIAS else None
            if stored.scheme == Int8.name and uses[weight.data] == 1:
                y = self._on_codes(function, arguments[0], weight, kernel, bias)
                if y is not None:
                    self._stored[kernel.data] = None
                    return y
            return affine_as_convolution(function, arguments[0], kernel, bias)

        return rebuild(outputs, turn)

    def decode(self, outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
        """Builds a graph again with encoded parameters decoded from what a scheme stores.

        Args:
            outputs: Variables of a graph without quantizers; an Affine keeps its weight.

        Raises:
            ConfigError: If the scheme that was asked for can hold none of the weights.
        """

        def take(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
            taken = list(arguments)
            for position, argument in enumerate(arguments):
                if function.info.type_name == "Affine" and position == WEIGHT:
                    continue
                if argument.data in self._weights:
                    stored = self._store(argument)
                    taken[position] = argument if stored is None else stored.variable
            return clone(function, taken) if taken != arguments else None

        made = rebuild(outputs, take) if self._weights else list(outputs)
        asked = self._storage not in (SMALLEST, FLOAT) and not self._room
        if asked and self._reasons and not self._as_asked:
            reason, paths = next(iter(self._reasons.items()))
            path = next(iter(paths))
            raise ConfigError(
                f"storage is {self._storage!r}, but {path} can't be stored so: {reason}.",
                help="choose storage 'smallest', which takes what fits each weight",
            )
        return made

    def fold_into_floats(
        self, outputs: Sequence[nn.Variable], names: Mapping[Any, str]
    ) -> List[nn.Variable]:
        """Builds a graph again with the scales behind layers stored as floats in their weights.

        Such a scale was kept apart, as that of a batch normalization, so that the weight keeps its
        codes.

        Args:
            outputs: Variables of a graph that :meth:`turn_affines` returned.
            names: Paths of parameters by their array.
        """
        if not self._weights:
            return list(outputs)
        readers = consumers(outputs)
        uses = Counter(v.data for function in functions(outputs) for v in function.inputs)
        floats: Set[Any] = set()

        def fold(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
            if function.info.type_name not in ("Mul2", "Add2") or len(arguments) < 2:
                return None
            layer, numbers = arguments[0].parent, arguments[1]
            if layer is None or readers[function.inputs[0]] != [function]:
                return None
            if layer.info.type_name not in WEIGHTED or numbers.data not in names:
                return None
            weight = layer.inputs[WEIGHT]
            if weight.parent is not None or not self._is_float(weight, floats):
                return None
            values = np.array(numbers.d, np.float64)
            one, none = np.ones_like(values), np.zeros_like(values)
            pair = (values, none) if function.info.type_name == "Mul2" else (one, values)
            y = self._with_values(weight, lambda: fold_into_layer(layer, *pair, uses, names))
            if y is not None and y.parent.info.type_name in WEIGHTED:
                floats.add(y.parent.inputs[WEIGHT].data)
            return y

        return rebuild(outputs, fold)

    @property
    def types(self) -> Dict[nn.Variable, str]:
        """How the C runtime holds variables that are no floats."""
        return {v: text for one in self._all().values() for v, text in one.types.items()}

    @property
    def schemes(self) -> Dict[Any, str]:
        """Name of the scheme of each weight, by the array of its float parameter."""
        return {data: stored.scheme for data, stored in self._all().items()}

    @property
    def deferred(self) -> Deferred:
        """Values of the codes, and of what is decoded from them."""
        found = Deferred(dict(self._later))
        for stored in self._all().values():
            found.update(stored.deferred)
        return found

    @property
    def decoding_bytes(self) -> Dict[Any, int]:
        """Memory that decoding a weight takes, likewise."""
        return {data: stored.decoding_bytes for data, stored in self._all().items()}

    @property
    def exact(self) -> bool:
        """Whether every weight decodes value for value, and no Affine got another form.

        Another form may add in another order, or round elsewhere.
        """
        turned = any(self._stored.get(data) is not None for data in self._weights.kernels)
        return (
            not turned
            and not self._on_codes_count
            and all(stored.exact for stored in self._all().values())
        )

    @property
    def notes(self) -> List[str]:
        """Which weights are not stored as asked, and why, a sentence each."""
        lines = []
        for reason, paths in self._reasons.items():
            more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
            lines.append(f"{', '.join(list(paths)[:_NAMED])}{more}: {reason}")
        return lines

    def _all(self) -> Dict[Any, Stored]:
        return {
            self._weights.origin(data): stored
            for data, stored in self._stored.items()
            if stored is not None
        }

    def _is_float(self, weight: nn.Variable, floats: Set[Any]) -> bool:
        """Whether an encoded weight, or what became of it, is stored as floats."""
        if weight.data in floats:
            return True
        return weight.data in self._weights and self._store(weight) is None

    def _with_values(self, weight: nn.Variable, do: Callable[[], _Done]) -> _Done:
        """Does what looks at the values of a weight, which may have none in memory."""
        if weight.data not in self._later:
            return do()
        weight.d = self._later[weight.data].array()
        done = do()
        weight.data.clear()
        return done

    def _keeps_floats(self, weight: nn.Variable) -> bool:
        is_kept = self._weights.encoding(weight.data).kept is not None
        return is_kept and self._store(weight) is None

    def _on_codes(
        self,
        function: Any,
        x: nn.Variable,
        weight: nn.Variable,
        kernel: nn.Variable,
        bias: Optional[nn.Variable],
    ) -> Optional[nn.Variable]:
        """Returns an Affine that reads INT8 codes; None if they are not what its sums need."""
        tensor = self._weights.tensor(weight.data)
        if tensor is None or not self._weights.sums_codes(weight.data):
            return None
        stored = Int8().build_levels(tensor, weight.name)
        self._on_codes_count += 1
        self._stored[weight.data] = stored
        return affine_on_codes(function, x, stored.variable, self._weights.scales(kernel), bias)

    def _store(self, weight: nn.Variable) -> Optional[Stored]:
        if weight.data not in self._stored:
            stored, reason = self._choose(weight, self._storage)
            if reason and self._storage not in (SMALLEST, FLOAT):
                stored, _ = self._choose(weight, SMALLEST)
            elif stored is not None:
                self._as_asked += 1
            if reason:
                self._reasons.setdefault(reason, {})[weight.name] = None
            self._stored[weight.data] = stored
        return self._stored[weight.data]

    def _choose(self, weight: nn.Variable, storage: str) -> Tuple[Optional[Stored], str]:
        if storage == FLOAT or self._weights.encoding(weight.data).codes.size == 0:
            return None, ""
        if weight.data not in self._choices:
            tensor = self._weights.tensor(weight.data)
            if tensor is None:
                return None, "pruned weights keep their float values"
            self._choices[weight.data] = choices(tensor, weight.name)
        data = self._weights.origin(weight.data)
        # An Affine reads codes of a byte as they are.
        reads = weight.data in self._weights.kernels and self._uses[data] == 1
        in_place = (Int8.name,) if reads and self._weights.sums_codes(data) else ()
        return choose(self._choices[weight.data], storage, self._room.get(data), in_place)
