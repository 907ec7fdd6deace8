# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much a network suffers when only one tensor is quantized, without any training."""

from __future__ import annotations

import json
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import layers
from nnabla_compress.errors import CompressError, ConfigError, DataError
from nnabla_compress.files import json_text, write_json
from nnabla_compress.greeting import begin
from nnabla_compress.progress import counted
from nnabla_compress.quantizers import quantizer_of
from nnabla_compress.reading import read_json
from nnabla_compress.recipes import Recipe
from nnabla_compress.search.scoring import ScoredNetwork, Scores, rule_of, signal_to_noise
from nnabla_compress.turns import one_at_a_time

Progress = Callable[[int, int], None]
WEIGHTS, ACTIVATIONS = "weights", "activations"


@dataclass(frozen=True)
class Sensitivity:
    """What one tensor at one bit width does to a network whose other tensors stay float.

    Args:
        kind: "weights" of a layer, or "activations".
        layer: Name of the layer, or of the activation.
        type: Type of its function.
        elements: Number of weights, or of the elements of an activation for one sample.
        macs: Multiply-accumulates of the layer for one sample; 0 for activations.
        bits: Bits of an element.
        size_bits: What the packed weights take with their table, or one sample's map, in bits.
        loss: Change of the mean loss; positive is worse.
        accuracy: Change of the accuracy, -1 to 1; negative is worse; None where targets are
            numbers.
        tensor_snr: Signal-to-noise ratio of the tensor in dB; None if it did not change.
        output_snr: Signal-to-noise ratio of the network's output in dB; None likewise.
    """

    kind: str
    layer: str
    type: str
    elements: int
    macs: int
    bits: int
    size_bits: int
    loss: float
    accuracy: Optional[float]
    tensor_snr: Optional[float]
    output_snr: Optional[float]


COLUMNS = tuple(field.name for field in fields(Sensitivity))


