# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Post-training quantization: a float network in, a quantized one out, without any label.

The steps: fold batch normalization, quantize with the ranges of all values seen, correct biases,
equalize layers, choose the calibration method, learn roundings, which corrects biases anew; with
few bits equalize once more, if that was taken back, and learn the roundings of that. Each step
after the first is judged by the outputs of the network on calibration samples held out for that,
and taken back unless it brought them closer to those of the float network.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import agreement, decibels
from nnabla_compress.analysis import costs
from nnabla_compress.analysis.channel_pairs import pairs, stopped_at, with_channel_clips
from nnabla_compress.analysis.feature_maps import FeatureMap, stored_maps
from nnabla_compress.analysis.reach import reach, within
from nnabla_compress.calibration.bias_correction import correct_biases
from nnabla_compress.calibration.cross_layer_equalization import equalize, equalize_for
from nnabla_compress.calibration.map_costs import costly_maps
from nnabla_compress.calibration.methods import METHODS
from nnabla_compress.calibration.network import (
    fit_weights,
    folded_copy,
    layers_of,
    quantized_copy,
    set_ranges,
    weight_quantizers,
)
from nnabla_compress.calibration.observe import Computation, compute, observe
from nnabla_compress.calibration.round_layers import is_fine, learn_roundings
from nnabla_compress.calibration.samples import checked_samples, refuse_constant, split_samples
from nnabla_compress.calibration.settings import AUTO, PostTrainingSettings
from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.calibration.steps import Step
from nnabla_compress.errors import DataError, VerifyError
from nnabla_compress.graph.choosing import ChoosingInputs
from nnabla_compress.graph.constants import own
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.replay import FLOAT_BYTES
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.memory import forget, give_back
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.transforms import check_faithful
from nnabla_compress.transforms.channel_scales import Levels
from nnabla_compress.transforms.faithful import FOLDED
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.turns import one_at_a_time

Tell = Callable[[str], None]
# Maps before and behind a quantizer, of two networks, and those that a residual branch keeps.
_HELD = 3
_START = "min_max"
_FEW_SAMPLES = 32
# Samples that are enough for means of channels, for roundings so fine that flips suffice, and for
# what channels hold.
_FOR_MEANS, _FOR_FLIPS, _FOR_CHANNELS = 128, 192, 256
# Places that a note lists by name.
_NAMED = 4
# The weights alone tell little of the outputs: without samples a step must gain this much.
_WITHOUT_SAMPLES = 1.0


@dataclass(frozen=True)
class PostTraining:
    """A quantized network and how it came about.

    Args:
        outputs: Its outputs.
        inputs: Its inputs.
        scope: Its parameters: ``with nn.parameter_scope("", result.scope)`` shows them by path.
        steps: What was tried, in order.
        notes: What a user should know, such as maps that were zero for all samples.
        channel_clips: Whether clips between layers have a bound for each channel.
        before: Weights and biases by path as they were before the quantization set them: folded
            and equalized, neither rounded nor corrected. Those that stayed are left out.
    """

    outputs: List[nn.Variable]
    inputs: List[nn.Variable]
    scope: Dict[str, Any]
    steps: Tuple[Step, ...]
    notes: Tuple[str, ...]
    channel_clips: bool = False
    before: Dict[str, np.ndarray] = field(default_factory=dict)


@one_at_a_time
def post_training_quantize(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    samples: Optional[Sequence[Any]] = None,
    settings: Optional[PostTrainingSettings] = None,
    tell: Tell = lambda line: None,
) -> PostTraining:
    """Quantizes a trained network with a few hundred samples, or weights alone without any.

    Without samples nothing but the weights can be looked at: equalization is then kept if it
    raises their mean signal-to-noise ratio by more than 1 dB, and there is no other step. Feature
    maps are quantized then, too, where the range of the inputs is given.

    Args:
        outputs: Variables of one graph, trained, without quantizers. It stays as it is.
        inputs: Its inputs.
        samples: Network inputs (N, ...), one array for each input; a few hundred. None: weights
            only.
        settings: Quantizers and steps.
        tell: Called with a line for each step.

    Returns:
        The quantized network, with parameters of its own.

    Raises:
        ConfigError: If a rule matches nothing, or the network is quantized already.
        DataError: If the samples don't fit, or feature maps are to be quantized without any.
        UnsupportedFunctionError: If the network's weights are stored as codes.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = PF.affine(F.relu(PF.affine(x, 8, name="a")), 3, name="b")
        >>> samples = np.random.RandomState(0).randn(64, 4)
        >>> result = post_training_quantize([y], [x], [samples])
        >>> result.steps[0].name, result.steps[0].score.snr > 30
        ('quantized, min_max', True)
    """
    refuse_codes(outputs)
    settings = settings or PostTrainingSettings()
    if samples is None and settings.activations and settings.input_range is None:
        raise DataError(
            "the ranges of the feature maps come from samples, and there are none.",
            help="give a few hundred samples, or input_range, or quantize the weights only",
        )
    return _Sequence(outputs, inputs, samples, settings, tell).run()


