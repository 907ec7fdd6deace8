# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Users' modules: found beside the recipe, called with what they take, failures made readable."""

from __future__ import annotations

import sys

import nnabla as nn
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.models import PythonModel
from nnabla_compress.quantizers import graph_quantizers

NET = """
import nnabla.parametric_functions as PF
def net(x, test):
    return PF.affine(x, 3, name="fc")
def wide(x, test, n_classes):
    return PF.affine(x, n_classes, name="fc")
def third(x, is_test, outputs):
    return PF.affine(x, outputs, name="fc")
def optional(x, test=False, width=5):
    return PF.affine(PF.affine(x, width, name="a"), 3, name="b")
def swapped(x, n_classes, test=False):
    assert test is True
    return PF.affine(x, n_classes, name="fc")
def native(x, test):
    return PF.inq_affine(x, 3, inq_iterations=(0, 9), name="fc")
def fails(x, test):
    return PF.affine(x, 1 / 0)
def numbers(x, test):
    return 3
def short(x):
    return x
def long(x, test, a, b):
    return x
number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "user_net.py").write_text(NET)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("user_net")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("function", ["net", "wide", "third", "optional", "swapped"])
def test_functions_are_called_with_what_they_take(folder, function):
    before = list(sys.path)
    model = PythonModel(f"user_net:{function}", n_classes=3, folder=folder)
    assert model(nn.Variable((2, 4)), True).shape == (2, 3)
    assert sys.path == before


def test_layers_that_quantize_their_weights_are_plain_ones_behind_quantizers(folder):
    nn.clear_parameters()
    model = PythonModel("user_net:native", folder=folder)
    nodes = [graph_quantizers([model(nn.Variable((2, 4)), test)])[0] for test in (False, True)]
    assert [node.info.type_name for node in nodes] == ["nnabla_compress.INQ"] * 2
    state = nn.get_parameters(grad_only=False)["fc/inq_affine/inq/codes"]
    assert all(node.inputs[1].data == state.data for node in nodes)


def test_a_module_may_import_its_neighbours_when_built(folder):
    (folder / "user_net_part.py").write_text("WIDTH = 3\n")
    (folder / "user_net_main.py").write_text(
        "import nnabla.parametric_functions as PF\n"
        "def net(x, test):\n"
        "    from user_net_part import WIDTH\n"
        "    return PF.affine(x, WIDTH)\n"
    )
    model = PythonModel("user_net_main:net", n_classes=3, folder=folder)
    assert model(nn.Variable((2, 4)), False).shape == (2, 3)


def test_two_recipes_may_have_modules_of_one_name(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "user_net.py").write_text(NET.replace("3, name", "5, name"))
    first = PythonModel("user_net:net", folder=folder)
    second = PythonModel("user_net:net", folder=other)
    assert first(nn.Variable((2, 4)), True).shape == (2, 3)
    with nn.parameter_scope("second"):
        assert second(nn.Variable((2, 4)), True).shape == (2, 5)


@pytest.mark.parametrize(
    "spec, words",
    [
        ("user_net", "not of the form module:function"),
        (":net", "not of the form"),
        ("user_net:", "not of the form"),
        ("user_net_gone:net", "no module 'user_net_gone'"),
        ("user_net.part:net", "no module 'user_net.part'"),
        ("user_net:number", "has no function 'number'"),
        ("user_net:nett", "has no function 'nett'"),
        ("user_net:short", r"has the arguments \(x\)"),
        ("user_net:long", r"has the arguments \(x, test, a, b\)"),
    ],
)
def test_what_can_not_be_called_is_refused_at_once(folder, spec, words):
    with pytest.raises(ConfigError, match=words):
        PythonModel(spec, n_classes=3, folder=folder)


def test_the_functions_of_the_module_are_listed(folder):
    with pytest.raises(ConfigError) as caught:
        PythonModel("user_net:nett", folder=folder)
    assert "it has fails, long, native, net," in str(caught.value)


@pytest.mark.parametrize(
    "text, words",
    [
        ("def net(x:\n", r"SyntaxError: .*user_net_bad.py, line 1"),
        ("x = 1\nraise ValueError('no luck')\n", r"ValueError: no luck .*user_net_bad.py, line 2"),
        ("import user_net_absent\n", "fails on import with ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", "fails on import with SystemExit"),
    ],
)
def test_a_module_that_fails_on_import_is_named_with_its_line(folder, text, words):
    (folder / "user_net_bad.py").write_text(text)
    before = list(sys.path)
    with pytest.raises(ConfigError, match=words):
        PythonModel("user_net_bad:net", folder=folder)
    assert sys.path == before


def test_a_function_that_fails_is_named_with_its_line(folder):
    model = PythonModel("user_net:fails", n_classes=3, folder=folder)
    with pytest.raises(ConfigError, match=r"ZeroDivisionError: .*user_net.py, line 17"):
        model(nn.Variable((2, 4)), True)


def test_results_of_another_kind_or_shape_are_refused(folder):
    with pytest.raises(ConfigError, match="returned a int"):
        PythonModel("user_net:numbers", n_classes=3, folder=folder)(nn.Variable((2, 4)), True)
    with pytest.raises(ConfigError, match=r"returned the shape \(2, 3\), expected \(2, 4\)"):
        PythonModel("user_net:net", n_classes=4, folder=folder)(nn.Variable((2, 4)), True)


def test_the_number_of_classes_must_be_known_where_it_is_wanted(folder):
    with pytest.raises(ConfigError, match="wants the number of classes"):
        PythonModel("user_net:wide", folder=folder)
