# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks that are stored as a text with parameters beside it, or in a folder of Console."""

from __future__ import annotations

import shutil
import zipfile

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.models import NnpFile, as_archive, holds_network, network_file
from tests.models.others import save


@pytest.fixture
def net(tmp_path):
    x = nn.Variable((1, 6))
    path = save(tmp_path / "net.nnp", x, PF.affine(F.tanh(PF.affine(x, 5, name="a")), 3, name="b"))
    nn.clear_parameters()
    return path


def pair(net, folder, text="net.nntxt", parameters="parameters.h5"):
    """Writes the members of an ``.nnp`` as two files."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(net) as archive:
        (folder / text).write_bytes(archive.read("network.nntxt"))
        if parameters is not None:
            (folder / parameters).write_bytes(archive.read("parameter.h5"))
    return folder / text


def as_protobuf(net, path):
    NnpFile(net).build()
    nn.save_parameters(str(path))
    nn.clear_parameters()


def outputs(path):
    network = NnpFile(path).build()
    network.inputs["x"].d = np.linspace(-1, 1, 6)[None]
    network.output.forward()
    nn.clear_parameters()
    return network.output.d.copy()


@pytest.mark.parametrize("text", ["net.nntxt", "net.prototxt"])
@pytest.mark.parametrize("name", ["net.h5", "parameters.h5", "results.h5", "other.h5"])
def test_a_text_is_read_with_the_parameters_beside_it(net, tmp_path, text, name):
    path = pair(net, tmp_path / "pair", text, name)
    np.testing.assert_array_equal(outputs(path), outputs(net))


def test_parameters_may_be_a_protobuf(net, tmp_path):
    path = pair(net, tmp_path / "pair", parameters=None)
    as_protobuf(net, tmp_path / "pair" / "parameter.protobuf")
    np.testing.assert_array_equal(outputs(path), outputs(net))


def test_parameters_of_its_own_name_come_first(net, tmp_path):
    path = pair(net, tmp_path / "pair", parameters="net.h5")
    (tmp_path / "pair" / "parameters.h5").write_bytes(b"another network's")
    np.testing.assert_array_equal(outputs(path), outputs(net))


def test_several_files_of_parameters_are_named(net, tmp_path):
    path = pair(net, tmp_path / "pair", parameters="epoch_1.h5")
    shutil.copy(tmp_path / "pair" / "epoch_1.h5", tmp_path / "pair" / "epoch_2.h5")
    with pytest.raises(DataError, match=r"several.*epoch_1\.h5, epoch_2\.h5") as error:
        NnpFile(path)
    assert "net.h5" in error.value.help


def test_a_text_without_parameters_says_what_is_missing(net, tmp_path):
    path = pair(net, tmp_path / "pair", parameters=None)
    for read in (NnpFile, lambda p: as_archive(p, tmp_path)):
        with pytest.raises(DataError, match="without its parameters") as error:
            read(path)
        assert "parameters.h5" in error.value.help and "results.nnp" in error.value.help


def test_a_file_of_parameters_is_no_network(net, tmp_path):
    pair(net, tmp_path / "pair")
    with pytest.raises(DataError, match="holds parameters, not a network"):
        NnpFile(tmp_path / "pair" / "parameters.h5")


@pytest.mark.parametrize("content", [b"", b"network {", b"\xff\xfe\x00" * 20])
def test_a_damaged_text_is_refused(net, tmp_path, content):
    path = pair(net, tmp_path / "pair")
    path.write_bytes(content)
    with pytest.raises(DataError):
        NnpFile(path)


def test_a_folder_of_results_stands_for_its_network(net, tmp_path):
    folder = tmp_path / "results"
    pair(net, folder)
    assert network_file(folder).name == "net.nntxt" and holds_network(folder)
    for name in ("results_current_9.nnp", "results_best_2.nnp", "results_best_10.nnp"):
        shutil.copy(net, folder / name)
        np.testing.assert_array_equal(outputs(folder), outputs(net))
    assert network_file(folder).name == "results_best_10.nnp"
    shutil.copy(net, folder / "results.nnp")
    assert network_file(folder).name == "results.nnp"


def test_a_text_of_a_training_without_parameters_does_not_stand_for_the_results(net, tmp_path):
    folder = tmp_path / "results"
    pair(net, folder, parameters=None)
    shutil.copy(net, folder / "mine.nnp")
    assert network_file(folder).name == "mine.nnp"


def test_the_reference_beside_an_export_is_no_second_network(net, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    shutil.copy(net, folder / "mine.reference.nnp")
    assert network_file(folder).name == "mine.reference.nnp"
    shutil.copy(net, folder / "mine.nnp")
    assert network_file(folder).name == "mine.nnp"


def test_a_folder_of_several_networks_asks_for_one(net, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    with pytest.raises(DataError, match="without a network"):
        NnpFile(folder)
    shutil.copy(net, folder / "one.nnp")
    shutil.copy(net, folder / "two.nnp")
    with pytest.raises(DataError, match=r"several networks: one\.nnp, two\.nnp"):
        NnpFile(folder)


def test_a_run_folder_is_no_stored_network(net, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(net, folder / "results.nnp")
    (folder / "recipe.yaml").write_text("name: run")
    assert not holds_network(folder) and holds_network(folder / "results.nnp")
    assert not holds_network(tmp_path / "net.h5") and not holds_network(tmp_path / "net.nnb")


def test_an_archive_is_made_of_a_pair_and_an_archive_is_one_already(net, tmp_path):
    made = as_archive(pair(net, tmp_path / "pair"), tmp_path / "pair")
    np.testing.assert_array_equal(outputs(made), outputs(net))
    assert as_archive(net, tmp_path) == net


def test_of_a_project_the_last_results_are_read(net, tmp_path):
    project = tmp_path / "a b.sdcproj"
    project.write_text("[Engine]\n", encoding="utf-8")
    assert holds_network(project)
    with pytest.raises(DataError, match="is a project without results.*a b.files"):
        network_file(project)
    for name in ("20260101_1", "20260102_2", "20260103_3"):
        (tmp_path / "a b.files" / name).mkdir(parents=True)
        if name != "20260103_3":  # which was stopped
            shutil.copy(net, tmp_path / "a b.files" / name / "results.nnp")
    assert network_file(project) == tmp_path / "a b.files" / "20260102_2" / "results.nnp"
    np.testing.assert_array_equal(outputs(project), outputs(net))


def test_a_folder_above_results_tells_where_these_are(net, tmp_path):
    for name in ("20260101_1", "20260102_1", "without"):
        (tmp_path / "a.files" / name).mkdir(parents=True)
    for name, said in (("20260101_1", "in a folder of it"), ("20260102_1", "the last is")):
        shutil.copy(net, tmp_path / "a.files" / name / "results.nnp")
        with pytest.raises(DataError, match="without a network") as refused:
            network_file(tmp_path / "a.files")
        assert said in refused.value.help and refused.value.help.endswith(name)


def test_the_damaged_one_of_two_files_is_named(net, tmp_path):
    text = pair(net, tmp_path / "pair")
    (text.parent / "parameters.h5").write_bytes(b"nothing")
    with pytest.raises(DataError, match="parameters.h5"):
        NnpFile(text)


def test_of_a_project_whose_last_training_was_stopped_the_one_before_is_named(net, tmp_path):
    (tmp_path / "a.sdcproj").touch()
    for name in ("20260101_1", "20260102_1"):
        (tmp_path / "a.files" / name).mkdir(parents=True)
    shutil.copy(net, tmp_path / "a.files" / "20260101_1" / "results.nnp")
    text = pair(net, tmp_path / "a.files" / "20260102_1", parameters=None)
    with pytest.raises(DataError, match="left a network without parameters") as refused:
        network_file(tmp_path / "a.sdcproj")
    assert refused.value.help.endswith("20260101_1")
    (text.parent / "parameters.h5").touch()
    assert network_file(tmp_path / "a.sdcproj") == text