class _Sequence:
    """The state of the networks between the steps."""

    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        inputs: Sequence[nn.Variable],
        samples: Optional[Sequence[Any]],
        settings: PostTrainingSettings,
        tell: Tell,
    ) -> None:
        self.settings, self.tell = settings, tell
        self.steps: List[Step] = []
        self.notes: List[str] = []
        self.learn_from: Optional[Tuple[np.ndarray, ...]] = None
        judged_on: Tuple[np.ndarray, ...] = ()
        if samples is not None:
            checked = checked_samples(samples, inputs)
            names = {x.name or f"number {n}": x for n, x in enumerate(inputs, 1)}
            ChoosingInputs(names, outputs).check(checked)
            refuse_constant(checked, "calibration samples")
            self.learn_from, judged_on = split_samples(checked, settings.hold_out, settings.seed)
            if len(checked[0]) < _FEW_SAMPLES:
                self._note(
                    f"{len(checked[0])} calibration sample(s) are few: ranges and the judgement of "
                    "steps rest on them. A few hundred are best."
                )
        self.judged_on = judged_on
        self.computation: Optional[Tuple[Network, Computation]] = None
        given = _named(outputs, inputs)
        self.given = {leaf.data for leaf in leaves(given.all_outputs)}
        self.plain = folded_copy(given, sharing=True)
        self.expected = (
            compute(self.plain.all_outputs, self.plain.all_inputs, judged_on) if judged_on else []
        )
        self.statistics = self._observe()
        self.channel_clips = False
        self.taken_back: Optional[Sequence[nn.Variable]] = None
        self.network = self._quantized()

    def run(self) -> PostTraining:
        settings = self.settings
        for statistics in self.statistics.values():
            if statistics.dead:
                self._note(f"{statistics.name} is zero for all calibration samples.")
        method = _START if settings.calibration == AUTO else settings.calibration
        set_ranges(self.network, self.statistics, METHODS[method])
        fit_weights(self.network)
        ranged = bool(self.statistics)
        self._judge(f"quantized, {method}" if ranged else "quantized", lambda: None)
        learns = self.learn_from is not None and self._can_learn(self.learn_from[0])
        corrects = learns and settings.bias_correction
        corrected = corrects and self._try("bias correction", self._correct_biases)
        if settings.equalization:
            self._equalize(method, corrected)
        if settings.calibration == AUTO and ranged and self.judged_on:
            for name in METHODS:
                if name != method:
                    self._try(f"calibration: {name}", partial(self._calibrate, name))
        if learns and self._rounds():
            self._try("learned rounding", self._learn_roundings)
            self._equalize_and_learn(method, corrected)
        network = self.network
        for variable in network.parameters.values():
            if variable.data in self.given:
                own(variable)
        snr = max((s.score.snr for s in self.steps if s.kept and s.score), default=None)
        if ranged and snr is not None:
            found = costly_maps(self.plain, network, self.judged_on, snr)
            if found is not None:
                self._note(found)
        give_back()
        return PostTraining(
            network.all_outputs,
            network.all_inputs,
            network.scope or {},
            tuple(self.steps),
            tuple(self.notes),
            self.channel_clips,
            self._before(),
        )

    def _before(self) -> Dict[str, np.ndarray]:
        after, before = self.network.parameters, self.plain.parameters
        return {
            path: np.array(variable.d) if variable.data in self.given else variable.d
            for path, variable in before.items()
            if path in after and not np.array_equal(after[path].d, variable.d)
        }

    def _can_learn(self, learn_from: np.ndarray) -> bool:
        """Whether what is learned from some samples can be judged on others."""
        if learn_from is not self.judged_on[0]:
            return True
        self._note("there are no other samples to judge on: biases and roundings are not learned.")
        return False

    def _quantized(self) -> Network:
        """The network with quantizers, of maps as they were observed."""
        signed = {seen.name: seen.low < 0 for seen in self.statistics.values()}
        return quantized_copy(self.plain, signed, self.settings)

    def _observe(self) -> Dict[nn.Variable, Statistics]:
        if not self.settings.activations:
            return {}
        with self.plain.within():
            maps = stored_maps(self.plain.all_outputs, self.plain.all_inputs)
        if self.learn_from is None:
            return self._bounded(maps)
        tensors = {found.variable: found.name for found in maps}
        found = observe(self.plain.all_outputs, self.plain.all_inputs, self.learn_from, tensors)
        return {variable: statistics for variable, statistics in found.items() if statistics.seen}

    def _bounded(self, maps: Sequence[FeatureMap]) -> Dict[nn.Variable, Statistics]:
        """What the maps can hold at most, from the range of the inputs."""
        assert self.settings.input_range is not None
        inputs = {x: within(*self.settings.input_range) for x in self.plain.all_inputs}
        bounds = reach(self.plain.all_outputs, inputs)
        found = {}
        for each in maps:
            reached = bounds.get(each.variable)
            if reached is None or not reached.known:
                raise DataError(
                    f"how far {each.name} reaches does not follow from the range of the inputs.",
                    help="give a few hundred samples, or leave this map float: NAME=none",
                )
            found[each.variable] = Statistics(each.name)
            ends = np.array([reached.low.min(), reached.high.max()], np.float32)
            found[each.variable].update(ends)
        return found

    def _equalize(self, method: str, corrected: bool) -> None:
        stopped = stopped_at(self.plain.all_outputs)
        if stopped:
            self._note(
                f"equalization leaves out the layers around {', '.join(stopped[:_NAMED])}"
                f"{f' and {len(stopped) - _NAMED} more' if len(stopped) > _NAMED else ''}: these "
                "let no factor pass."
            )
        clipped = with_channel_clips(self.plain.all_outputs)
        found = pairs(clipped)
        if not found:
            return
        change = partial(self._scale_channels, clipped, method, corrected)
        if not self._exchange(f"cross-layer equalization, {len(found)} pairs", change):
            self.taken_back = clipped

    def _equalize_and_learn(self, method: str, corrected: bool) -> None:
        """Tries equalization again where learned roundings may make up for what it costs.

        Rounded to the nearest, few bits can hide what it gains in the feature maps.
        """
        clipped = self.taken_back
        if clipped is None or self._are_fine():
            return

        def change() -> None:
            self._scale_channels(clipped, method, corrected)
            self._learn_roundings()

        self._exchange("cross-layer equalization and learned rounding", change)

    def _exchange(self, name: str, change: Callable[[], None]) -> bool:
        """Makes another network and takes the one before back unless it helped."""
        before = self.plain, self.network, self.statistics, self.channel_clips
        kept = self._judge(name, change, self._best())
        if not kept:
            self.plain, self.network, self.statistics, self.channel_clips = before
        return kept

    def _scale_channels(self, clipped: Sequence[nn.Variable], method: str, corrected: bool) -> None:
        given, levels = self.plain, self._levels()
        self.plain = given.giving(list(clipped)).copy(sharing=True)
        if self.learn_from is None:
            equalize(self.plain.all_outputs, apart=True)
        else:
            samples = _spread(self.learn_from, _FOR_CHANNELS)
            ends = self.plain.all_outputs, self.plain.all_inputs
            equalize_for(*ends, samples, levels, apart=True)
        try:
            pair = given.all_outputs, self.plain.all_outputs
            check_faithful(*pair, given.all_inputs, self.plain.all_inputs, FOLDED)
        except VerifyError as error:
            self._note(f"cross-layer equalization is taken back: {error.message}")
            self.plain = given
        self.statistics = self._observe()
        self.channel_clips = self.plain is not given
        self.network = self._quantized()
        set_ranges(self.network, self.statistics, METHODS[method])
        fit_weights(self.network)
        if corrected:
            self._correct_biases()

    def _levels(self) -> Levels:
        """The largest codes of the quantized network."""
        weights, maps = {}, []
        for layer in layers_of(self.network):
            if layer.quantizer is not None:
                weights[layer.name] = _largest_code(layer.quantizer)
        for node in graph_quantizers(self.network.all_outputs):
            if node.info.args.get("tensor") == "":
                maps.append(2 * _largest_code(node))
        return Levels(
            lambda layer: weights.get(layer.name, np.inf),
            min(maps, default=np.inf),
            self.settings.per_channel,
        )

    def _calibrate(self, method: str) -> None:
        set_ranges(self.network, self.statistics, METHODS[method])

    def _correct_biases(self) -> None:
        network, plain = self.network, self.plain
        samples = _spread(self._affordable(), _FOR_MEANS)
        correct_biases(
            network.all_outputs, network.all_inputs, plain.all_outputs, plain.all_inputs, samples
        )

    def _learn_roundings(self) -> None:
        network, plain = self.network, self.plain
        samples = self._affordable()
        if self._are_fine():
            samples = _spread(samples, _FOR_FLIPS)
        _, left = learn_roundings(
            network.all_outputs,
            network.all_inputs,
            plain.all_outputs,
            plain.all_inputs,
            samples,
            self.settings.learning,
            self.settings.seed,
        )
        if left:
            self._note(f"left at nearest rounding: {', '.join(left)}.")

    def _are_fine(self) -> bool:
        """Whether all weights have so many bits that single roundings are flipped."""
        learning = self.settings.learning
        return all(is_fine(node, learning) for node in weight_quantizers(self.network))

    def _rounds(self) -> bool:
        if self.settings.rounding is False:
            return False
        for node in weight_quantizers(self.network):
            quantizer = quantizer_of(node)
            assert quantizer is not None
            if quantizer.choices(node.info.args, node.inputs) is not None:
                return True
        return False

    def _affordable(self) -> Tuple[np.ndarray, ...]:
        """The samples whose feature maps fit the memory."""
        assert self.learn_from is not None
        with self.plain.within():
            peak = costs(self.plain.all_outputs, inputs=self.plain.all_inputs).peak_bytes
        most = max(1, self.settings.memory // max(1, _HELD * max(peak, FLOAT_BYTES)))
        return _spread(self.learn_from, most)

    def _try(self, name: str, change: Callable[[], None]) -> bool:
        """Makes a change and takes it back unless it helped; returns whether it stayed."""
        before, best = self.network.state(self.plain), self._best()
        kept = self._judge(name, change, best)
        if not kept:
            self.network.restore(before)
        return kept

    def _best(self) -> float:
        return max(step.merit(self.settings.judge) for step in self.steps if step.kept)

    def _judge(self, name: str, change: Callable[[], None], best: float = float("-inf")) -> bool:
        began = time.perf_counter()
        forget(sum(int(v.size) for v in self.plain.parameters.values()))  # networks taken back
        give_back()
        change()
        give_back()
        score = None
        if self.judged_on:
            score = agreement(self.expected, self._computed())
        weight_snr = self._weight_snr()
        step = Step(name, score, weight_snr, True, time.perf_counter() - began)
        least = best + (0 if self.judged_on else _WITHOUT_SAMPLES)
        step = replace(step, kept=step.merit(self.settings.judge) > least)
        self.steps.append(step)
        self.tell(f"{step}, {'kept' if step.kept else 'taken back'}")
        return step.kept

    def _computed(self) -> List[np.ndarray]:
        """What the network computes of the samples that steps are judged on."""
        if self.computation is None or self.computation[0] is not self.network:
            made = Computation(self.network.all_outputs, self.network.all_inputs, self.judged_on)
            self.computation = self.network, made
        return self.computation[1]()

    def _weight_snr(self) -> float:
        twins = {layer.name: layer.weight for layer in layers_of(self.plain)}
        found = []
        for layer in layers_of(self.network):
            if layer.quantizer is None or layer.shared:
                continue
            quantizer = quantizer_of(layer.quantizer)
            assert quantizer is not None
            given, signal, noise = twins[layer.name].d, 0.0, 0.0
            for rows, part in quantizer.encode(layer.quantizer).decoded():
                values = given[rows].astype(np.float64)
                signal += float(np.square(values).sum())
                values -= part
                noise += float(np.square(values, out=values).sum())
            found.append(decibels(signal, noise))
        return float(np.mean(found)) if found else 0.0

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self.tell(f"note: {text}")


def _named(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]) -> Network:
    """A network of variables that have no names."""
    given, wanted = enumerate(inputs), enumerate(outputs)
    return Network({f"x{n}": x for n, x in given}, {f"y{n}": y for n, y in wanted})


def _spread(samples: Sequence[np.ndarray], most: int) -> Tuple[np.ndarray, ...]:
    """At most so many samples, from all over them: they may be sorted by their classes."""
    count = len(samples[0])
    if count <= most:
        return tuple(samples)
    chosen = np.linspace(0, count - 1, most).astype(int)
    return tuple(array[chosen] for array in samples)


def _largest_code(node: Any) -> float:
    """The largest magnitude of a quantizer's codes, counted from its zero."""
    quantizer = quantizer_of(node)
    assert quantizer is not None
    return float(2 ** (quantizer.bits_of(node.info.args, node.inputs) - 1) - 1)
