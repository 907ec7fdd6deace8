# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A float network that is scored with chosen tensors quantized, without any training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import decibels
from nnabla_compress.analysis import FeatureMap, Layer, activations, layers
from nnabla_compress.data import evaluation_batches
from nnabla_compress.errors import ConfigError, DataError, unwrapped
from nnabla_compress.graph import rebuild
from nnabla_compress.graph.batches import few_rows
from nnabla_compress.graph.cpu_kernels import with_cpu_kernels
from nnabla_compress.graph.network import Network
from nnabla_compress.importances import Examples
from nnabla_compress.loading.inputs import Inputs, load_inputs
from nnabla_compress.progress import tracked
from nnabla_compress.quantizers import Quantizer, graph_quantizers
from nnabla_compress.recipes import Recipe
from nnabla_compress.rules import Candidate, QuantizerRule, parse_rule, quantizers
from nnabla_compress.search.smaller import Smaller, parameters_aside
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training.evaluate import judged
from nnabla_compress.training.feed import Feed
from nnabla_compress.transforms import (
    check_faithful,
    insert_activation_quantizers,
    insert_weight_quantizers,
    start_quantizers,
)
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.turns import one_at_a_time

_BATCH = 64
_AT_ONCE = 1 << 20  # numbers
# Samples that the ranges of activations are set by, as where a network is compressed untrained.
_FIRST_BATCH = 256
_AS_IT_IS = Smaller()


@dataclass(frozen=True)
class Scores:
    """How a network does on some samples.

    Args:
        loss: Mean loss.
        accuracy: Share of right answers, 0 to 1; None where targets are numbers.
        output_snr: Signal-to-noise ratio of its outputs in dB against those of the float network;
            None if they are the same.
    """

    loss: float
    accuracy: Optional[float]
    output_snr: Optional[float] = None


class Scored(NamedTuple):
    """A network that was made and scored.

    Args:
        scores: How it does.
        network: The network, whose new parameters have left the scope.
        map_snr: Signal-to-noise ratio of the last quantized activation in dB, None if there is none
            or nothing changed.
    """

    scores: Scores
    network: Network
    map_snr: Optional[float]


