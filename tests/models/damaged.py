# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A good ``.nnp`` as its members, and ways to spoil them."""

from __future__ import annotations

import zipfile

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
from nnabla.utils.save import save


def good_members(path):
    """Writes a good file with most kinds of functions and returns its members."""
    nn.clear_parameters()
    x = nn.Variable((2, 2, 8, 8))
    h = PF.convolution(x * 0.5, 4, (3, 3), pad=(1, 1), group=2, name="c")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="bn"))
    h = F.concatenate(F.max_pooling(h, (2, 2)), F.average_pooling(h, (2, 2)))
    y = PF.affine(F.reshape(h, (2, -1)), 3, name="f")
    save(
        str(path),
        {
            "networks": [{"name": "net", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}],
            "executors": [{"name": "run", "network": "net", "data": ["x"], "output": ["y"]}],
        },
    )
    nn.clear_parameters()
    return members_of(path)


def members_of(path):
    """Returns the members of an archive."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path, members, compress=zipfile.ZIP_STORED):
    """Writes members, a dict or pairs, as an archive and returns its path."""
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return path


def changed_text(members, old, new, count=-1):
    """Returns members whose network has ``new`` for ``old``, which must be there."""
    text = members["network.nntxt"].decode()
    assert old in text
    return dict(members, **{"network.nntxt": text.replace(old, new, count).encode()})
