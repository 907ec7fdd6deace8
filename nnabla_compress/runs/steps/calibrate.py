# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that quantizes the network with a few samples, without training it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Dict, Mapping, Optional

from pydantic import Field, model_validator

from nnabla_compress.analysis.channel_pairs import with_channel_clips
from nnabla_compress.calibration.network import folded_copy, quantized_copy
from nnabla_compress.calibration.ptq import post_training_quantize
from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.calibration.steps import step_rows
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.propagated import propagations
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.recipes.step import Course, Record, Step, register_step
from nnabla_compress.runs.doubts import of_inputs
from nnabla_compress.transforms.quantize import refuse_codes


@register_step("calibrate")
class Calibrate(Step):
    """Post-training quantization: ranges, biases and roundings from samples without labels.

    Args:
        settings: Quantizers, and what is tried.
        samples: Most samples that are looked at, drawn from the training samples.
        bits (integer): Bits of the weights, where ``weights`` gives no rules.
        seed: Seed of the choice of samples and positions; 0: that of the recipe.
        activation_bits (integer): Bits of the feature maps, where ``activations`` gives none.
    """

    flat = "settings"
    aliases = ("bits", "activation_bits")

    settings: PostTrainingSettings = Field(default_factory=PostTrainingSettings)
    samples: int = Field(default=512, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _bits_as_rules(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        found: Dict[str, Any] = dict(content)
        bits, of_maps = found.pop("bits", None), found.pop("activation_bits", None)
        if bits is not None:
            found.setdefault("weights", [f"affine:bits={bits}"])
        if of_maps is not None:
            found.setdefault("activations", [f"affine:bits={of_maps},symmetric=false"])
        for key in ("weights", "activations"):
            if isinstance(found.get(key), str):
                found[key] = [found[key]]
        return found

    @property
    def samples_taken(self) -> int:
        """Samples that ranges, biases and roundings are fitted to."""
        return self.samples

    def need_of_data(self) -> Optional[str]:
        """Returns why feature maps need data."""
        if not self.settings.activations or self.settings.input_range is not None:
            return None
        return "the ranges of the feature maps come from samples"

    def foresee(self, course: Course) -> None:
        """Refuses rules that match nothing, networks quantized already, and those of a graph."""
        if propagations(course.network().all_outputs):
            raise ConfigError(
                "calibrate: layers of a graph network read rows of all nodes, not of samples.",
                help="use the steps quantize and layerwise, which train rows of each layer",
            )
        course.adopt(self._structure(course, {}, False))

    def run(self, course: Course) -> Record:
        """Quantizes, and keeps what helps."""
        network, arrays = course.network(), course.samples(self.samples)
        samples = None if arrays is None else network.in_order(arrays)
        ends = network.all_inputs, network.all_outputs
        doubtful = [f"{note}." for note in of_inputs(samples or [], *ends)]
        for note in doubtful:
            course.tell(f"note: {note}")
        settings = replace(self.settings, seed=self.settings.seed or course.seed)
        result = post_training_quantize(ends[1], ends[0], samples, settings, course.tell)
        inputs = dict(zip(network.inputs, result.inputs))
        made = Network(inputs, dict(zip(network.outputs, result.outputs)), result.scope)
        nodes = [node.info.args for node in graph_quantizers(result.outputs)]
        course.adopt(made)
        if result.before:
            course.keep_before(result.before)
        tried = step_rows(result.steps)
        course.said["steps"] = tried
        return {
            "signed": {n["name"]: bool(n["signed"]) for n in nodes if n.get("tensor") == ""},
            "channel_clips": result.channel_clips,
            "samples": 0 if samples is None else len(samples[0]),
            "tried": [{k: v for k, v in row.items() if k != "seconds"} for row in tried],
            "notes": [*doubtful, *result.notes],
        }

    def replay(self, course: Course, record: Mapping[str, Any]) -> None:
        """Puts the same quantizers in, with the signs and clips that were found."""
        course.adopt(self._structure(course, record["signed"], record["channel_clips"]))

    def results(self, record: Mapping[str, Any]) -> Record:
        """Returns the settings, and what was tried."""
        return {
            "settings": asdict(self.settings),
            "calibration_samples": record["samples"],
            "steps": record["tried"],
            "notes": record["notes"],
        }

    def _structure(self, course: Course, signed: Mapping[str, bool], clips: bool) -> Network:
        network = course.network()
        refuse_codes(network.all_outputs)
        plain = folded_copy(network, prove=False)
        if clips:
            plain = plain.giving(with_channel_clips(plain.all_outputs)).copy()
        return quantized_copy(plain, signed, self.settings, prove=False)
