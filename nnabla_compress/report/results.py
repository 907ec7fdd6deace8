# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a run came to: ``results.json`` as a value, with one writer and one reader."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Type, TypeVar

from nnabla_compress.errors import DataError
from nnabla_compress.exporters import NnbReport
from nnabla_compress.files import write_json
from nnabla_compress.reading import read_text

NAME = "results.json"
_Kind = TypeVar("_Kind")


@dataclass
class NetworkResults:
    """A network of a run: its scores, and the sizes of its files.

    Args:
        accuracy: Share of right answers, 0 to 1; None where it was not measured.
        loss: Mean loss of a sample; None where nothing was scored.
        samples: How many samples that was.
        accuracy_name: What the accuracy is called.
        metrics: Further measures by name, smaller ones being better.
        loss_name: Name of the loss, where there are metrics.
        warnings: What speaks against believing the scores, and budgets that were missed.
        nnp_bytes: Bytes of the ``.nnp``.
        float_weight_bytes: Bytes of the weights as float32.
        packed_weight_bytes: Bytes of their codes at their bits, with their tables.
        entropy_coded_weight_bytes: Bytes if these codes were entropy-coded; no file stores them so.
        notes: What a user should know of the files, a sentence each.
        commands: What to type to convert and to compile them, by what it does.
        sizes: Of the ``.nnb``; None where there is none.
        budgets: By what they are for: bytes, used bytes, and by how much it is missed.
        parameters: Number of its parameters, those of quantizers left out.
        macs: Multiply-accumulate operations for one sample.
        memory: What runs, in order, as ``[name, bytes]``: bytes of activations that are held
            meanwhile, at their bits, for one sample.
        read_back: How the written file compares with the network: ``largest_difference`` of the
            outputs, as a part of the largest one, and the ``tolerance``.
        exit_accuracies: Accuracies of its exits in order, the last one's is ``accuracy``; empty
            without exits.
        exits: Files of single exits: which operations, bytes and buffers each takes.
        nnb_score: What the ``.nnb`` itself came to in the simulator of the C runtime:
            ``accuracy``, ``loss``, ``samples``.

    Example:
        >>> found = NetworkResults.from_dict({"accuracy": 0.5, "loss": 1.25, "nnp_bytes": 100})
        >>> found.accuracy, found.sizes, found.as_dict()
        (0.5, None, {'accuracy': 0.5, 'loss': 1.25, 'nnp_bytes': 100})
    """

    accuracy: Optional[float] = None
    loss: Optional[float] = None
    samples: Optional[int] = None
    accuracy_name: Optional[str] = None
    metrics: Dict[str, float] = field(default_factory=dict)
    loss_name: Optional[str] = None
    warnings: List[str] = field(default_factory=list)
    nnp_bytes: Optional[int] = None
    float_weight_bytes: Optional[int] = None
    packed_weight_bytes: Optional[int] = None
    entropy_coded_weight_bytes: Optional[int] = None
    notes: List[str] = field(default_factory=list)
    commands: Dict[str, str] = field(default_factory=dict)
    sizes: Optional[NnbReport] = None
    budgets: Dict[str, Dict[str, float]] = field(default_factory=dict)
    parameters: Optional[int] = None
    macs: Optional[int] = None
    memory: List[List[Any]] = field(default_factory=list)
    read_back: Optional[Dict[str, float]] = None
    exit_accuracies: List[float] = field(default_factory=list)
    exits: Optional[Dict[str, Any]] = None
    nnb_score: Optional[Dict[str, Any]] = None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> NetworkResults:
        """Makes one of what ``results.json`` says of a network."""
        made = _known(cls, content)
        if "nnb_bytes" in content and "buffer_bytes" in content:
            made.sizes = NnbReport.from_dict(content)
        return made

    def as_dict(self) -> Dict[str, Any]:
        """Returns what ``results.json`` says of it."""
        found = _without_nothing(self)
        sizes = found.pop("sizes", None)
        budgets = found.pop("budgets", None)
        if sizes is not None and self.sizes is not None:
            found.update(self.sizes.as_dict())
        return found if budgets is None else {**found, "budgets": budgets}


