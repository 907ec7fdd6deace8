# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What post-training quantization is to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, Optional, Tuple

from nnabla_compress.calibration.learned_rounding import RoundingSettings
from nnabla_compress.calibration.methods import METHODS
from nnabla_compress.errors import ConfigError
from nnabla_compress.rules import QuantizerRule
from nnabla_compress.spelling import did_you_mean

AUTO = "auto"
JUDGES = ("snr", "kl")


@dataclass(frozen=True)
class PostTrainingSettings:
    """Quantizers, and the steps that are tried; those that don't help are taken back.

    Args:
        weights: Rules for the weights as text, such as ``["affine:bits=4", "fc*=affine:bits=8"]``.
        activations: Rules for the feature maps, by the names of what computes them; affine
            quantizers only. None leaves them float, and needs no samples.
        per_channel: Whether affine quantizers of weights have a scale for each output channel.
        power_of_two: Whether all scales of affine quantizers are powers of two.
        calibration: How ranges of feature maps are found; ``"auto"`` tries all, and takes the one
            with the best outputs.
        equalization: Whether to try cross-layer equalization.
        bias_correction: Whether to try bias correction.
        rounding: Whether to try to learn the roundings of the weights. Left out: yes.
        learning: How roundings are learned.
        hold_out: Part of the samples that steps are judged on.
        judge: What decides whether a step helped: ``"snr"``, the signal-to-noise ratio of the
            outputs, or ``"kl"``, the divergence of their softmax, for classifiers: what shifts all
            logits alike does not count then, but a few samples can decide.
        memory: Bytes that bias correction and learned rounding may hold; they take fewer samples
            if all would need more.
        seed: Seed of the choice of samples and positions.
        input_range: Between what all inputs lie, such as ``[0, 1]``: without samples, ranges of
            feature maps are then what no input can exceed (interval arithmetic), which is wide in
            deep networks. Where there are samples, these are looked at.

    Raises:
        ConfigError: If a setting is out of range.

    Example:
        >>> PostTrainingSettings(weights=("affine:bits=4",)).weight_rules[0].make().bits
        4
    """

    one_or_several: ClassVar[Tuple[str, ...]] = ("weights", "activations")

    weights: Tuple[str, ...] = ("affine:bits=8",)
    activations: Optional[Tuple[str, ...]] = ("affine:bits=8,symmetric=false",)
    per_channel: bool = True
    power_of_two: bool = False
    calibration: str = AUTO
    equalization: bool = True
    bias_correction: bool = True
    rounding: Optional[bool] = None
    learning: RoundingSettings = field(default_factory=RoundingSettings)
    hold_out: float = 0.25
    judge: str = "snr"
    memory: int = 1 << 30
    seed: int = 0
    input_range: Optional[Tuple[float, float]] = None

    def __post_init__(self) -> None:
        if self.calibration not in (AUTO, *METHODS):
            raise ConfigError(
                f"unknown calibration method {self.calibration!r}.",
                help=did_you_mean(self.calibration, [AUTO, *METHODS]),
            )
        if self.judge not in JUDGES:
            raise ConfigError(f"judge is {self.judge!r}.", help=did_you_mean(self.judge, JUDGES))
        if not 0 < self.hold_out < 1:
            raise ConfigError(
                f"hold_out is {self.hold_out!r}, it is a part of the samples.", help="0.25, say"
            )
        if self.input_range is not None and not self.input_range[0] < self.input_range[1]:
            raise ConfigError(
                f"input_range is {list(self.input_range)!r}.",
                help="give the least and the largest value of the inputs, such as [0, 1]",
            )
        if not self.weights and not self.activations:
            raise ConfigError("nothing is to be quantized.", help="give rules for the weights")
        rules = {"weights": self.weight_rules, "activations": self.activation_rules}
        for kind, rule in [(name, rule) for name in rules for rule in rules[name]]:
            made = rule.make()
            instead = None if made is None else made.refuses_calibration()
            if instead is not None:
                raise ConfigError(
                    f"{rule.quantizer} is trained, it can't be calibrated.", help=instead
                )
            if (made is not None and kind not in made.calibratable) or (
                kind == "activations" and rule.min_weights is not None
            ):
                raise ConfigError(
                    f"{kind}: {rule.describe()} asks for what only weights have.",
                    help="write for instance affine:bits=8,symmetric=false",
                )

    @property
    def weight_rules(self) -> Tuple[QuantizerRule, ...]:
        """The checked rules for the weights."""
        return tuple(QuantizerRule.model_validate(text) for text in self.weights)

    @property
    def activation_rules(self) -> Tuple[QuantizerRule, ...]:
        """The checked rules for the feature maps."""
        return tuple(QuantizerRule.model_validate(text) for text in self.activations or ())

    def defaults(self, axis: Optional[int] = None) -> Dict[str, Any]:
        """Returns the options of an affine quantizer where its rule does not say.

        Args:
            axis: The axis of a weight's output channels.
        """
        options: Dict[str, Any] = {"axis": axis} if self.per_channel else {}
        return {**options, "scale": "pow2"} if self.power_of_two else options