def rule_of(quantizer: str, bits: int) -> QuantizerRule:
    """Returns the rule with its bits.

    Args:
        quantizer: Rule without bits, such as "lut:dictionary=pow2".
        bits: The bits.

    Raises:
        ConfigError: If the rule says bits itself, has none, or the quantizer refuses them.

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
    known = quantizers()
    with_bits = [name for name, kind in known.items() if "bits" in kind.__dataclass_fields__]  # type: ignore[attr-defined]
    if rule["quantizer"] in known and rule["quantizer"] not in with_bits:
        raise ConfigError(
            f"quantizer {rule['quantizer']} has no bits, so there are none to choose.",
            help=f"choose {', '.join(with_bits)}; lut:prune=0.5 prunes and has bits",
        )
    return QuantizerRule(**{**rule, "bits": bits})


def signal_to_noise(y: np.ndarray, quantized: np.ndarray) -> Optional[float]:
    """Returns 10 log10(sum y^2 / sum (y - q)^2) in dB, None for no noise.

    Args:
        y: What is quantized, of any shape.
        quantized: What it becomes.

    Returns:
        The ratio, between -300 and 300.

    Example:
        >>> signal_to_noise(np.float32([10.0]), np.float32([9.0]))
        20.0
        >>> signal_to_noise(np.float32([10.0]), np.float32([10.0])) is None
        True
    """
    return _ratio(*_energies(y, quantized))


def _ratio(signal: float, noise: float) -> Optional[float]:
    return decibels(signal, noise) if noise else None


def _energies(y: np.ndarray, quantized: np.ndarray) -> Tuple[float, float]:
    """The sum of squares of what is quantized, and of what that changes."""
    first, second = (np.asarray(array).reshape(-1) for array in (y, quantized))
    signal = noise = 0.0
    for start in range(0, first.size, _AT_ONCE):  # in float64, which takes eight bytes a number
        exact = first[start : start + _AT_ONCE].astype(np.float64)
        signal += float(np.sum(np.square(exact)))
        exact -= second[start : start + _AT_ONCE]
        noise += float(np.sum(np.square(exact, out=exact)))
    return signal, noise


class ScoredNetwork:
    """A float network on some samples, with its parameters in the current parameter scope.

    Args:
        recipe: Names the network, the data and the preprocessing.
        folder: Where its relative paths start.
        samples: How many samples to score on, drawn with the recipe's seed.

    Raises:
        CompressError: If anything is missing, or there is no data.
    """

    @one_at_a_time
    def __init__(self, recipe: Recipe, folder: Path, samples: int) -> None:
        inputs = load_inputs(recipe, folder)
        inputs.check()
        if inputs.test is None:
            raise DataError("sensitivities need data.", help="add --data FILE.npz")
        self.seed = recipe.seed
        order = np.random.RandomState(recipe.seed).permutation(len(inputs.test))[:samples]
        self.split = inputs.test.take(np.sort(order))
        self._preprocessing = inputs.preprocessing
        self._inputs: Inputs = inputs
        self._build(inputs.only_batch or min(_BATCH, len(self.split)))
        few = few_rows([self.output], self.network.all_inputs, self._feed.x.shape[0])
        if few < self._feed.x.shape[0] and inputs.only_batch is None:
            self._build(few)
        refuse_codes([self.output])
        self.layers: Dict[str, Layer] = {x.name: x for x in layers([self.output]) if not x.shared}
        self.activations: Dict[str, FeatureMap] = {x.name: x for x in activations([self.output])}
        self._outputs: Optional[np.ndarray] = None
        self._float: Optional[Scores] = None

    def _build(self, rows: int) -> None:
        self._feed = Feed(self.split, rows)
        with nn.auto_forward(False):
            self.output = judged(self._inputs.build(self._feed.inputs, True))

    @property
    def float_scores(self) -> Scores:
        """The scores of the network as it is."""
        if self._float is None:
            self._float = self._score(self.output)
        return self._float

    @property
    def network(self) -> Network:
        """The network on the inputs that it is scored on."""
        x: Any = self._feed.inputs
        inputs = {self.split.name: x} if isinstance(x, nn.Variable) else dict(x)
        return Network(inputs, {"y": self.output}, paths=_paths())

    @property
    def learns(self) -> bool:
        """Whether the data have samples to train on."""
        return "train" in self._inputs.data.splits

    def samples(self, most: int) -> Optional[Dict[str, np.ndarray]]:
        """Returns network inputs by name, drawn from the data."""
        return self._inputs.drawn(most).arrays

    def examples(self, most: int) -> Optional[Examples]:
        """Returns the same samples with their targets; None where there are none."""
        drawn = self._inputs.drawn(most)
        if not drawn.samples.labelled:
            return None
        return Examples(drawn.arrays, drawn.batch.y, self._inputs.loss.samples)

    def chosen(self, quantizer: str, of_activations: bool = False) -> List[str]:
        """Returns the names of the layers, or activations, that a rule is for.

        Args:
            quantizer: Rule without bits.
            of_activations: Whether it is for activations.

        Raises:
            ConfigError: If it is for none.
        """
        rule = rule_of(quantizer, 4)  # the bits don't choose layers
        candidates = (
            [Candidate(x.name, x.type) for x in self.activations.values()]
            if of_activations
            else [Candidate(x.name, x.type, int(x.weight.size)) for x in self.layers.values()]
        )
        names = rule.choose(candidates)
        if not names:
            what = "activation" if of_activations else "layer"
            raise ConfigError(
                f"{quantizer!r} matches no {what}.",
                help=did_you_mean("", [x.name for x in candidates])
                if candidates
                else f"the network has no {what} to quantize",
            )
        return names

    def quantized(
        self,
        output: nn.Variable,
        weights: Mapping[str, Optional[QuantizerRule]],
        of_activations: Mapping[str, Optional[QuantizerRule]],
    ) -> nn.Variable:
        """Returns a network with quantizers, started from the weights and one batch of data.

        Args:
            output: Output of the network, or of one made from it.
            weights: Rules by layer.
            of_activations: Rules by activation.
        """

        def choose_activation(found: FeatureMap) -> Optional[Quantizer]:
            rule = of_activations.get(found.name)
            return None if rule is None else rule.make(signed=found.signed)

        def choose(layer: Layer) -> Optional[Quantizer]:
            rule = weights.get(layer.name)
            return None if rule is None else rule.make()

        def choose_bias(layer: Layer) -> Optional[Quantizer]:
            rule = weights.get(layer.name)
            return None if rule is None else rule.make_for_bias()

        with nn.auto_forward(False):
            outputs = insert_activation_quantizers([output], choose_activation)
            (made,) = insert_weight_quantizers(outputs, choose, choose_bias=choose_bias)
        check_faithful([output], [made])
        start_quantizers([made])
        return made

    @one_at_a_time
    def score(
        self,
        weights: Mapping[str, Optional[QuantizerRule]],
        of_activations: Mapping[str, Optional[QuantizerRule]],
        smaller: Smaller = _AS_IT_IS,
    ) -> Scored:
        """Returns the scores of the network made smaller, with quantizers.

        Args:
            weights: Rules by layer of the smaller network.
            of_activations: Rules by activation of it.
            smaller: What makes it smaller.
        """
        with parameters_aside():
            output = smaller.of(self.network).output
            if weights or of_activations:
                output = self.quantized(output, weights, of_activations)
            ratio = self._start(output) if of_activations else None
            made = replace(self.network.giving([output]), paths=_paths())
            return Scored(self._score(output), made, ratio)

    def _start(self, output: nn.Variable) -> Optional[float]:
        """Runs one batch, which sets the ranges of activations."""
        first = self._inputs.drawn_feed(_FIRST_BATCH)
        with nn.auto_forward(False):
            (started,) = rebuild([output], inputs=_pairs(self._feed, first))
        nodes = [node for node in graph_quantizers([started]) if node.inputs[0].parent is not None]
        for node in nodes[-1:]:
            node.inputs[0].persistent = node.outputs[0].persistent = True
        with unwrapped():
            started.forward(clear_buffer=True)
        if not nodes:
            return None
        return signal_to_noise(nodes[-1].inputs[0].d, nodes[-1].outputs[0].d)

    def _score(self, output: nn.Variable) -> Scores:
        expected = None if output is self.output else self._expected()
        loss = self._inputs.loss
        with nn.auto_forward(False):
            (computed,) = with_cpu_kernels([output])
            losses = loss.samples(computed, self._feed.targets)
        computed.persistent = True
        total, hits, signal, noise, start = 0.0, 0.0, 0.0, 0.0, 0
        count = len(self.split)
        found = np.empty((count, *computed.shape[1:]) if expected is None else 0, np.float32)
        counts = True
        size = self._feed.x.shape[0]
        batches = evaluation_batches(self.split, size, self._preprocessing)
        for batch in tracked("scoring", batches, -(-len(self.split) // size)):
            self._feed.put(batch)
            losses.forward(clear_no_need_grad=True)
            total += float(losses.d[: batch.count].sum(dtype=np.float64))
            right = loss.right(computed.d, batch.y)
            counts = right is not None
            if right is not None:
                hits += float(right[: batch.count].sum(dtype=np.float64))
            rows = slice(start, start + batch.count)
            if expected is None:
                found[rows] = computed.d[: batch.count]
            else:
                energies = _energies(expected[rows], computed.d[: batch.count])
                signal, noise = signal + energies[0], noise + energies[1]
            start += batch.count
        accuracy = hits / count if counts else None
        if expected is None:
            self._outputs = found
            return Scores(total / count, accuracy)
        return Scores(total / count, accuracy, _ratio(signal, noise))

    def _expected(self) -> np.ndarray:
        """The outputs of the network as it is."""
        if self._outputs is None:
            self._float = self._score(self.output)
        assert self._outputs is not None
        return self._outputs


def _paths() -> Dict[Any, str]:
    return {v.data: path for path, v in nn.get_parameters(grad_only=False).items()}


def _pairs(old: Feed, new: Feed) -> Dict[nn.Variable, nn.Variable]:
    first: Any = old.inputs
    second: Any = new.inputs
    if isinstance(first, nn.Variable):
        return {first: second}
    return {first[name]: second[name] for name in first}
