# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a run of embeddings does: a graph, a network, a training, and tables to store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Literal, Mapping, Optional, Union

from pydantic import Field, model_validator

from nnabla_compress.embeddings.compressed import TableTraining
from nnabla_compress.embeddings.neighbourhoods import Walks
from nnabla_compress.embeddings.pinsage import PinSage
from nnabla_compress.embeddings.training import PairTraining
from nnabla_compress.errors import ConfigError
from nnabla_compress.options import Options, validated
from nnabla_compress.reading import read_keys
from nnabla_compress.rules import QuantizerRule
from nnabla_compress.safe_names import file_name

MOST_SEED = 2**32 - 1
"""The largest seed."""


class GraphPart(Options):
    """Where the graph is.

    Args:
        path: An ``.npz`` file as of the data source ``graph``, or a list of edges.
        features: For a list of edges: ``.npy`` or text, a row for each item.
        labels: For a list of edges: a class for each item. Without, as in an ``.npz`` without
            ``label``, only pairs judge the embeddings.
        content: Numbers that features are brought down to by a singular value decomposition; None:
            they stay as they are, with norm 1.
        tf_idf: Whether they are words that are there or not, which count the more the fewer items
            have them.
    """

    path: str
    features: Optional[str] = None
    labels: Optional[str] = None
    content: Optional[int] = Field(default=None, ge=1)
    tf_idf: bool = False


class PairsPart(Options):
    """How linked pairs are shared out.

    Args:
        validation: Share that neither trains nor tests.
        test: Share that embeddings are judged by.
    """

    validation: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)


class EmbeddingRecipe(Options):
    """A run of embeddings.

    Args:
        name: Name of the run.
        seed: Seed of everything random.
        graph: Where the graph is.
        walks: How neighbourhoods are sampled.
        pooling: How they are pooled: ``importance``, ``mean`` or ``none``.
        network: Sizes of the network.
        pairs: How linked pairs are shared out.
        training: How the network is trained.
        tables: Quantizers of the table of embeddings, such as ``pq:bits=8,length=8``.
        table_training: How each is trained through its codes; left out: it is not.
        chunk: Items of a chunk of the inference.

    Example:
        >>> made = EmbeddingRecipe.checked({"name": "a", "graph": {"path": "cora.npz"}})
        >>> made.network.output, made.walks.neighbours
        (64, 10)
    """

    name: str
    seed: int = Field(default=0, ge=0, le=MOST_SEED)
    graph: GraphPart
    walks: Walks = Walks()
    pooling: Literal["importance", "mean", "none"] = "importance"
    network: PinSage = PinSage()
    pairs: PairsPart = PairsPart()
    training: PairTraining = PairTraining()
    tables: List[Union[str, Dict[str, Any]]] = Field(default_factory=list)
    table_training: Optional[TableTraining] = None
    chunk: int = Field(default=16384, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> EmbeddingRecipe:
        names = list(self.quantizers)
        if len({file_name(name) for name in names}) < len(self.tables):
            raise ConfigError("tables: one is named twice.", help="name each once")
        return self

    @property
    def quantizers(self) -> Dict[str, Any]:
        """The quantizers of the tables by what they are called."""
        found = {}
        for entry in self.tables:
            quantizer = validated(QuantizerRule, entry, "tables").make()
            if quantizer is None:
                raise ConfigError(
                    f"tables: {entry!r} quantizes nothing.", help="such as lut:bits=4"
                )
            found[entry if isinstance(entry, str) else str(quantizer)] = quantizer
        return found

    @classmethod
    def checked(cls, content: Mapping[str, Any], where: str = "embeddings") -> EmbeddingRecipe:
        """Makes a recipe from its keys and values.

        Args:
            content: What the YAML file would hold.
            where: What messages call it.

        Raises:
            ConfigError: If anything in it is unknown or out of range.
        """
        return validated(cls, content, where)

    @classmethod
    def read(cls, path: Path) -> EmbeddingRecipe:
        """Reads a recipe file.

        Args:
            path: The YAML file.

        Raises:
            ConfigError: If it is missing, or not a valid recipe.
        """
        return cls.checked(read_keys(path, "a recipe", "docs/embeddings.md"), str(path))
