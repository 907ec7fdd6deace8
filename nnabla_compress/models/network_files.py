# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The files that a network is stored in: an ``.nnp``, a text with parameters beside it, a folder.

Neural Network Console and NNabla's ``train`` write ``net.nntxt`` and ``results.nnp`` into a folder
of results; older versions and converters write ``.nntxt`` or ``.prototxt`` with the parameters in
an ``.h5`` or ``.protobuf`` beside it. A project, ``NAME.sdcproj``, has its folders of results in
``NAME.files``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Collection, List, Optional, Sequence, Tuple

from nnabla_compress.errors import DataError
from nnabla_compress.safe_names import shell_word

ARCHIVE = ".nnp"
TEXT = (".nntxt", ".prototxt")
PARAMETERS = (".h5", ".protobuf")
PROJECT, _RESULTS_OF = ".sdcproj", ".files"
# The names of networks in a folder of results, and of parameters beside a text, best first.
_NETWORKS = ("results", "result", "network", "net", "model")
_STEMS = ("parameters", "parameter", "results", "result", "params")
# Console keeps the best and the last of a training by the number of their epoch.
_EPOCH = re.compile(r"results?_(best|current)_(\d+)\.nnp$")
# What tells a folder of ours: it is opened as a run, not as a network.
_OWN = ("recipe.yaml", "results.json")
_REFERENCE = ".reference"


def holds_network(path: Path) -> bool:
    """Returns whether a path names a stored network: a file, or a folder of another tool.

    Args:
        path: A path of a user.

    Example:
        >>> holds_network(Path("net.nntxt")), holds_network(Path("weights.h5"))
        (True, False)
    """
    if not path.is_dir():
        return path.suffix in (ARCHIVE, *TEXT, PROJECT)
    return not any((path / name).exists() for name in _OWN) and bool(_in_folder(path))


def network_file(path: Path) -> Path:
    """Returns the file of a network: the path itself, or the file in a folder of results.

    Args:
        path: A file, a folder, or a project, of whose folders the last one by name is taken.

    Raises:
        DataError: If a folder holds no network, or several and none is called as results are, or
            a project was not trained.
    """
    if path.suffix == PROJECT and path.is_file():
        path = _last_results(path)
    if not path.is_dir():
        return path
    found = _in_folder(path)
    if not found:
        below = [each for each in sorted(path.iterdir()) if each.is_dir() and _in_folder(each)]
        raise DataError(
            f"{path} is a folder without a network (*{ARCHIVE}, *{', *'.join(TEXT)}).",
            help=f"{_several(below)}: {shell_word(below[-1])}"
            if below
            else "name the file of the network",
        )
    if len(found) > 1:
        raise DataError(
            f"{path} holds several networks: {', '.join(each.name for each in found[:8])}.",
            help=f"name one of them: {shell_word(found[0])}",
        )
    return found[0]


def parameter_file(text: Path) -> Optional[Path]:
    """Returns the file with the parameters of a network that is stored as a text.

    Args:
        text: The ``.nntxt`` or ``.prototxt``.

    Returns:
        The file, None if there is none.

    Raises:
        DataError: If there are several, and none has the name of the text or of parameters.
    """
    for stem in (text.stem, *_STEMS):
        for ending in PARAMETERS:
            candidate = text.with_name(stem + ending)
            if candidate.is_file():
                return candidate
    others = [each for each in sorted(text.parent.iterdir()) if each.suffix in PARAMETERS]
    if len(others) > 1:
        raise DataError(
            f"there are several files with parameters beside {text}: "
            f"{', '.join(each.name for each in others[:8])}.",
            help=f"call the one of this network {text.stem}{others[0].suffix}",
        )
    return others[0] if others else None


def _several(folders: Sequence[Path]) -> str:
    if len(folders) == 1:
        return "there is one in a folder of it"
    return f"{len(folders)} of its folders hold one, of which the last is"


def _last_results(project: Path) -> Path:
    """The last folder of results of a project."""
    place = project.with_suffix(_RESULTS_OF)
    folders = sorted(each for each in place.iterdir() if each.is_dir()) if place.is_dir() else []
    trained = [each for each in folders if _in_folder(each)]
    if not trained:
        raise DataError(
            f"{project} is a project without results: there is no network in {place}.",
            help="train it in Neural Network Console, or name the folder of its results",
        )
    whole = [each for each in trained if _is_whole(each)]
    if whole and whole[-1] != trained[-1]:
        raise DataError(
            f"the last training of {project} left a network without parameters: {trained[-1]}.",
            help=f"train it again, or name the folder of an earlier one: {shell_word(whole[-1])}",
        )
    return trained[-1]


def _is_whole(folder: Path) -> bool:
    """Whether the network of a folder of results has its parameters."""
    return any(each.suffix not in TEXT or _complete(each) for each in _in_folder(folder))


def _in_folder(folder: Path) -> List[Path]:
    """The network of a folder of results; several files if it is not clear which."""
    files = [each for each in sorted(folder.iterdir()) if each.is_file()]
    by_name = {each.name: each for each in files}
    for stem in _NETWORKS:
        for ending in (ARCHIVE, *TEXT):
            if stem + ending in by_name and (
                ending == ARCHIVE or _complete(by_name[stem + ending])
            ):
                return [by_name[stem + ending]]
        if stem == _NETWORKS[1]:
            kept = [(_rank(each.name), each) for each in files if _EPOCH.search(each.name)]
            if kept:
                return [max(kept)[1]]
    # Beside the network of an export that NNabla computes otherwise lies what the device computes.
    archives = [each for each in files if each.suffix == ARCHIVE]
    archives = [each for each in archives if not _is_reference(each, archives)]
    return archives or [each for each in files if each.suffix in TEXT]


def _is_reference(path: Path, others: Collection[Path]) -> bool:
    """Whether a file is the reference that an export wrote beside one of the others."""
    return (
        path.stem.endswith(_REFERENCE)
        and path.with_name(path.stem[: -len(_REFERENCE)] + ARCHIVE) in others
    )


def _complete(text: Path) -> bool:
    """Whether there are parameters beside a text."""
    return any(each.suffix in PARAMETERS for each in text.parent.iterdir())


def _rank(name: str) -> Tuple[bool, int]:
    """The best epoch comes before the last one, a later one before an earlier."""
    found = _EPOCH.search(name)
    assert found is not None
    return found.group(1) == "best", int(found.group(2))
