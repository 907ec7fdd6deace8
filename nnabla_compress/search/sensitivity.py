# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network suffers from one change alone, as a table that is kept in a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

from nnabla_compress.errors import DataError
from nnabla_compress.files import write_json
from nnabla_compress.reading import read_json

WEIGHTS, ACTIVATIONS = "weights", "activations"
"""Kinds of tensors that are quantized."""
CHANNELS, RANKS = "channels", "ranks"
"""Kinds of what makes a network smaller."""
FLOAT_BITS = 32


@dataclass(frozen=True)
class Sensitivity:
    """What one change does to a network of which all else stays as it is.

    Args:
        kind: "weights" of a layer or "activations", at fewer bits; "channels" of a group that go;
            "ranks" of a layer that is factorized.
        layer: Name of the layer, the activation, or the group.
        type: Type of its function.
        elements: Number of weights, or of the elements of an activation for one sample; of channels
            that stay in a group; of weights of the layers that take a factorized one's place.
        macs: Multiply-accumulates for one sample: of the layer, of all layers that lose channels as
            they are then, of the layers that take a factorized one's place; 0 for activations.
        bits: Bits of an element; 32 where nothing is quantized.
        size_bits: What the weights of these layers take, packed with their table, or one sample's
            map, in bits.
        loss: Change of the mean loss; positive is worse.
        accuracy: Change of the accuracy, -1 to 1; negative is worse; None where targets are
            numbers.
        tensor_snr: Signal-to-noise ratio of the tensor in dB: of channels, of the weights that make
            them; None if it did not change.
        output_snr: Signal-to-noise ratio of the network's output in dB; None likewise.
        share: The share of a group's channels that goes, or the share of a layer's operations that
            its ranks leave at most, above 0 and below 1; None for bits.
        saved_parameters: What the whole network has fewer of.
        saved_macs: Likewise.
        decided: What was done: ``channels`` that go; or ``method``, ``ranks``, and the ``layers``
            that are made.
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
    share: Optional[float] = None
    saved_parameters: int = 0
    saved_macs: int = 0
    decided: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> float:
        """What was asked for: the bits, or the share."""
        return self.bits if self.share is None else self.share


COLUMNS = tuple(field.name for field in fields(Sensitivity))


@dataclass(frozen=True)
class Sensitivities:
    """Changes of a network, each alone.

    Args:
        quantizers: The rules, without bits, by kind of tensor.
        samples: Number of samples.
        loss: Mean loss of the float network.
        accuracy: Its accuracy, 0 to 1; None where targets are numbers.
        recipe: Names the network and the data, as :class:`~nnabla_compress.recipes.Recipe` takes
            it.
        folder: Where its relative paths start.
        rows: One for each change: tensors with their bits in the network's order, weights first,
            then groups that lose channels, then layers that are factorized.
        how: The importance that channels were ranked by, and the method of factorization, by kind.
        kept: Why groups lose no channels and layers are not factorized, by kind and name.
        parameters: Number of parameters of the network; 0 if it was not counted.
        macs: Its multiply-accumulates for one sample, likewise.
    """

    quantizers: Mapping[str, str]
    samples: int
    loss: float
    accuracy: Optional[float]
    recipe: Mapping[str, Any]
    folder: str
    rows: Tuple[Sensitivity, ...]
    how: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parameters: int = 0
    macs: int = 0

    @property
    def only_bits(self) -> bool:
        """Whether nothing that makes the network smaller was measured."""
        return not self.how

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
    if row.kind not in _DECIDED or not isinstance(row.loss, (int, float)):
        raise ValueError(f"a row of kind {row.kind!r} with the loss {row.loss!r}")
    if not _DECIDED[row.kind](row):
        raise ValueError(f"a row of kind {row.kind!r} decided {row.decided!r} of {row.share!r}")
    return row


def _nothing(row: Sensitivity) -> bool:
    return row.share is None


def _channels(row: Sensitivity) -> bool:
    return _is_share(row.share) and _numbers(row.decided["channels"])


def _ranks(row: Sensitivity) -> bool:
    said = row.decided
    names = all(isinstance(name, str) for name in (said["method"], *said["layers"]))
    return _is_share(row.share) and names and _numbers(said["ranks"])


def _is_share(value: Any) -> bool:
    return isinstance(value, float) and 0 < value < 1


def _numbers(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(n, int) and n >= 0 for n in values)


_DECIDED: Dict[str, Callable[[Sensitivity], bool]] = {
    WEIGHTS: _nothing,
    ACTIVATIONS: _nothing,
    CHANNELS: _channels,
    RANKS: _ranks,
}
