# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from nnabla_compress.exporters import export_c
from nnabla_compress.exporters.c_names import c_file_name, c_name
from nnabla_compress.exporters.c_source import compile_command
from nnabla_compress.nnb import NnbFile, NnbVariable, write_nnb
from tests.exporters.test_c_source import NETWORK_H, RUNTIME_H

HOSTILE = [
    "a\n#error x",
    'quo"te',
    "back\\slash",
    "ends in \\",
    "trigraph??",
    "??'??(??<",
    "star*",
    "right\u202eleft\u2066",
    "全結合",
    "not\udcffUTF-8",
    "-Wl,option",
    "@response",
    "$HOME `id` $(id) it's;%s",
    "escape\x1b[31m\r",
    "packed",
    "exp",
    "context",
    "i",
    "linux",
    "int8_t",
    "nul",
    "4bit",
    "w" * 250,
]


@pytest.fixture(scope="module")
def include(tmp_path_factory):
    headers = tmp_path_factory.mktemp("include") / "nnablart"
    headers.mkdir()
    (headers / "network.h").write_text("#pragma once\n" + NETWORK_H)
    (headers / "runtime.h").write_text("#pragma once\n" + RUNTIME_H)
    return headers.parent


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_names_of_any_kind_are_names_in_c_and_nothing_else(tmp_path, include):
    x = NnbVariable(0, (1, 4), "FLOAT32", buffer=0)
    y = NnbVariable(1, (1, 4), "FIXED8", 5, buffer=0)
    nnb = write_nnb(tmp_path / "net.nnb", NnbFile(3, 44, (16,), (x, y), (), (1,), (0,)))
    folder = tmp_path / "out"
    made = [export_c(folder / f"{name}.c", nnb) for name in HOSTILE]
    assert len({str(path).lower() for paths in made for path in paths}) == 3 * len(HOSTILE)
    strict = ["-Wall", "-Wextra", "-Wshadow", "-Werror", "-pedantic", "-fsyntax-only"]
    for standard in ("-std=c99", "-std=gnu17"):
        sources = [f"./{path.name}" for paths in made for path in (paths[0], paths[2])]
        command = ["gcc", standard, *strict, f"-I{include}", *sources]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize("folder", ["-o", "a'b\nc", "$(touch ran)", "@x", "not\udcffUTF-8"])
def test_a_folder_of_any_name_is_one_word_of_the_command(tmp_path, folder):
    (tmp_path / folder).mkdir()
    fake = tmp_path / "bin" / "cc"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\npwd >&2\nprintf '%s\\n' \"$@\"\n")
    fake.chmod(0o755)
    command = compile_command([Path(folder) / name for name in ("it's.c", "it's_main.c")])
    assert command is not None
    done = subprocess.run(
        [b"bash", b"-c", os.fsencode(command)],
        cwd=tmp_path,
        env={"PATH": f"{fake.parent}:{os.environ['PATH']}", "LC_ALL": "C"},
        capture_output=True,
        timeout=60,
    )
    assert done.stderr == os.fsencode(tmp_path / folder) + b"\n"
    assert b"it's.c" in done.stdout.splitlines()
    assert sorted(os.listdir(tmp_path)) == sorted(["bin", folder])


def test_names_that_compiled_all_along_stay():
    for name in ("lenet", "results", "M_net", "nn_net", "model_t", "tomato", "stream", "INT8"):
        assert c_name(name) == c_file_name(name) == name


def test_names_that_differ_by_what_c_does_not_allow_stay_different():
    names = ["a\n", "a\r", 'a"', "a*", "a?", "全", "結", "a/b", "a\\b"]
    assert len({c_name(name) for name in names}) == len(names)
    assert len({c_file_name(name) for name in names}) == len(names)
