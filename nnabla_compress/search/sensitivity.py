# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much a network suffers when only one of its layers is quantized, without any training."""

from __future__ import annotations

import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.data import Split, evaluation_batches
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import atomic_path
from nnabla_compress.graph import Layer, insert_weight_quantizers, layers
from nnabla_compress.quantizers import prepare, quantizer_of
from nnabla_compress.recipes import Recipe
from nnabla_compress.rules import Candidate, QuantizerRule, parse_rule
from nnabla_compress.runs.inputs import load_inputs
from nnabla_compress.training.evaluate import right, sample_losses

Progress = Callable[[int, int], None]
_BATCH = 64


@dataclass(frozen=True)
class Sensitivity:
    """What one layer at one bit width does to a network whose other layers stay float.

    Args:
        layer: Name of the layer.
        type: Type of its function.
        weights: Number of its weights.
        macs: Multiply-accumulates for one sample.
        bits: Bits of a weight.
        size_bits: What the packed weights take with their table, in bits.
        loss: Change of the mean loss; positive is worse.
        accuracy: Change of the accuracy, -1 to 1; negative is worse.
        weight_snr: Signal-to-noise ratio of the weights in dB; None if they did not change.
        output_snr: Signal-to-noise ratio of the network's output in dB; None likewise.
    """

    layer: str
    type: str
    weights: int
    macs: int
    bits: int
    size_bits: int
    loss: float
    accuracy: float
    weight_snr: Optional[float]
    output_snr: Optional[float]


@dataclass(frozen=True)
class Sensitivities:
    """All layers of a network at several bit widths.

    Args:
        quantizer: The rule, without bits.
        samples: Number of samples.
        loss: Mean loss of the float network.
        accuracy: Its accuracy, 0 to 1.
        rows: One for each layer and bit width, in the network's order.
    """

    quantizer: str
    samples: int
    loss: float
    accuracy: float
    rows: Tuple[Sensitivity, ...]

    def write(self, path: Union[str, Path]) -> None:
        """Writes the JSON file that :meth:`read` reads."""
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Union[str, Path]) -> Sensitivities:
        """Reads what :meth:`write` wrote.

        Raises:
            DataError: If the file is missing or is none of these.
        """
        try:
            content = json.loads(Path(path).read_text())
            rows = tuple(Sensitivity(**row) for row in content.pop("rows"))
            return cls(rows=rows, **content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"{path} holds no sensitivities: {error}.",
                help="give the sensitivity.json of 'nnabla-compress sensitivity'",
            ) from None


def measure(
    recipe: Recipe,
    folder: Path,
    bits: Sequence[int] = (2, 3, 4, 8),
    quantizer: str = "lut",
    samples: int = 256,
    workers: int = 1,
    progress: Optional[Progress] = None,
) -> Sensitivities:
    """Quantizes the weights of one layer at a time and scores the network.

    Args:
        recipe: Names the network, the data and the preprocessing.
        folder: Where its relative paths start.
        bits: Bit widths.
        quantizer: Rule without bits, such as "lut" or "lut:dictionary=pow2".
        samples: How many samples to score on, drawn with the recipe's seed.
        workers: Processes, each with a network of its own; 1 is this process. The results don't
            depend on it.
        progress: Called with what is done and the total after each evaluation.

    Returns:
        The changes.

    Raises:
        ConfigError: If the quantizer or the bits are wrong, or no layer meets the rule.
        DataError: If there is no data.
    """
    if not bits or samples < 1 or workers < 1:
        raise ConfigError("bits, samples and workers must be at least 1.", help="for instance 4")
    widths = sorted(set(bits))
    for width in widths:
        rule_of(quantizer, width)
    arguments = (recipe.model_dump_json(), str(folder), quantizer, samples)
    with nn.parameter_scope("", {}):  # the caller's parameters stay as they are
        network = _Network(*arguments)
        tasks = [(name, width) for name in network.names for width in widths]
        found: Dict[Tuple[str, int], Sensitivity] = {}

        def note(row: Sensitivity) -> None:
            found[row.layer, row.bits] = row
            if progress is not None:
                progress(len(found), len(tasks))

        if workers == 1:
            for task in tasks:
                note(network.measure(*task))
        else:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(workers, context, _start, arguments) as pool:
                futures = [pool.submit(_work, *task) for task in tasks]
                try:
                    for future in as_completed(futures):
                        note(future.result())
                except BaseException:
                    for future in futures:
                        future.cancel()
                    raise
    rows = tuple(found[task] for task in tasks)
    return Sensitivities(quantizer, len(network.split), network.loss, network.accuracy, rows)


