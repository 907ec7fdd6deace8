# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The sources of the C runtime that a user names, and what of them a network needs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Set

from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.nnb import NnbFile, NnbFunction

VARIABLE = "NNABLART_SOURCE"
NO_LEVEL = 5000
"""Files that say more are older than API levels: the runtime takes 1, and writes that down."""
TESTED_VERSION = "1.2.0.dev1_c1"
_HEADERS = Path("include/nnablart")
_NEEDED = (
    *(str(_HEADERS / name) for name in ("config.h", "functions.h", "network.h", "runtime.h")),
    *("src/runtime/runtime.c", "src/runtime/context.h", "src/functions/implements"),
)
_FORMS = ("FLOAT32", "FIXED8", "FIXED16", "GENERIC")
_GET = "git clone https://github.com/sony/nnabla-c-runtime, and set {} to its folder"


@dataclass(frozen=True)
class RuntimeSource:
    """A checkout of nnabla-c-runtime.

    Args:
        folder: Where it is.
        version: What it calls itself.
        api_level: The highest one of functions that it knows.
        formats: The oldest and the newest format of files that it reads.
    """

    folder: Path
    version: str
    api_level: int
    formats: range

    @property
    def include_folders(self) -> List[Path]:
        """Folders of its headers."""
        return [self.folder / "include", self.folder / "src/runtime"]


def find_runtime() -> RuntimeSource:
    """Returns the checkout that NNABLART_SOURCE names.

    Raises:
        ConfigError: If the variable is not set, or does not name such a checkout.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        raise ConfigError(
            f"the sources of the C runtime are needed, but {VARIABLE} is not set.",
            help=_GET.format(VARIABLE),
        )
    folder = Path(named).absolute()
    missing = next((name for name in _NEEDED if not (folder / name).exists()), None)
    if missing is not None:
        raise ConfigError(
            f"{VARIABLE} is {named}, which holds no sources of the C runtime: {missing} is "
            "missing.",
            help=_GET.format(VARIABLE),
        )
    text = (folder / _HEADERS / "network.h").read_text("utf-8", errors="replace")
    numbers: Dict[str, int] = {}
    for name in ("NN_API_LEVEL", "NN_BINARY_FORMAT_MINIMUM_VERSION", "NN_BINARY_FORMAT_VERSION"):
        found = re.search(rf"#define {name}\s+\((\d+)\)", text)
        if found is None:
            raise ConfigError(
                f"{folder / _HEADERS / 'network.h'} does not say {name}: the C runtime there is of "
                "a version that is not known.",
                help=f"use version {TESTED_VERSION} of nnabla-c-runtime",
            )
        numbers[name] = int(found.group(1))
    called = re.search(r'#define NN_C_RUNTIME_VERSION\s+\("([^"]*)"\)', text)
    low, high = numbers["NN_BINARY_FORMAT_MINIMUM_VERSION"], numbers["NN_BINARY_FORMAT_VERSION"]
    return RuntimeSource(
        folder,
        called.group(1) if called else "of an unknown version",
        numbers["NN_API_LEVEL"],
        range(low, high + 1),
    )


def check_runtime_reads(source: RuntimeSource, network: NnbFile) -> None:
    """Raises if a runtime is too old for a file.

    Args:
        source: The runtime's sources.
        network: The file.

    Raises:
        ConfigError: If it does not read the format, or knows lower API levels only.
    """
    if network.version not in source.formats:
        raise ConfigError(
            f"the file has format {network.version}, the C runtime {source.version} in "
            f"{source.folder} reads {source.formats[0]} to {source.formats[-1]}.",
            help=f"use version {TESTED_VERSION} of nnabla-c-runtime",
        )
    if source.api_level < network.api_level <= NO_LEVEL:
        raise ConfigError(
            f"the file has API level {network.api_level}, the C runtime {source.version} in "
            f"{source.folder} knows levels up to {source.api_level}.",
            help=f"export the network with --api {source.api_level}",
        )


def switches_of(network: NnbFile) -> Set[str]:
    """Returns the switches of the runtime's config.h for what a network leaves to the runtime.

    A function without the switch of its types would run into nowhere, so whatever is not all float
    gets those of all types.

    Args:
        network: The network.
    """
    switches: Set[str] = set()
    for function in network.functions:
        if function.implement:
            continue
        operands = [network.variables[n] for n in (*function.inputs, *function.outputs)]
        only_float = all(variable.type == "FLOAT32" for variable in operands)
        name = _switch(function)
        switches |= {name, *(f"{name}_{form}" for form in (_FORMS[:1] if only_float else _FORMS))}
    return switches


def _switch(function: NnbFunction) -> str:
    return f"CONFIG_{function.type_name.upper().replace('_', '')}"


def needed_switches(source: RuntimeSource, network: NnbFile) -> Set[str]:
    """Returns the switches that a network needs, of those that a runtime has.

    Args:
        source: The runtime's sources.
        network: The network.

    Raises:
        UnsupportedFunctionError: If the runtime does not know a function.
    """
    known = set(
        re.findall(
            r"#define (CONFIG_\w+)",
            (source.folder / _HEADERS / "config.h").read_text("utf-8", errors="replace"),
        )
    )
    for number, function in enumerate(network.functions):
        if not function.implement and _switch(function) not in known:
            raise UnsupportedFunctionError(
                f"function {number}, {function.type_name}, is not known to the C runtime "
                f"{source.version} in {source.folder}.",
                help="export the network again: it says which functions a device has",
            )
    return switches_of(network) & known


def config_text(switches: Set[str]) -> str:
    """Returns the config.h with some switches.

    Example:
        >>> print(config_text({"CONFIG_RELU"}), end="")
        #ifndef CONFIG_OF_NETWORK_H
        #define CONFIG_OF_NETWORK_H
        #define CONFIG_RELU 1
        #endif
    """
    lines = ["#ifndef CONFIG_OF_NETWORK_H", "#define CONFIG_OF_NETWORK_H"]
    return "\n".join([*lines, *(f"#define {s} 1" for s in sorted(switches)), "#endif", ""])


def needed_sources(source: RuntimeSource, switches: Set[str]) -> List[Path]:
    """Returns the runtime's C files that are not empty with some switches.

    Args:
        source: The runtime's sources.
        switches: Of its config.h.
    """
    forms = tuple(f"_{form}" for form in _FORMS)
    needed = []
    for path in sorted((source.folder / "src/functions").rglob("*.c")):
        asked = set(re.findall(r"\bCONFIG_\w+", path.read_text("utf-8", errors="replace")))
        # A file of one function stands between its switch; others hold what several share.
        functions = {switch for switch in asked if not switch.endswith(forms)}
        if not functions or functions & switches:
            needed.append(path)
    return [*sorted((source.folder / "src/runtime").glob("*.c")), *needed]
