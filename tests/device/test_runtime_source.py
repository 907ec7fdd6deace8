# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Checkouts of the C runtime that a user names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nnabla_compress.device.runtime_source import (
    VARIABLE,
    check_runtime_reads,
    find_runtime,
    needed_sources,
    needed_switches,
)
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.nnb import read_nnb


def test_without_the_variable_it_is_said_how_to_get_the_sources(no_source):
    with pytest.raises(ConfigError, match=f"{VARIABLE} is not set") as caught:
        find_runtime()
    assert "git clone" in caught.value.help


def test_a_folder_of_something_else_is_told_with_what_it_lacks(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(ConfigError, match=r"include/nnablart/config\.h is missing"):
        find_runtime()


def test_what_a_checkout_says_of_its_version_is_read(stub_source):
    found = find_runtime()
    assert (found.version, found.api_level, list(found.formats)) == ("stand-in", 44, [2, 3])


def test_a_header_that_says_no_version_is_told(stub_source):
    header = stub_source / "include/nnablart/network.h"
    header.write_text(header.read_text().replace("NN_API_LEVEL", "SOMETHING"))
    with pytest.raises(ConfigError, match="does not say NN_API_LEVEL"):
        find_runtime()


def test_files_that_are_newer_than_the_runtime_are_refused(stub_source, relus):
    source, network = find_runtime(), read_nnb(relus)
    check_runtime_reads(source, network)
    with pytest.raises(ConfigError, match="knows levels up to 44") as caught:
        check_runtime_reads(source, replace(network, api_level=45))
    assert "--api 44" in caught.value.help
    with pytest.raises(ConfigError, match="has format 3, .* reads 2 to 2"):
        check_runtime_reads(replace(source, formats=range(2, 3)), network)


def test_only_the_switches_of_a_networks_functions_are_set(stub_source, relus, packed):
    source = find_runtime()
    assert needed_switches(source, read_nnb(relus)) == {"CONFIG_RELU", "CONFIG_RELU_FLOAT32"}
    # Layers with packed weights are none of the runtime's.
    assert {s for s in needed_switches(source, read_nnb(packed)) if "CONV" in s} == set()


def test_what_is_not_all_float_gets_the_switches_of_every_type(real_source, relus):
    network = read_nnb(relus)
    variables = tuple(replace(v, type="FIXED8", fp_pos=4) for v in network.variables)
    switches = needed_switches(find_runtime(), replace(network, variables=variables))
    forms = ("", "_FIXED8", "_FIXED16", "_FLOAT32", "_GENERIC")
    assert switches == {f"CONFIG_RELU{form}" for form in forms}


def test_a_function_that_the_runtime_lacks_is_named(stub_source, relus):
    network = read_nnb(relus)
    last = replace(network.functions[1], type_name="GELU")
    network = replace(network, functions=(network.functions[0], last))
    with pytest.raises(UnsupportedFunctionError, match="function 1, GELU"):
        needed_switches(find_runtime(), network)


def test_files_of_functions_that_are_switched_off_are_left_out(stub_source):
    folder = stub_source / "src/functions/implements"
    (folder / "relu.c").write_text("#ifdef CONFIG_RELU\n#ifdef CONFIG_RELU_FIXED8\n#endif\n#endif")
    (folder / "tanh.c").write_text("#ifdef CONFIG_TANH\n#endif\n")
    (folder / "shared.c").write_text("#ifdef CONFIG_AFFINE_FIXED8\n#endif\nint shared;\n")
    names = {path.name for path in needed_sources(find_runtime(), {"CONFIG_RELU"})}
    assert names == {"runtime.c", "relu.c", "shared.c"}
