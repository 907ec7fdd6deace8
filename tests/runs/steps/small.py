# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Runs of seconds: a network of two layers on 60 samples."""

from __future__ import annotations

import h5py
import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.utils.save import save

from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run, evaluate_run
from nnabla_compress.runs.verified import verify_run

TRAIN = {"train": {"epochs": 2, "batch_size": 8, "checkpoint_interval": 4}}


def write_small(folder):
    """Writes ``net.nnp``, ``normalized.nnp`` with a batch normalization, and ``data.npz``.

    ``native.nnp`` has quantizers of NNabla's own.
    """
    rng = np.random.RandomState(0)
    y = np.arange(60) % 2
    x = (rng.randn(60, 6) + 2 * y[:, None]).astype(np.float32)
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    for name in ("net", "normalized", "native"):
        nn.clear_parameters()
        x = nn.Variable((1, 6))
        if name == "native":
            inq = {"inq_iterations": (2, 5, 9), "selection_algorithm": "largest_abs"}
            h = PF.inq_affine(x, 8, name="a", w_init=rng.randn(6, 8), **inq)
        else:
            h = PF.affine(x, 8, name="a", w_init=rng.randn(6, 8))
        if name == "normalized":
            h = F.dropout(PF.batch_normalization(h, batch_stat=False, name="a"), 0.1)
            nn.get_parameters()["a/bn/gamma"].d[0, 3] = 0  # a channel for nothing
        last = PF.fixed_point_quantized_affine if name == "native" else PF.affine
        y = last(F.relu(h), 2, name="b", w_init=rng.randn(8, 2))
        contents = {"name": name, "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
        save(str(folder / f"{name}.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()


def recipe_of(folder, *steps, network="net", **more):
    return Recipe.checked(
        {
            "name": "small",
            "model": {"nnp": str(folder / f"{network}.nnp")},
            "data": {"source": "npz", "path": str(folder / "data.npz"), "validation": 0.2},
            "steps": list(steps),
            **more,
        }
    )


def go(recipe, folder, resume=False, crew=None, tell=lambda line: None):
    run = Run(recipe, folder, folder.parent, resume)
    return run.execute(lambda name, total: lambda *values: None, tell, crew)


def all_bytes(folder):
    """What a run leaves that must not depend on when it was killed."""
    files = [*folder.glob("*.nn[pb]"), *folder.glob("steps/*.json"), *folder.glob("steps/*.h5")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def parameters(path):
    found = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = np.array(item)

    with h5py.File(path) as file:
        file.visititems(note)
    return found


def opened_again(folder, results):
    """Opens a finished run by its records: the same scores, the same outputs."""
    score = evaluate_run(folder)
    assert score.loss == results.compressed.loss
    assert score.accuracy == results.compressed.accuracy
    assert verify_run(folder, count=8).kept