@dataclass(frozen=True)
class Sensitivities:
    """All tensors of a network at several bit widths.

    Args:
        quantizers: The rules, without bits, by kind of tensor.
        samples: Number of samples.
        loss: Mean loss of the float network.
        accuracy: Its accuracy, 0 to 1; None where targets are numbers.
        recipe: Names the network and the data, as :class:`~nnabla_compress.recipes.Recipe` takes
            it.
        folder: Where its relative paths start.
        rows: One for each tensor and bit width, in the network's order, weights first.
    """

    quantizers: Mapping[str, str]
    samples: int
    loss: float
    accuracy: Optional[float]
    recipe: Mapping[str, Any]
    folder: str
    rows: Tuple[Sensitivity, ...]

    def write(self, path: Union[str, Path]) -> None:
        """Writes the JSON file that :meth:`read` reads."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Union[str, Path]) -> Sensitivities:
        """Reads what :meth:`write` wrote.

        Raises:
            DataError: If the file is missing or is none of these.
        """
        if not Path(path).is_file():
            raise DataError(
                f"there is no file {path}.",
                help="'nnabla-compress sensitivity' writes sensitivity.json",
            )
        try:
            content = read_json(path)
            rows = tuple(_row(row) for row in content.pop("rows"))
            return cls(rows=rows, **content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"{path} holds no sensitivities: {error}.",
                help="give the sensitivity.json of 'nnabla-compress sensitivity'",
            ) from None


def _row(content: Mapping[str, Any]) -> Sensitivity:
    row = Sensitivity(**content)
    for name in ("bits", "size_bits", "macs", "elements"):
        value = getattr(row, name)
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"{name} is {value!r}")
    if row.kind not in (WEIGHTS, ACTIVATIONS) or not isinstance(row.loss, (int, float)):
        raise ValueError(f"a row of kind {row.kind!r} with the loss {row.loss!r}")
    return row


@one_at_a_time
def measure(
    recipe: Recipe,
    folder: Path,
    bits: Sequence[int] = (2, 3, 4, 8),
    quantizer: Optional[str] = "lut",
    samples: int = 256,
    workers: int = 1,
    progress: Optional[Progress] = None,
    activations: Optional[str] = None,
) -> Sensitivities:
    """Quantizes one tensor at a time and scores the network.

    A layer's bias is quantized with its weights where a recipe's rule would do so, and the range
    of an activation comes from one batch of training samples, if there are any.

    Args:
        recipe: Names the network, the data and the preprocessing.
        folder: Where its relative paths start.
        bits: Bit widths.
        quantizer: Rule for weights without bits, such as "lut" or "lut:dictionary=pow2"; None to
            leave weights alone.
        samples: How many samples to score on, drawn with the recipe's seed.
        workers: Processes, each with a network of its own; 1 is this process. The results don't
            depend on it.
        progress: Called with what is done and the total after each evaluation.
        activations: Rule for activations without bits, such as "uniform"; None to leave them
            alone.

    Returns:
        The changes.

    Raises:
        ConfigError: If a quantizer or the bits are wrong, or nothing meets a rule.
        DataError: If there is no data.
    """
    if not bits or samples < 1 or workers < 1:
        raise ConfigError("bits, samples and workers must be at least 1.", help="for instance 4")
    rules = {WEIGHTS: quantizer, ACTIVATIONS: activations}
    rules_given = {kind: rule for kind, rule in rules.items() if rule is not None}
    if not rules_given:
        raise ConfigError("neither weights nor activations are quantized.", help="add a quantizer")
    widths = sorted(set(bits))
    for rule in rules_given.values():
        for width in widths:
            rule_of(rule, width)
    arguments = (json_text(recipe.model_dump(mode="json")), str(folder), rules_given, samples)
    with nn.parameter_scope("", {}):  # the caller's parameters stay as they are
        network = _Measured(*arguments)
        tasks = [
            (kind, name, width)
            for kind, names in network.names.items()
            for name in names
            for width in widths
        ]
        found: Dict[Tuple[str, str, int], Sensitivity] = {}
        with counted("sensitivity", len(tasks)) as at:

            def note(row: Sensitivity) -> None:
                found[row.kind, row.layer, row.bits] = row
                at(len(found))
                if progress is not None:
                    progress(len(found), len(tasks))

            if workers == 1:
                for task in tasks:
                    note(network.measure(*task))
            else:
                _share(workers, arguments, tasks, note)
        scores, count = network.scored.float, len(network.scored.split)
    content = recipe.model_dump(mode="json")
    place = str(folder.resolve())
    rows = tuple(found[task] for task in tasks)
    return Sensitivities(rules_given, count, scores.loss, scores.accuracy, content, place, rows)


@one_at_a_time
def measure_together(found: Sensitivities, bits: Mapping[str, Mapping[str, int]]) -> Scores:
    """Scores the network with all tensors at chosen bits at once.

    Args:
        found: What was measured; its network and data are loaded again.
        bits: Bits by kind of tensor and by name; tensors that are not named stay float.

    Returns:
        The scores on the same samples.

    Raises:
        CompressError: If the network or the data can't be loaded any more.
    """
    try:
        recipe = Recipe.checked(found.recipe)
    except CompressError as error:
        raise DataError(
            f"the sensitivities name no network: {error.message}", help="measure them again"
        ) from None
    rules = {
        kind: {name: rule_of(found.quantizers[kind], width) for name, width in chosen.items()}
        for kind, chosen in bits.items()
    }
    with nn.parameter_scope("", {}):
        network = ScoredNetwork(recipe, Path(found.folder), found.samples)
        return network.score(rules.get(WEIGHTS, {}), rules.get(ACTIVATIONS, {}))[0]


class _Measured:
    """A network, and the tensors that are quantized one at a time."""

    def __init__(self, recipe: str, folder: str, rules: Mapping[str, str], samples: int) -> None:
        self.rules = rules
        self.scored = ScoredNetwork(Recipe.checked(json.loads(recipe)), Path(folder), samples)
        self.names = {
            kind: self.scored.chosen(rule, kind == ACTIVATIONS) for kind, rule in rules.items()
        }

    def measure(self, kind: str, name: str, bits: int) -> Sensitivity:
        rule = {name: rule_of(self.rules[kind], bits)}
        scored = self.scored
        weights = kind == WEIGHTS
        scores, output, ratio = scored.score(rule if weights else {}, {} if weights else rule)
        if weights:
            layer = scored.layers[name]
            node: Any = next(x.quantizer for x in layers([output]) if x.name == name)
            quantizer = quantizer_of(node)
            assert quantizer is not None
            encoding = quantizer.encode(node)
            ratio = signal_to_noise(node.inputs[0].d, encoding.decode())
            sizes = (layer.type, int(layer.weight.size), layer.macs, bits, 8 * int(encoding.nbytes))
        else:
            activation = scored.activations[name]
            elements = int(np.prod(activation.shape, dtype=np.int64))
            sizes = (activation.type, elements, 0, bits, bits * elements)
        before = scored.float.accuracy
        accuracy = None if before is None or scores.accuracy is None else scores.accuracy - before
        loss = scores.loss - scored.float.loss
        return Sensitivity(kind, name, *sizes, loss, accuracy, ratio, scores.output_snr)


def _share(workers: int, arguments: Any, tasks: Sequence[Any], note: Any) -> None:
    """Measures in processes; ``note`` gets what each task found as it is done."""
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    started = (__name__, _start.__name__, *arguments)
    with ProcessPoolExecutor(workers, context, begin, started) as pool:
        with _deaf_children():
            futures = [pool.submit(_work, *task) for task in tasks]
        try:
            for future in as_completed(futures):
                note(future.result())
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started within the block leave Ctrl-C to the one who waits for them."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # only the main thread may
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_network: Optional[_Measured] = None  # of this process, where it is a worker


def _start(*arguments: Any) -> None:
    global _network
    _network = _Measured(*arguments)


def _work(kind: str, name: str, bits: int) -> Sensitivity:
    assert _network is not None
    return _network.measure(kind, name, bits)
