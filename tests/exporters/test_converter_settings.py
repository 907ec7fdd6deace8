# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import zipfile

import nnabla as nn
import nnabla.parametric_functions as PF
import pytest
import yaml

from nnabla_compress.errors import DataError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.converter_settings import (
    MAX_BYTES,
    carried_types,
    read_types,
    to_yaml,
    types_of,
    write_types,
)
from nnabla_compress.verification import verify_files

CODE = "x: !!python/object/apply:builtins.open ['{}', 'w']\n"


def _network(folder, settings=None):
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    path = folder / "net.nnp"
    export_nnp(path, PF.affine(x, 3, name="fc"), x)
    if settings is not None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("settings.yaml", settings)
    return path


@pytest.mark.parametrize(
    "settings",
    [
        CODE,
        "variables:\n  " + CODE,
        "variables: !!python/object/apply:builtins.open ['{}', 'w']\n",
        "!!python/object/apply:builtins.open ['{}', 'w']\n",
        "? !!python/object/apply:builtins.open ['{}', 'w']\n: FLOAT32\n",
        "variables: {{x: FLOAT32}}\n---\n" + CODE,
    ],
)
@pytest.mark.parametrize("use", ["export", "verify"])
def test_code_in_the_settings_of_a_file_is_refused_and_not_run(settings, use, tmp_path):
    witness = tmp_path / "RAN_CODE"
    path = _network(tmp_path, settings.format(witness))
    with pytest.raises(DataError, match=r"settings\.yaml in"):
        if use == "export":
            export_nnb(tmp_path / "net.nnb", path)
        else:
            verify_files(path, count=1)
    assert not witness.exists() and not (tmp_path / "net.nnb").exists()


def test_code_in_a_settings_file_that_is_given_is_refused_and_not_run(tmp_path):
    witness, path = tmp_path / "RAN_CODE", _network(tmp_path)
    (tmp_path / "s.yaml").write_text(CODE.format(witness))
    with pytest.raises(DataError, match="holds the tag"):
        export_nnb(tmp_path / "net.nnb", path, settings=tmp_path / "s.yaml")
    assert not witness.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variables: {x: FIXED8_16}", "gives 'x' the type 'FIXED8_16'"),
        ("variables: {x: {y: FLOAT32}}", "gives 'x' the type a mapping"),
        ("variables: {x: {y: {z: FLOAT32}}}", "nested too deep"),
        ("variables: [x]", "no mapping"),
        ("variables: FLOAT32", "only a mapping 'variables'"),
        ("functions: {f: {implement: 14}}", "holds 'functions', only a mapping 'variables'"),
        ("functions: {f: 14}", "only a mapping 'variables'"),
        ("just words", "no mapping"),
        ("a: &a {x: FLOAT32}\nvariables: *a", "alias or anchor"),
        ("variables: {x: FLOAT32", "no YAML"),
        ("variables: {? {a: b} : FLOAT32}", "no mapping"),
        ("{" * 5000, "s.yaml"),
        ("variables: {x: FLOAT32}\n---\nvariables: {}", "nested too deep"),
        ("x" * (MAX_BYTES + 1), "the limit is"),
    ],
)
def test_other_content_is_refused_by_name(text, message):
    with pytest.raises(DataError, match=message):
        types_of(text, "s.yaml")


@pytest.mark.parametrize("text", ["", "# a comment", "variables: {}", "--- {}"])
def test_settings_may_be_empty(text):
    assert types_of(text, "s.yaml") == {}


def test_names_stay_the_words_that_they_are():
    types = {"1": "FIXED8_5", "null": "SIGN", "a: b": "FLOAT32", "c1/W": "FIXED16", "é#": "FIXED8"}
    types["n" * 300] = "FIXED16_15"
    assert types_of(to_yaml(types), "s.yaml") == types
    assert yaml.safe_load(to_yaml(types)) == {"variables": types}
    assert to_yaml(types).isascii()


def test_a_file_without_settings_carries_none_and_one_with_them_carries_all(tmp_path):
    path = _network(tmp_path)
    assert carried_types(path) == {}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("settings.yaml", to_yaml({"x": "FIXED8_3"}))
    assert carried_types(path) == {"x": "FIXED8_3"}
    write_types(tmp_path / "s.yaml", {"x": "FIXED8_3"})
    assert read_types(tmp_path / "s.yaml") == {"x": "FIXED8_3"}
    write_types(tmp_path / "s.yaml", {})
    assert not (tmp_path / "s.yaml").exists()


@pytest.mark.parametrize("content", [b"variables: {x: \xff}", b"\xff\xfe"])
def test_settings_that_are_no_text_are_refused(content, tmp_path):
    path = _network(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("settings.yaml", content)
    with pytest.raises(DataError, match=r"no text in UTF-8"):
        carried_types(path)
