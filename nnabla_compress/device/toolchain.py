# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The compiler and the emulator of a board: where they are, and what they say if they fail."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from nnabla_compress.device.boards import Board
from nnabla_compress.errors import ConfigError, VerifyError

_LAST_LINES = 8
_SECONDS = 600


def find_program(name: str, board: Board) -> str:
    """Returns the path of a program that a board needs.

    Args:
        name: The program.
        board: The board.

    Raises:
        ConfigError: If it is not installed, with the command that installs it on Debian.
    """
    found = shutil.which(name)
    if found is None:
        raise ConfigError(
            f"{board.name} ({board.core}) needs the program {name}, which is not installed.",
            help="on Debian or Ubuntu: apt-get install --no-install-recommends "
            + " ".join(board.packages),
        )
    return found


def missing_program(board: Board) -> Optional[str]:
    """Returns the first program of a board that is not installed, None if all are.

    Args:
        board: The board.
    """
    names = (board.emulator, f"{board.compiler}gcc", f"{board.compiler}size")
    return next((name for name in names if shutil.which(name) is None), None)


def compile_program(
    board: Board, sources: Sequence[Path], options: Sequence[str], program: Path
) -> None:
    """Compiles and links a program.

    Args:
        board: What for.
        sources: C files.
        options: Include folders, definitions and the linker's options.
        program: Where to; the compiler works in its folder.

    Raises:
        ConfigError: If there is no compiler.
        VerifyError: If it fails, with the command and its last lines.
    """
    command = [
        find_program(f"{board.compiler}gcc", board),
        *board.flags,
        *("-O2", "-std=gnu99", "-ffp-contract=off", "-fno-common", "-w"),
        *("-ffunction-sections", "-fdata-sections"),
        *map(str, sources),
        *options,
        *("-lm", "-o", str(program)),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=program.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VerifyError(f"the compiler {command[0]} can't be run: {error}.") from error
    if done.returncode != 0:
        said = "\n".join(f"  {line}" for line in done.stdout.strip().splitlines()[-_LAST_LINES:])
        raise VerifyError(
            f"the compiler failed with status {done.returncode}:\n{said}\n"
            f"the command was: {_shortened(command)}",
            help="compare the versions of compiler and runtime with docs/device.md",
        )


def section_sizes(board: Board, program: Path) -> Dict[str, int]:
    """Returns the bytes of each section of a program.

    Args:
        board: What it is for.
        program: The program.
    """
    command = [find_program(f"{board.compiler}size", board), "-A", str(program)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=_SECONDS, check=True)
    rows = re.findall(r"^(\.\S+)\s+(\d+)\s", done.stdout, re.M)
    return {name: int(number) for name, number in rows}


def versions(board: Board) -> Dict[str, str]:
    """Returns the first lines of what compiler and emulator say of their versions.

    Args:
        board: Whose.
    """
    programs = {"compiler": f"{board.compiler}gcc", "emulator": board.emulator}
    return {role: _version(find_program(name, board)) for role, name in programs.items()}


def _version(program: str) -> str:
    command = [program, "--version"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    return (done.stdout.splitlines() or [""])[0].strip()


def _shortened(command: List[str]) -> str:
    """The command with the runtime's many sources left out."""
    sources = [word for word in command if word.endswith(".c")]
    left = [word for word in command if word not in sources[3:]]
    words = " ".join(map(shlex.quote, left))
    return words + (f"  (and {len(sources) - 3} more C files)" if len(sources) > 3 else "")
