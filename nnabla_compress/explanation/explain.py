# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Explaining a compression: both networks on the same samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.data import Split, evaluation_batches
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.explanation.changes import Change, Changes
from nnabla_compress.explanation.looks import Known, looked_at, looks
from nnabla_compress.explanation.pictures import (
    are_images,
    draw_changed,
    draw_classes,
    draw_confusions,
    draw_looks,
)
from nnabla_compress.files import write_json
from nnabla_compress.graph.network import Network
from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.progress import stage
from nnabla_compress.turns import one_at_a_time

_HELP = "'evaluate' scores any network, 'verify' compares what networks compute"


@dataclass(frozen=True)
class Asked:
    """What is to be explained, and how thoroughly.

    Args:
        split: Which samples: "train", "validation" or "test".
        samples: Samples that tell which channels speak for a class, drawn from the training
            samples if there are any.
        perturbations: How often channels are switched off at random for each of them.
        pictures: Most samples that are shown as pictures; 0 leaves pictures out.
        layers: Maps that tell where networks look, as of
            :func:`~nnabla_compress.explanation.looks.looked_at`.
        seed: What channels are switched off with.
    """

    split: str = "test"
    samples: int = 256
    perturbations: int = 32
    pictures: int = 20
    layers: Tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Explanation:
    """What a compression lost.

    Args:
        changes: What both networks answer.
        names: The two networks.
        maps: The maps that tell where each looks, by "before" and "after".
        pictures: Names of the pictures that were written.
        notes: What could not be told, a sentence each.
    """

    changes: Changes
    names: Tuple[str, str]
    maps: Dict[str, List[str]] = field(default_factory=dict)
    pictures: List[str] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)

    def as_dict(self) -> Dict[str, Any]:
        """Returns what is written to ``explain.json``."""
        return {
            "before": self.names[0],
            "after": self.names[1],
            **self.changes.as_dict(),
            "maps": self.maps,
            "pictures": self.pictures,
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Side:
    """One of two networks that are compared.

    Args:
        name: What it is called.
        inputs: The network and the data.
        inside: Returns its graph, of layers that have names, in the current parameter scope.
    """

    name: str
    inputs: Inputs
    inside: Callable[[], Network]


@one_at_a_time
def explain(before: Side, after: Side, folder: Path, asked: Asked) -> Explanation:
    """Compares two networks and writes ``explain.json`` and pictures.

    Args:
        before: The float network.
        after: The compressed network, with the same data.
        folder: Where the files go.
        asked: What is to be explained.

    Returns:
        What was found.

    Raises:
        ConfigError: If the networks don't fit each other, or there is no such map.
        DataError: If the networks are no classifiers, or there are no such samples.
    """
    data = before.inputs.data
    split = data.split(asked.split)
    labels = _labels(split)
    values = []
    for side in (before, after):
        with own_parameters(), stage(f"answers of {side.name}"):
            values.append(_answers(side.inputs, split))
    if values[0].shape != values[1].shape:
        raise ConfigError(
            f"{before.name} gives {values[0].shape[1]} values a sample, {after.name} "
            f"{values[1].shape[1]}.",
            help="give a network and what was made of it",
        )
    classes = values[0].shape[1]
    if labels is not None and labels.max() >= classes:
        raise DataError(
            f"the data has the label {labels.max()}, the networks give {classes} values.",
            help="use the data that the network was trained on",
        )
    changes = Changes(values[0], values[1], labels, data.class_names)
    found = Explanation(changes, (before.name, after.name))
    if asked.pictures:
        _draw(found, (before, after), split, folder, asked)
    write_json(folder / "explain.json", found.as_dict())
    return found


def _draw(
    found: Explanation, sides: Tuple[Side, Side], split: Split, folder: Path, asked: Asked
) -> None:
    changes = found.changes
    draw_confusions(changes, folder / "confusion.png")
    draw_classes(changes.by_class(), changes.labelled, folder / "classes.png")
    found.pictures.extend(["confusion.png", "classes.png"])
    if not are_images(split.x) or split.more:
        found.notes.append("samples are no images, so none are shown")
        return
    shown = changes.changed()[: asked.pictures]
    if shown:
        rows = np.array([each.row for each in shown])
        draw_changed(split.x[rows], shown, changes.names, folder / "changed.png", changes.labelled)
        found.pictures.append("changed.png")
    else:
        found.notes.append(
            "no sample changed its class: maps are of those whose class became less probable"
        )
        shown = changes.most_doubted(asked.pictures)
    # A row of maps takes the room of three samples.
    _draw_looks(found, sides, split, folder, asked, shown[: max(1, asked.pictures // 3)])


def _draw_looks(
    found: Explanation,
    sides: Tuple[Side, Side],
    split: Split,
    folder: Path,
    asked: Asked,
    shown: Sequence[Change],
) -> None:
    inputs = sides[0].inputs
    known = _known(inputs, asked)
    samples = split.take(np.array([each.row for each in shown]))
    wanted = np.array([each.label for each in shown])
    batch = next(iter(evaluation_batches(samples, len(samples), inputs.preprocessing)))
    looked: List[np.ndarray] = []
    for side, when in zip(sides, ("before", "after")):
        with own_parameters(), stage(f"where {side.name} looks"), nn.auto_forward(False):
            network = side.inside()
            places = looked_at(network, asked.layers)
            if not places or network.output.shape[1] < 2:
                found.notes.append(
                    "the network has no map with height and width, or one value for two classes, "
                    "so nothing shows where it looks"
                )
                return
            found.maps[when] = list(places)
            shape = split.x.shape[2:]
            looked.append(looks(network, places, known, {"x": batch.x}, wanted, shape))
    draw_looks(
        samples.x,
        shown,
        found.changes.names,
        looked[0],
        looked[1],
        folder / "maps.png",
        found.changes.labelled,
    )
    found.pictures.append("maps.png")


def _known(inputs: Inputs, asked: Asked) -> Known:
    """Samples with their classes, or those that the float network finds."""
    drawn = inputs.drawn(asked.samples)
    classes = _labels(drawn.samples)
    if classes is None:
        with own_parameters():
            classes = _answers(inputs, drawn.samples).argmax(axis=1)
    return Known(drawn.arrays, classes, asked.perturbations, asked.seed)


def _labels(split: Split) -> Optional[np.ndarray]:
    if not split.labelled:
        return None
    if not split.has_classes or split.y.ndim != 1:
        raise DataError("the targets are no classes, one a sample.", help=_HELP)
    return split.y.astype(np.int64)


def _answers(inputs: Inputs, split: Split) -> np.ndarray:
    """What a network gives, a value for each class."""
    if not inputs.one_output:
        raise DataError("the network has several outputs: none is a class by itself.", help=_HELP)
    values = inputs.outputs_of(split)
    if values.ndim != 2:
        raise DataError(
            f"the network gives outputs of shape {values.shape[1:]} a sample, no row of values.",
            help=_HELP,
        )
    if values.shape[1] == 1:  # one logit stands for two classes
        values = np.concatenate([np.zeros_like(values), values], axis=1)
    return values
