# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The zoo: models by name."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, Callable, Dict, Mapping, Optional, Union

import nnabla as nn

from nnabla_compress.errors import ConfigError
from nnabla_compress.models.graph_convolution import graph_convolution
from nnabla_compress.models.lenet import lenet
from nnabla_compress.models.mlp import mlp
from nnabla_compress.models.ranet import ranet
from nnabla_compress.models.resnet_cifar import resnet_cifar
from nnabla_compress.models.transformer import transformer
from nnabla_compress.node_graph import NodeGraph
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.turns import one_at_a_time

# What a model gives: logits, or those of each exit by name.
Made = Union[nn.Variable, Mapping[str, nn.Variable]]
MODELS: Dict[str, Callable[..., Made]] = {
    "graph_convolution": graph_convolution,
    "lenet": lenet,
    "mlp": mlp,
    "ranet": ranet,
    "resnet20": partial(resnet_cifar, depth=20),
    "resnet32": partial(resnet_cifar, depth=32),
    "resnet44": partial(resnet_cifar, depth=44),
    "resnet56": partial(resnet_cifar, depth=56),
    "transformer": transformer,
}
"""The networks of the zoo by their names."""
_GIVEN = ("x", "n_classes", "test", "graph")  # not options of a recipe


def check_options(name: str, options: Dict[str, Any]) -> None:
    """Makes sure that a model and its options exist, without building anything.

    Args:
        name: A key of ``MODELS``.
        options: Keyword arguments as a recipe gives them.

    Raises:
        ConfigError: If the model or an option is unknown; the nearest name is in the help.

    Example:
        >>> check_options("mlp", {"hidden": [32]})
    """
    if name not in MODELS:
        raise ConfigError(
            f"unknown model {name!r}.",
            help=f"{did_you_mean(name, MODELS)}; or python: FILE.py:FUNCTION, or nnp: FILE",
        )
    model = MODELS[name]
    set_by_name = model.keywords if isinstance(model, partial) else {}
    known = [
        key
        for key in inspect.signature(model).parameters
        if key not in _GIVEN and key not in set_by_name
    ]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"model {name} has no option {option!r}.",
                help=did_you_mean(option, known, "its options are"),
            )


@one_at_a_time
def build(
    name: str,
    x: nn.Variable,
    n_classes: int,
    test: bool = False,
    graph: Optional[NodeGraph] = None,
    **options: Any,
) -> Made:
    """Builds a model of the zoo in the current parameter scope.

    Call it once with ``test=False`` and once with ``test=True``: both graphs share parameters.

    Args:
        name: A key of ``MODELS``.
        x: Inputs (B, C, H, W), (B, D), or token numbers (B, T).
        n_classes: Number of outputs, at least 1.
        test: Whether batch normalization uses its running statistics.
        graph: Of data whose samples are nodes: their features and links.
        options: Keyword arguments of the model.

    Returns:
        Logits (B, n_classes); of a model with exits those of each by its name.

    Raises:
        ConfigError: If the model or an option is unknown, or the input does not fit: samples that
            are nodes are for models of graphs, which take no others.

    Example:
        >>> with nn.parameter_scope("example"):
        ...     build("mlp", nn.Variable((4, 20)), 3, test=True, hidden=[8]).shape
        (4, 3)
    """
    check_options(name, options)
    takes_graph = "graph" in inspect.signature(MODELS[name]).parameters
    if takes_graph != (graph is not None):
        raise ConfigError(
            f"model {name} takes {'nodes of a graph' if takes_graph else 'features'}, the data has "
            f"{'features' if takes_graph else 'nodes of a graph'}.",
            help="use the data source graph with the model graph_convolution, others with others",
        )
    if takes_graph:
        options["graph"] = graph
    return MODELS[name](x, n_classes=n_classes, test=test, **options)
