# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The verb explain, on run folders and on files."""

from __future__ import annotations

import json
import shutil

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.explanation import Changes
from nnabla_compress.explanation.tables import class_table
from nnabla_compress.exporters import export_nnp
from tests.cli.shell import call_here, refused

PICTURES = ["changed.png", "classes.png", "confusion.png", "maps.png"]


def network(scale=1.0, classes=2, side=6):
    """Class 0 is told by bright pixels on the left, class 1 by those on the right."""
    nn.clear_parameters()
    x = nn.Variable((1, 1, side, side))
    filters = np.float32([1, 0.5]).reshape(2, 1, 1, 1)
    h = F.relu(PF.convolution(x, 2, (1, 1), w_init=filters, with_bias=False, name="c"))
    read = np.zeros((2, side, side, classes), np.float32)
    read[0, :, : side // 2, 0] = 1
    read[:, :, side // 2 :, 1] = scale
    y = PF.affine(h, classes, w_init=read.reshape(-1, classes), with_bias=False, name="fc")
    return x, y


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two networks of which the second one sees too much on the right; data; a run folder."""
    folder = tmp_path_factory.mktemp("explain")
    for name, scale in (("float", 1.0), ("worse", 1.6)):
        x, y = network(scale)
        export_nnp(str(folder / f"{name}.nnp"), y, x)
    rng = np.random.RandomState(0)
    images, labels = rng.rand(60, 1, 6, 6).astype(np.float32), np.arange(60) % 2
    images[labels == 0, :, :, :3] += 0.5
    images[labels == 1, :, :, 3:] += 0.5
    arrays = dict(x_train=images, y_train=labels, x_test=images[:30], y_test=labels[:30])
    np.savez(folder / "data.npz", **arrays)
    np.savez(folder / "unlabelled.npz", x=images[:30])
    words = ["-w", "lut:bits=1", "--data", "data.npz", "-o", "run", "--no-nnb"]
    done = call_here("compress", "float.nnp", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


QUICK = ["--perturbations", "4", "--samples", "40"]


def explained(folder, *words, pictures=4):
    options = [*QUICK, "--pictures", str(pictures)]
    done = call_here("explain", *options, *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done


def test_two_files_are_compared_and_what_changed_is_written(folder):
    words = ["float.nnp", "worse.nnp", "--data", "data.npz", "-o", "files"]
    done = explained(folder, *words)
    said = json.loads((folder / "files" / "explain.json").read_text())
    assert (said["before"], said["after"], said["samples"]) == ("float.nnp", "worse.nnp", 30)
    assert said["accuracy_before"] == 1 > said["accuracy_after"]
    lost = said["classes"][0]
    assert lost["name"] == "0" and lost["taken_for"] == "1"
    assert all(each["before"] == 0 and each["after"] == 1 for each in said["changed"])
    assert said["maps"] == {"before": ["c/conv/relu"], "after": ["c/conv/relu"]}
    assert sorted(said["pictures"]) == PICTURES
    names = sorted(p.name for p in (folder / "files").iterdir() if not p.name.startswith("."))
    assert names == sorted([*PICTURES, "explain.json"])
    assert "accuracy: 100.00 % float" in done.stdout
    assert "Samples that changed their class" in done.stdout


def test_a_reference_beside_an_export_stands_for_what_the_device_computes(folder):
    shutil.copy(folder / "float.nnp", folder / "device.nnp")
    shutil.copy(folder / "worse.nnp", folder / "device.reference.nnp")
    explained(folder, "float.nnp", "device.nnp", "--data", "data.npz", "-o", "reference")
    explained(folder, "float.nnp", "worse.nnp", "--data", "data.npz", "-o", "worse")
    said, same = (
        json.loads((folder / name / "explain.json").read_text()) for name in ("reference", "worse")
    )
    assert said["after"] == "device.nnp"
    assert said["changed"] == same["changed"] and said["accuracy_after"] < 1


def test_the_same_command_writes_the_same_again(folder):
    before = (folder / "files" / "explain.json").read_bytes()
    pixels = (folder / "files" / "maps.png").read_bytes()
    explained(folder, "float.nnp", "worse.nnp", "--data", "data.npz", "-o", "files")
    assert (folder / "files" / "explain.json").read_bytes() == before
    assert (folder / "files" / "maps.png").read_bytes() == pixels


def test_a_run_folder_brings_both_networks_and_its_data(folder):
    done = explained(folder, "run", "--layer", "c/conv")
    said = json.loads((folder / "runs" / "run-explain" / "explain.json").read_text())
    results = json.loads((folder / "run" / "results.json").read_text())
    assert said["accuracy_before"] == results["float"]["accuracy"]
    assert said["accuracy_after"] == results["compressed"]["accuracy"]
    assert said["maps"] == {"before": ["c/conv"], "after": ["c/conv"]}
    assert "written to runs" in done.stderr


def test_a_run_is_explained_on_other_data(folder):
    explained(folder, "run", "--data", "unlabelled.npz", "-o", "other", pictures=0)
    said = json.loads((folder / "other" / "explain.json").read_text())
    assert not said["labelled"] and said["pictures"] == []


def test_data_without_labels_tell_of_agreement(folder):
    words = ["float.nnp", "worse.nnp", "--data", "unlabelled.npz", "-o", "agreement"]
    done = explained(folder, *words)
    said = json.loads((folder / "agreement" / "explain.json").read_text())
    assert not said["labelled"] and "accuracy_before" not in said and said["agreement"] < 1
    assert "accuracy" not in done.stdout and "agreement:" in done.stdout
    assert sorted(said["pictures"]) == PICTURES


def test_a_network_compared_with_itself_lost_nothing(folder):
    words = ["float.nnp", "float.nnp", "--data", "data.npz", "-o", "itself"]
    done = explained(folder, *words)
    said = json.loads((folder / "itself" / "explain.json").read_text())
    assert said["changed"] == [] and said["agreement"] == 1
    assert "changed.png" not in said["pictures"] and "maps.png" in said["pictures"]
    assert "no sample changed its class" in done.stderr


@pytest.mark.parametrize(
    "words, said",
    [
        (["float.nnp"], "what was made of it is missing"),
        (["float.nnp", "nowhere.nnp"], "there is no nowhere.nnp"),
        (["float.nnp", "worse.nnp"], "networks are explained on data"),
        (["run", "worse.nnp"], "is a run folder: it has both networks"),
        (["float.nnp", "wide.nnp", "--data", "data.npz"], "takes samples of the shapes"),
        (["float.nnp", "three.nnp", "--data", "data.npz"], "gives 2 values a sample, three.nnp 3"),
        (["float.nnp", "worse.nnp", "--data", "numbers.npz"], "class"),
        (["float.nnp", "worse.nnp", "--data", "data.npz", "--layer", "c/con"], "no map 'c/con'"),
        (["run", "--layer", "fc/affine"], "float.nnp has no map 'fc/affine'"),
        (["float.nnb", "worse.nnp", "--data", "data.npz"], "is an .nnb"),
    ],
)
def test_what_can_not_be_explained_is_refused_and_nothing_is_left(folder, words, said):
    for name, options in (("wide", {"side": 8}), ("three", {"classes": 3})):
        if not (folder / f"{name}.nnp").exists():
            x, y = network(**options)
            export_nnp(str(folder / f"{name}.nnp"), y, x)
    (folder / "float.nnb").write_bytes(b"")
    np.savez(folder / "numbers.npz", x=np.zeros((4, 1, 6, 6)), y=np.zeros((4, 5)) + 0.5)
    done = call_here("explain", *words, "-o", "refused", *QUICK, cwd=folder)
    refused(done, said)
    assert not (folder / "refused").exists()


def test_names_of_classes_reach_the_shell_spelled_out(capsys):
    from nnabla_compress.cli.fitted_console import FittedConsole

    values = np.eye(2)
    found = Changes(values, values[::-1], np.array([0, 1]), ["a\x1b[31m", "[red]b"])
    FittedConsole(width=100).print(class_table(found.by_class(), True))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "[red]b" in shown and "a\\x1b[31m" in shown
