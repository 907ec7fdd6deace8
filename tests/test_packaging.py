# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is installed is whole: the wheel, made of the sdist, works where the checkout is not."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest
from setuptools import build_meta

from nnabla_compress.exporters import export_nnp

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nnabla_compress"
# Where a distribution is imported by another name.
IMPORTED_AS = {
    "pyyaml": "yaml",
    "protobuf": "google",
    "scikit-learn": "sklearn",
    "pillow": "PIL",
    "nnabla-ext-cuda116": "nnabla_ext",
    "nnabla-ext-cuda120": "nnabla_ext",
}
# What comes with another distribution, always: pandas with ray[data].
PART_OF = {"pydantic_core": "pydantic", "pandas": "ray"}
FOLDERS = ("nnabla_compress", "configs", "docs", "examples", "tests", "tools")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "_build", ".*", "*.nbi", "*.nbc")


def requirements(name):
    """What a list of setup.py requires, by the names that it is imported by."""
    text = (ROOT / "setup.py").read_text("utf-8")
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.List, ast.Dict)):
            found[node.targets[0].id] = ast.get_source_segment(text, node.value)
    names = re.findall(r'"([A-Za-z][\w.-]*)(?:\[\w+\])?\s*(?:[<>=!]=?[^"]*)?"', found[name])
    return {IMPORTED_AS.get(each, each) for each in names}


def imported():
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add((node.module or "").split(".")[0])
    return {PART_OF.get(name, name) for name in names} - {"nnabla_compress"}


def test_all_that_is_required_is_imported_and_all_that_is_imported_is_required():
    required, names = requirements("INSTALL_REQUIRES"), imported()
    assert required - names == set()
    extras = {"sklearn", "PIL", "ray", "nnabla_ext"}
    assert extras <= requirements("DATA") | requirements("SEARCH") | {"nnabla_ext"}
    standard = {name for name in names if is_standard(name)}
    assert names - standard - required - extras == set()


def is_standard(name):
    found = getattr(sys, "stdlib_module_names", None)
    if found is not None:
        return name in found
    import importlib.util

    spec = importlib.util.find_spec(name)
    where = "" if spec is None or spec.origin is None else spec.origin
    return "site-packages" not in where and "dist-packages" not in where


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist of what is here, and the wheel that is made of it."""
    place = tmp_path_factory.mktemp("build")
    source = place / "source"
    source.mkdir()
    for path in ROOT.iterdir():
        if path.name in FOLDERS:
            shutil.copytree(path, source / path.name, ignore=LEFT_OUT)
        elif path.is_file() and not path.name.startswith("."):
            shutil.copy(path, source / path.name)
    here = Path.cwd()
    os.chdir(source)
    try:
        sdist = place / build_meta.build_sdist(str(place))
    finally:
        os.chdir(here)
    wheels = place / "wheels"
    # What builds a wheel is fetched as for any pip install; nothing else is.
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels)]
    subprocess.run([*pip, str(sdist)], check=True, cwd=place)
    return sdist, next(wheels.glob("*.whl"))


def there(folder):
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and not {"__pycache__", "_build"} & set(path.parts)
        and path.suffix not in (".pyc", ".nbi", ".nbc")
    }


@pytest.mark.long
def test_the_wheel_has_every_file_of_the_package_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == there("nnabla_compress")
    assert "nnabla_compress/py.typed" in names


@pytest.mark.long
def test_the_sdist_has_what_its_tests_and_pages_need(built):
    with tarfile.open(built[0]) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    for folder in FOLDERS:
        assert there(folder) - names == set()
    assert {"README.md", "LICENSE", "CONTRIBUTING.md", "Makefile", "pyproject.toml"} <= names


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The program as installed into an environment that knows its dependencies and no checkout."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place / "env", with_pip=True)
    python = place / "env" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(built[1])], check=True, cwd=place)
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]
    own = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    # Plain folders: what an editable install has put beside them is not followed.
    others = [path for path in sys.path if path.endswith("site-packages")]
    (own / "dependencies.pth").write_text("\n".join(others) + "\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))}

    def run(*words, name="nnabla-compress"):
        return subprocess.run(
            [str(python.with_name(name)), *words],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return place, run


@pytest.mark.long
@pytest.mark.timeout(600)
def test_what_is_installed_compresses_exports_and_reports(installed):
    place, run = installed
    where = run("-c", "import nnabla_compress; print(nnabla_compress.__file__)", name="python")
    assert str(place) in where.stdout
    nn.clear_parameters()
    x = nn.Variable((1, 1, 8, 8))
    h = F.relu(PF.convolution(x, 4, (3, 3), name="conv1"))
    export_nnp(place / "net.nnp", PF.affine(h, 3, name="fc"), x)
    for words in (
        ["compress", "net.nnp", "-w", "lut:bits=4", "-o", "out"],
        ["export", "out", "--target", "callback", "--firmware", "firmware", "-o", "device"],
        ["report", "out"],
    ):
        done = run(*words)
        assert done.returncode == 0, done.stdout
    assert "<style>" in (place / "out" / "report.html").read_text("utf-8")
    assert (place / "device" / "packed_kernels.c").exists()
    for name in ("Makefile", "CMakeLists.txt", "main.c", "packed_kernels.c"):
        assert list((place / "firmware").rglob(name)), name
