# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a sweep tries: sizes of a network, how they are trained, and how they are compressed."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any, Dict, List, Literal, Mapping, Optional, Tuple, Union

from pydantic import Field, field_validator, model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.options import Options, validated
from nnabla_compress.reading import read_keys
from nnabla_compress.recipes import ExportPart, ModelPart, Recipe
from nnabla_compress.safe_names import file_name
from nnabla_compress.search.recipe_of import with_paths
from nnabla_compress.sizes import parse_size

_SHARED = ("data", "preprocessing", "augmentation", "loss")
FLOAT = "float"
"""What a network is called that is not compressed."""


class Sweep(Options):
    """A grid of networks over size and compression.

    Each size is trained once, and what came of it is compressed in each way. All is a run folder
    of its own.

    Args:
        name: Name of the sweep.
        seed: Of all runs.
        model: The network of the zoo, with the options that all sizes have.
        sizes: Options of the network with the values that each takes, such as
            ``{maps: [4, 8, 16], hidden: [12, 50]}``; sizes are all combinations.
        data: As of a recipe, with validation samples: the answer is chosen by them.
        preprocessing: As of a recipe.
        augmentation: Likewise.
        loss: Likewise.
        training: How the largest network is trained, as options of the step ``train``.
        equal: What all sizes get the same of: ``updates``; ``time``, of the processor, measured
            before they are trained; or ``macs``, multiply-accumulates. Of the last two smaller
            networks get more epochs than the largest.
        compressions: Steps of a recipe by the name of each way to compress, such as
            ``{4 bits: [{quantize: lut:bits=4}, {train: {epochs: 1}}]}``.
        budgets: Sizes of packed weights to answer for, such as ``[2 kB, 8 kB]``; left out, each
            size from the smallest up, doubled.
        export: As of a recipe; the ``.nnb`` is left out unless it asks for one.

    Example:
        >>> sweep = Sweep.checked(
        ...     {
        ...         "name": "mlps",
        ...         "model": {"name": "mlp"},
        ...         "sizes": {"hidden": [[8], [32]]},
        ...         "data": {"source": "digits", "validation": 0.1},
        ...         "training": {"epochs": 2},
        ...         "compressions": {"4 bits": [{"quantize": "lut:bits=4"}]},
        ...     }
        ... )
        >>> [name for name, _ in sweep.networks]
        ['hidden=[8]', 'hidden=[32]']
    """

    name: str
    seed: int = Field(default=0, ge=0)
    model: ModelPart
    sizes: Dict[str, List[Any]] = Field(min_length=1)
    data: Dict[str, Any]
    preprocessing: Optional[Dict[str, Any]] = None
    augmentation: Optional[Dict[str, Any]] = None
    loss: Optional[Union[str, Dict[str, Any]]] = None
    training: Dict[str, Any]
    equal: Literal["updates", "time", "macs"] = "updates"
    compressions: Dict[str, List[Any]] = Field(min_length=1)
    budgets: Optional[List[Union[float, str]]] = None
    export: Dict[str, Any] = Field(default_factory=lambda: {"nnb": False})

    @field_validator("sizes")
    @classmethod
    def _some(cls, sizes: Dict[str, List[Any]]) -> Dict[str, List[Any]]:
        for option, values in sizes.items():
            if not values:
                raise ConfigError(f"sweep: sizes: {option} has no values.", help="list some")
        return sizes

    @model_validator(mode="after")
    def _possible(self) -> Sweep:
        if self.model.name is None:
            raise ConfigError(
                "sweep: model names no network of the zoo, whose sizes are its options.",
                help="for instance model: {name: lenet}, sizes: {maps: [4, 8, 16]}",
            )
        if "epochs" not in self.training:
            raise ConfigError("sweep: training has no epochs.", help="training: {epochs: 10}")
        if not self.data.get("validation") and "validation_file" not in self.data:
            raise ConfigError(
                "sweep: data has no validation samples, which the answer is chosen by.",
                help="add validation: 0.1 to it",
            )
        names = [FLOAT, *self.compressions]
        if len({file_name(name) for name in names}) < len(names):
            raise ConfigError(
                f"sweep: two compressions have one name; {FLOAT!r} is that of none.",
                help="call them otherwise",
            )
        for budget in self.budgets or ():
            parse_size(budget, "sweep: budgets")
        ExportPart.model_validate(self.export)
        for _, options in self.networks:  # all that a run would refuse is refused now
            self.recipe("trained", options, [self._trained(1.0)])
        for steps in self.compressions.values():
            self.recipe("compressed", self.networks[0][1], steps)
        return self

    @classmethod
    def checked(cls, content: Mapping[str, Any], where: str = "sweep") -> Sweep:
        """Makes a sweep from its keys and values.

        Args:
            content: What the YAML file would hold.
            where: What messages call it.

        Raises:
            ConfigError: If anything in it is unknown or out of range.
        """
        return validated(cls, content, where)

    @classmethod
    def read(cls, path: Path) -> Sweep:
        """Reads a sweep file.

        Args:
            path: The YAML file; relative paths in it start in its folder.

        Raises:
            ConfigError: If it is missing, or not a valid sweep.
        """
        content = read_keys(path, "a sweep", "docs/sweep.md")
        if isinstance(content.get("data"), dict):
            content["data"] = with_paths(content["data"], path.parent.resolve())
        return cls.checked(content, str(path))

    @property
    def networks(self) -> List[Tuple[str, Dict[str, Any]]]:
        """Each size: what it is called, and the options of its network."""
        found = []
        for values in product(*self.sizes.values()):
            options = dict(zip(self.sizes, values))
            name = ", ".join(f"{key}={_short(value)}" for key, value in options.items())
            found.append((name, {**self.model.options, **options}))
        return found

    def training_recipe(self, name: str, options: Mapping[str, Any], epochs: float) -> Recipe:
        """Returns the recipe that trains a size.

        Args:
            name: What the size is called.
            options: Of its network.
            epochs: How long.
        """
        return self.recipe(f"{name}, {FLOAT}", options, [self._trained(epochs)])

    def recipe(
        self,
        name: str,
        options: Mapping[str, Any],
        steps: List[Any],
        parameters: Optional[Path] = None,
    ) -> Recipe:
        """Returns a recipe of one of the networks.

        Args:
            name: What the run is called.
            options: Options of the network.
            steps: What is done to it.
            parameters: What it starts from; None: from what it is initialized with.

        Raises:
            ConfigError: If anything in it is unknown or out of range.
        """
        shared = {key: getattr(self, key) for key in _SHARED if getattr(self, key) is not None}
        model: Dict[str, Any] = {"name": self.model.name, "options": dict(options)}
        if parameters is not None:
            model["parameters"] = str(parameters)
        content = {"name": name, "seed": self.seed, "model": model, **shared, "steps": steps}
        return Recipe.checked({**content, "export": self.export}, f"sweep: {name}")

    def _trained(self, epochs: float) -> Dict[str, Any]:
        return {"train": {**self.training, "epochs": epochs}}


def _short(value: Any) -> str:
    return str(value).replace(" ", "")