def rule_of(quantizer: str, bits: int) -> QuantizerRule:
    """Returns the rule with its bits.

    Raises:
        ConfigError: If the rule says bits itself, or the quantizer refuses them.

    Example:
        >>> rule_of("lut", 3).make().bits
        3
    """
    rule = parse_rule(quantizer)
    if "bits" in rule or rule["quantizer"] == "none":
        raise ConfigError(
            f"quantizer {quantizer!r} leaves no bits to choose.",
            help="write it without bits, such as lut, and give --bits 2,4,8",
        )
    return QuantizerRule(**{**rule, "bits": bits})


def signal_to_noise(y: np.ndarray, quantized: np.ndarray) -> Optional[float]:
    """Returns 10 log10(sum y^2 / sum (y - q)^2) in dB, None for no noise.

    Example:
        >>> signal_to_noise(np.float32([10.0]), np.float32([9.0]))
        20.0
        >>> signal_to_noise(np.float32([10.0]), np.float32([10.0])) is None
        True
    """
    exact = np.asarray(y, np.float64)
    noise = float(np.sum((exact - np.asarray(quantized, np.float64)) ** 2))
    signal = float(np.sum(exact**2))
    if noise == 0:
        return None
    # A silent signal has no decibels; a tiny one stands for it, since JSON knows no infinity.
    return float(10 * np.log10(max(signal, sys.float_info.min) / noise))


class _Network:
    """A float network on some samples; :meth:`measure` scores it with one layer quantized."""

    def __init__(self, recipe: str, folder: str, quantizer: str, samples: int) -> None:
        checked = Recipe.checked(json.loads(recipe))
        inputs = load_inputs(checked, Path(folder))
        split = inputs.test
        if split is None:
            raise DataError("sensitivities need data.", help="add --data FILE.npz")
        order = np.random.RandomState(checked.seed).permutation(len(split))[:samples]
        self.quantizer = quantizer
        self.split = Split(split.x[np.sort(order)], split.y[np.sort(order)])
        self.preprocessing = inputs.preprocessing
        size = min(_BATCH, len(self.split))
        self.x = nn.Variable((size, *self.split.x.shape[1:]))
        self.labels = nn.Variable((size, 1))
        with nn.auto_forward(False):
            self.output = inputs.build(self.x, True)
        rule = rule_of(quantizer, 4)  # the bits don't choose layers
        found = [layer for layer in layers([self.output]) if not layer.shared]
        names = rule.choose([Candidate(x.name, x.type, int(x.weight.size)) for x in found])
        if not names:
            raise ConfigError(
                f"{quantizer!r} matches no layer.",
                help=f"layers are: {', '.join(x.name for x in found) or 'none'}",
            )
        self.layers: Dict[str, Layer] = {x.name: x for x in found if x.name in names}
        self.names: List[str] = list(self.layers)
        self.loss, self.accuracy, self.outputs = self._score(self.output)

    def measure(self, name: str, bits: int) -> Sensitivity:
        before = set(nn.get_parameters(grad_only=False))
        quantizer = rule_of(self.quantizer, bits).make()
        with nn.auto_forward(False):
            output = insert_weight_quantizers(
                [self.output], lambda layer: quantizer if layer.name == name else None
            )[0]
        prepare([output])
        node = next(x.quantizer for x in layers([output]) if x.name == name)
        kind = quantizer_of(node)
        assert kind is not None
        encoding = kind.encode(node)
        loss, accuracy, outputs = self._score(output)
        for parameter in set(nn.get_parameters(grad_only=False)) - before:
            nn.parameter.pop_parameter(parameter)
        layer = self.layers[name]
        return Sensitivity(
            layer=name,
            type=layer.type,
            weights=int(layer.weight.size),
            macs=layer.macs,
            bits=bits,
            size_bits=8 * int(encoding.nbytes),
            loss=loss - self.loss,
            accuracy=accuracy - self.accuracy,
            weight_snr=signal_to_noise(layer.weight.d, encoding.decode()),
            output_snr=signal_to_noise(self.outputs, outputs),
        )

    def _score(self, output: nn.Variable) -> Tuple[float, float, np.ndarray]:
        with nn.auto_forward(False):
            losses = sample_losses(output, self.labels)
        output.persistent = True
        loss, hits, outputs = 0.0, 0, []
        for batch in evaluation_batches(self.split, self.x.shape[0], self.preprocessing):
            self.x.d, self.labels.d = batch.x, batch.y
            losses.forward(clear_no_need_grad=True)
            loss += float(losses.d[: batch.count].sum(dtype=np.float64))
            hits += int(right(output.d, batch.y)[: batch.count].sum())
            outputs.append(output.d[: batch.count].copy())
        count = len(self.split)
        return loss / count, hits / count, np.concatenate(outputs)


_network: Optional[_Network] = None  # of this process, where it is a worker


def _start(*arguments: Any) -> None:
    global _network
    _network = _Network(*arguments)


def _work(name: str, bits: int) -> Sensitivity:
    assert _network is not None
    return _network.measure(name, bits)


COLUMNS = tuple(field.name for field in fields(Sensitivity))