@dataclass
class Results:
    """What a run came to.

    Args:
        name: Name of the run.
        seed: Its seed.
        versions: Of what the results depend on.
        date: When it ended, as 2026-12-31.
        float: The network before its compression.
        targets: Where targets are from, if the data has none.
        float_training: What training it led to, in the short form of a recipe.
        settings: Of a calibration.
        calibration_samples: How many samples a calibration took.
        steps: What a calibration tried, a row each.
        notes: What a calibration noted.
        training: What training the compressed network led to, in the short form of a recipe.
        recipe_steps: What each step of a recipe decided.
        sections: What the sections of a network, trained apart, came to, a row each.
        compressed: The network in the end; None where nothing but a training was asked for.
        layers: A row for each layer with a weight.
        what_stays: A row for each weight that stays float.
        quantizers: A row for each quantized tensor.
        course: A row for each step: its name, its options, the ``updates`` of a training, and the
            folder of its monitors.
        curves: What each training monitored: ``step``, which one of the course, and ``series``,
            by name lists of ``[update, value]``, long ones thinned out.
        histograms: The float weights of layers, counted: ``low`` and ``high`` end of the bins,
            shares ``before`` and ``after``, and the ``levels`` of the quantizer.
        ranges: A row for each quantized map: the values that it had on samples, those that its
            quantizer covers, and the share that was ``clipped``.
        map_noise: Signal-to-noise ratio of each map against the float network's, in dB, along the
            network.
        inputs: What the inputs held on samples: "name", "low", "high", "mean", "std".
        changes: What the compressed network answers otherwise: confusions, classes, samples.
    """

    name: str
    seed: int
    versions: Dict[str, str]
    date: str
    targets: Optional[str] = None
    float_training: Optional[Dict[str, Any]] = None
    settings: Optional[Dict[str, Any]] = None
    calibration_samples: Optional[int] = None
    steps: Optional[List[Dict[str, Any]]] = None
    notes: Optional[List[str]] = None
    float: NetworkResults = field(default_factory=NetworkResults)
    training: Optional[Dict[str, Any]] = None
    recipe_steps: Optional[List[Dict[str, Any]]] = None
    sections: Optional[List[Dict[str, Any]]] = None
    compressed: Optional[NetworkResults] = None
    layers: Optional[List[Dict[str, Any]]] = None
    what_stays: Optional[List[Dict[str, Any]]] = None
    quantizers: Optional[List[Dict[str, Any]]] = None
    course: Optional[List[Dict[str, Any]]] = None
    curves: Optional[List[Dict[str, Any]]] = None
    histograms: Optional[List[Dict[str, Any]]] = None
    ranges: Optional[List[Dict[str, Any]]] = None
    map_noise: Optional[List[Dict[str, Any]]] = None
    inputs: Optional[List[Dict[str, Any]]] = None
    changes: Optional[Dict[str, Any]] = None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Results:
        """Makes one of the content of a ``results.json``."""
        made = _known(cls, content)
        made.float = NetworkResults.from_dict(content["float"])
        if made.compressed is not None:
            made.compressed = NetworkResults.from_dict(content["compressed"])
        return made

    def as_dict(self) -> Dict[str, Any]:
        """Returns the content of a ``results.json``."""
        found = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        found["float"] = self.float.as_dict()
        if self.compressed is not None:
            found["compressed"] = self.compressed.as_dict()
        return {name: value for name, value in found.items() if value is not None}

    def write(self, folder: Path) -> None:
        """Writes ``results.json``.

        Args:
            folder: Where it goes.

        Raises:
            ConfigError: If it can't be written.
        """
        write_json(folder / NAME, self.as_dict(), rows=True)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Reads a ``results.json``.

        Args:
            path: The file, or the folder that it is in.

        Raises:
            DataError: If it is missing, or holds no results.
        """
        path = path / NAME if path.is_dir() else path
        try:
            return cls.from_dict(json.loads(read_text(path, DataError)))
        except FileNotFoundError:
            raise DataError(f"there is no {path}.", help="name the folder of a run") from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"can't read {path}: {error}.", help="name the results.json of a run"
            ) from error


def _known(kind: Type[_Kind], content: Mapping[str, Any]) -> _Kind:
    names = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: content[name] for name in names if name in content})


def _without_nothing(part: Any) -> Dict[str, Any]:
    return {name: value for name, value in asdict(part).items() if value not in (None, {}, [])}
