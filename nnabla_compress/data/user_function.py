# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A user's own function: in a Python file or module beside the recipe, or installed."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Iterator, Tuple, Union

from nnabla_compress.data.paths import resolve_path
from nnabla_compress.errors import ConfigError


def find_function(
    spec: str, folder: Union[str, Path, None], what: str
) -> Tuple[Callable[..., Any], str]:
    """Imports the function that a user names.

    Args:
        spec: ``"module:function"``, the module may be dotted; or ``"file.py:function"``.
        folder: Searched first for the module or file, usually the recipe's folder. ``sys.path`` is
            as before afterwards.
        what: What messages call it, such as "python model".

    Returns:
        The function, and the folder to be importable while it runs.

    Raises:
        ConfigError: If the module or function is missing, or fails on import.
        DataError: If the file is missing.

    Example:
        >>> find_function("os.path:basename", None, "example")[0]("a/b")
        'b'
    """
    module_name, separator, function_name = str(spec).rpartition(":")
    if not separator or not module_name or not function_name:
        raise ConfigError(
            f"{what} {spec!r} is not of the form module:function.",
            help=f"write for instance my_code:{what.split()[-1]} or my_code.py:{what.split()[-1]}",
        )
    start = os.path.abspath(str(folder)) if folder is not None else os.getcwd()
    if module_name.endswith(".py"):
        path = resolve_path(module_name, folder, f"the file of the {what}")
        start, module_name = str(path.parent), path.stem
        if not module_name.isidentifier():
            raise ConfigError(
                f"{what} {spec!r}: {path.name} can't be imported by that name.",
                help="use letters, digits and underscores",
            )
    module = _import(module_name, start, f"{what} {spec!r}")
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ConfigError(
            f"{what} {spec!r}: module {module_name} has no function {function_name!r}.",
            help=_functions_of(module),
        )
    return function, start


@contextmanager
def import_path(folder: str) -> Iterator[None]:
    """Makes the modules of a folder importable for a while.

    Args:
        folder: Searched before all others.
    """
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        # Only our entry goes: the module may have added entries of its own.
        if folder in sys.path:
            sys.path.remove(folder)


def reason(error: BaseException) -> str:
    """Returns kind and text of an exception, with the last line of code that it passed.

    Args:
        error: What a user's code raised.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}, line {error.lineno})"
        return f"SyntaxError: {error.msg}{place}"
    return f"{type(error).__name__}: {str(error).strip().rstrip('.')}{place}"


def _import(name: str, folder: str, what: str) -> ModuleType:
    def failed(error: BaseException) -> ConfigError:
        return ConfigError(
            f"{what}: its module fails on import with {reason(error)}.", help="mend the module"
        )

    with import_path(folder):
        _forget_other(name.split(".")[0], folder)
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(error.name + ".")):
                raise ConfigError(
                    f"{what}: no module {error.name!r} in {folder} or among the installed ones.",
                    help="put the file beside the recipe",
                ) from error
            raise failed(error) from error
        except (Exception, SystemExit) as error:
            raise failed(error) from error


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


def _functions_of(module: ModuleType) -> str:
    names = sorted(
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    )
    return f"it has {', '.join(names)}" if names else "define the function in that file"
