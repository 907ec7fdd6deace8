# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What all attempts have in common: the network, its data, and which samples are for what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Union

import numpy as np

from nnabla_compress.data import DataSet
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.loading.inputs import load_data
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.search.recipe_of import with_paths

# Of the training samples at most so many, and at most this part, are held out to judge on.
_HELD_OUT, _PART = 2000, 5
# At most so many samples, and at most this part of them, are fitted to where none are for training.
_CALIBRATED, _QUARTER = 512, 4
# Fewer can't be divided into what is fitted to and what is judged on.
_FEWEST = 8


@dataclass(frozen=True)
class Question:
    """A network and its data.

    Args:
        content: What recipes of all attempts begin with; its paths are absolute.
        fitted: The split that ranges, roundings and number formats are fitted to.
        judged: The split that attempts are judged on: another one, or what is left of the same.
        reported: The split that is scored on in the end only, None if there is none.
        samples: How many samples calibration takes.
        training: Number of training samples, 0 without any.
        labelled: Whether all samples have targets.
    """

    content: Mapping[str, Any]
    fitted: str
    judged: str
    reported: Optional[str]
    samples: int
    training: int
    labelled: bool

    def recipe(
        self,
        name: str,
        steps: List[Dict[str, Any]],
        target: str,
        prefer: str = "flash",
        with_data: bool = True,
    ) -> Recipe:
        """Returns the recipe of an attempt.

        Args:
            name: Its name.
            steps: Its steps.
            target: What it is exported for.
            prefer: As of a recipe's ``export``.
            with_data: Whether it has any data.
        """
        content = {key: value for key, value in self.content.items() if key != "data"}
        if with_data:
            content["data"] = self.content["data"]
        # Number formats come from samples that calibration may see.
        export = {"target": target, "prefer": prefer, "samples": min(256, self.samples)}
        made = {**content, "name": name, "evaluate": False, "export": export}
        return Recipe.checked({**made, "steps": steps} if steps else made, name)

    @property
    def plain(self) -> Recipe:
        """The recipe of the network as it is."""
        return self.recipe("network", [], "portable")

    def rows(self, data: DataSet, most: int = _HELD_OUT) -> np.ndarray:
        """Returns which samples of the judged split attempts are judged on.

        Args:
            data: The data.
            most: Most samples.
        """
        count = len(data.split(self.judged))
        order = np.random.RandomState(self.content["seed"]).permutation(count)
        # The same permutation says what calibration draws.
        left = order[self.samples :] if self.judged == self.fitted else order
        return np.sort(left[:most])


def question_of(file: Union[str, Path], options: DataOptions) -> Question:
    """Returns the question of a file and its data, which are loaded to see what there is.

    Where there are training samples, networks are judged on validation samples, which are held out
    of these if the data have none by themselves. Else a part of the only samples is calibrated on,
    and the others are judged on.

    Args:
        file: The network.
        options: Its data, their preprocessing, and the loss.

    Raises:
        ConfigError: If no data are named.
        DataError: If they are missing, damaged, or too few.
    """
    if not options.given:
        raise ConfigError(
            "fit needs data: accuracy is judged on samples.",
            help="add --data FILE.npz, or --recipe-data RECIPE; 'ptq --weights-only' needs none",
        )
    content, folder = options.parts(file, training=True, compressing=True)
    folder = folder.resolve()
    asked = options.validation
    content["data"] = dict(content["data"])
    if asked is None:
        asked = content["data"]["validation"] if options.recipe_data is not None else 0
    content["data"]["validation"] = asked
    for part in ("model", "data"):
        content[part] = with_paths(content[part], folder)
    data = load_data(Recipe.checked({**content, "evaluate": False}), folder, unlabelled=True)
    if data.train is not None and data.validation is None:
        content["data"]["validation"] = held = min(_HELD_OUT, len(data.train) // _PART)
        _refuse_few(data.name, held)
    else:
        held = 0
    names = [name for name in ("train", "validation", "test") if name in data.splits]
    fitted = names[0]
    judged = "validation" if fitted == "train" else fitted
    count = len(data.split(fitted)) - held
    samples = min(_CALIBRATED, count if judged != fitted else count // _QUARTER)
    _refuse_few(data.name, samples)
    return Question(
        content,
        fitted,
        judged,
        "test" if "test" in names and "test" != judged else None,
        samples,
        count if fitted == "train" else 0,
        all(split.labelled for split in data.splits.values()),
    )


def _refuse_few(name: str, count: int) -> None:
    if count < _FEWEST:
        raise DataError(
            f"{name} has too few samples to fit to some and to judge on others: {count} of a part.",
            help="give some hundred samples",
        )
