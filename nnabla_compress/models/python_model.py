# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A user's own network: a function in a Python module beside the recipe or installed."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import nnabla as nn

from nnabla_compress.data.user_function import find_function, import_path, reason
from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.transforms.native_layers import native_in_scope
from nnabla_compress.turns import one_at_a_time


class PythonModel:
    """Network built by ``module:function``.

    Layers of NNabla's own that quantize their weights are read as plain ones behind quantizers.

    The function is called as ``f(x, test)``, or with ``n_classes`` where it has an argument of that
    name or a third one without a default, and returns the logits.

    Args:
        spec: ``"module:function"``, the module may be dotted; or ``"file.py:function"``.
        n_classes: Number of outputs, handed on and checked where given.
        folder: Searched first for the module, usually the recipe's folder. ``sys.path`` is as
            before afterwards.

    Raises:
        ConfigError: If the module or function is missing, fails on import, or has other arguments.

    Example:
        >>> model = PythonModel("nnabla_compress.models.mlp:mlp", n_classes=3)
        >>> with nn.parameter_scope("example_python"):
        ...     model(nn.Variable((4, 20)), test=True).shape
        (4, 3)
    """

    def __init__(
        self,
        spec: str,
        n_classes: Optional[int] = None,
        folder: Union[str, Path, None] = None,
    ) -> None:
        self.spec = spec
        self.n_classes = n_classes
        self.function, self.folder = find_function(spec, folder, "python model")
        self._arguments(None, True)  # refuses a wrong signature before anything is built

    @one_at_a_time
    def __call__(self, x: nn.Variable, test: bool) -> nn.Variable:
        """Builds the network in the current parameter scope.

        Args:
            x: Inputs (B, ...).
            test: Handed on to the function.

        Returns:
            Logits (B, n_classes).

        Raises:
            ConfigError: If the function fails or returns something else.
        """
        try:
            with import_path(self.folder):
                arguments, keywords = self._arguments(x, test)
                y = self.function(*arguments, **keywords)
        except CompressError:
            raise
        except Exception as error:
            raise ConfigError(
                f"python model {self.spec!r} failed with {reason(error)}.",
                help=f"the input has the shape {x.shape}; mend the function",
            ) from error
        if not isinstance(y, nn.Variable):
            raise ConfigError(
                f"python model {self.spec!r} returned a {type(y).__name__}.",
                help="return the nnabla.Variable of the logits",
            )
        expected = (x.shape[0], self.n_classes)
        if self.n_classes is not None and tuple(y.shape) != expected:
            raise ConfigError(
                f"python model {self.spec!r} returned the shape {y.shape}, expected {expected}.",
                help="return one logit for each class",
            )
        return native_in_scope([y], test)[0]

    def _arguments(self, x: Any, test: bool) -> Tuple[List[Any], Dict[str, Any]]:
        """How to call the function: ``test`` and ``n_classes`` by name where it has these names."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):  # some callables of C have none
            return [x, test], {}
        parameters = list(signature.parameters.values())
        named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        arguments: List[Any] = [x]
        keywords: Dict[str, Any] = {}
        if "test" in named:
            keywords["test"] = test
        else:
            arguments.append(test)
        required = [
            p.name
            for p in parameters
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        wants_classes = "n_classes" in named or len(required) == 3
        if "n_classes" in named:
            keywords["n_classes"] = self.n_classes
        elif wants_classes and "test" not in named:
            arguments.append(self.n_classes)
        elif wants_classes:
            keywords[required[2]] = self.n_classes
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            raise ConfigError(
                f"python model {self.spec!r} has the arguments {signature}.",
                help="define it as f(x, test) or f(x, test, n_classes)",
            ) from error
        if wants_classes and self.n_classes is None:
            raise ConfigError(
                f"python model {self.spec!r} wants the number of classes, which is not known.",
                help="give n_classes",
            )
        return arguments, keywords
