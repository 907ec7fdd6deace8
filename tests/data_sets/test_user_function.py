# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A user's function in a file or a module: found, or refused with the reason."""

from __future__ import annotations

import sys

import pytest

from nnabla_compress.data.user_function import find_function
from nnabla_compress.errors import ConfigError, DataError


def test_a_function_is_found_in_a_file_or_a_module_beside_the_recipe(tmp_path):
    (tmp_path / "user_helper_a.py").write_text("VALUE = 7\n")
    (tmp_path / "user_code_a.py").write_text("import user_helper_a\ndef f(): return 'a'\n")
    before = list(sys.path)
    for spec in ("user_code_a.py:f", "user_code_a:f", f"{tmp_path}/user_code_a.py:f"):
        function, folder = find_function(spec, tmp_path, "python data")
        assert function() == "a" and folder == str(tmp_path)
    assert sys.path == before


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "user_code_b.py").write_text(f"def f(): return {name!r}\n")
        assert find_function(f"{name}/user_code_b.py:f", tmp_path, "data")[0]() == name


@pytest.mark.parametrize(
    "spec, words",
    [
        ("user_code_c", "is not of the form module:function"),
        (":f", "is not of the form module:function"),
        ("user_code_c.py:", "is not of the form module:function"),
        ("user_code_c:g", "has no function 'g'"),
        ("gone.py:f", "'gone.py' does not exist"),
        ("gone_module:f", "no module 'gone_module'"),
        ("not-a-name.py:f", "can't be imported by that name"),
        ("broken_c.py:f", r"fails on import with SyntaxError: .*broken_c.py, line 2"),
        ("leaves_c:f", "fails on import with SystemExit"),
    ],
)
def test_what_can_not_be_imported_is_refused_with_the_reason(tmp_path, spec, words):
    (tmp_path / "user_code_c.py").write_text("def f(): return 1\n")
    (tmp_path / "not-a-name.py").write_text("def f(): return 1\n")
    (tmp_path / "broken_c.py").write_text("def f():\n  return (\n")
    (tmp_path / "leaves_c.py").write_text("raise SystemExit(3)\n")
    with pytest.raises((ConfigError, DataError), match=words) as wrong:
        find_function(spec, tmp_path, "python data")
    assert wrong.value.help
