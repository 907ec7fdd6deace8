# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A user's own network: a function in a Python module beside the recipe or installed."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

import nnabla as nn

from nnabla_compress.errors import CompressError, ConfigError


class PythonModel:
    """Network built by ``module:function``.

    The function is called as ``f(x, test)``, or with ``n_classes`` where it has an argument of that
    name or a third one without a default, and returns the logits.

    Args:
        spec: ``"module:function"``; the module may be dotted.
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
        module_name, separator, function_name = str(spec).partition(":")
        if not separator or not module_name or not function_name:
            raise ConfigError(
                f"python model {spec!r} is not of the form module:function.",
                help="write for instance python: my_networks:small_net",
            )
        self.spec = spec
        self.n_classes = n_classes
        self.folder = os.path.abspath(str(folder)) if folder is not None else os.getcwd()
        module = self._import(module_name)
        function = getattr(module, function_name, None)
        if not callable(function):
            raise ConfigError(
                f"python model {spec!r}: module {module_name} has no function {function_name!r}.",
                help=_functions_of(module),
            )
        self.function: Callable[..., Any] = function
        self._arguments(None, True)  # refuses a wrong signature before anything is built

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
            with _import_path(self.folder):
                arguments, keywords = self._arguments(x, test)
                y = self.function(*arguments, **keywords)
        except CompressError:
            raise
        except Exception as error:
            raise ConfigError(
                f"python model {self.spec!r} failed with {_reason(error)}.",
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
        return y

    def _import(self, name: str) -> ModuleType:
        with _import_path(self.folder):
            _forget_other(name.split(".")[0], self.folder)
            try:
                return importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name and (name == error.name or name.startswith(error.name + ".")):
                    raise ConfigError(
                        f"python model {self.spec!r}: no module {error.name!r} in {self.folder} "
                        "or among the installed ones.",
                        help="put the file beside the recipe",
                    ) from error
                raise self._import_failed(error) from error
            except (Exception, SystemExit) as error:
                raise self._import_failed(error) from error

    def _import_failed(self, error: BaseException) -> ConfigError:
        return ConfigError(
            f"python model {self.spec!r}: its module fails on import with {_reason(error)}.",
            help="mend the module",
        )

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


@contextmanager
def _import_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        # Only our entry goes: the module may have added entries of its own.
        if folder in sys.path:
            sys.path.remove(folder)


def _forget_other(name: str, folder: str) -> None:
    """Forgets a module of the same name that came from another recipe's folder."""
    loaded = sys.modules.get(name)
    beside = [Path(folder, f"{name}.py"), Path(folder, name, "__init__.py")]
    here = next((path for path in beside if path.is_file()), None)
    if loaded is None or here is None or getattr(loaded, "__file__", None) is None:
        return
    if not os.path.samefile(str(loaded.__file__), str(here)):
        for key in [key for key in sys.modules if key == name or key.startswith(name + ".")]:
            del sys.modules[key]


def _reason(error: BaseException) -> str:
    """Kind and text of an exception, with the last line of code that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}, line {error.lineno})"
        return f"SyntaxError: {error.msg}{place}"
    return f"{type(error).__name__}: {str(error).strip().rstrip('.')}{place}"


def _functions_of(module: ModuleType) -> str:
    names = sorted(
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    )
    return f"it has {', '.join(names)}" if names else "define the function in that file"
