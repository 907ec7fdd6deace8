# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from nnabla.utils.converter import get_api_level_info, get_function_info

from nnabla_compress.nnb.function_table import FUNCTIONS

CODES = {"int64": "i", "float": "f", "double": "f", "bool": "B", "Shape": "I", "string": "i"}
CODES["repeated int64"] = "I"


def test_a_function_has_other_ids_with_fewer_arguments():
    assert FUNCTIONS[265].type_name == FUNCTIONS[1].type_name == "Convolution"
    assert FUNCTIONS[265].arguments[:5] == FUNCTIONS[1].arguments
    assert FUNCTIONS[265].arguments[5] == ("channel_last", "B")
    assert FUNCTIONS[33].arguments == () and FUNCTIONS[308].arguments == (("inplace", "B"),)


@pytest.mark.parametrize("level", [3, 44])
def test_ids_and_arguments_are_nnablas_at_every_level(level):
    info = get_api_level_info()
    info.set_api_level(level)
    table = get_function_info()
    compared = 0
    for name in info.get_function_list():
        known = FUNCTIONS.get(info.get_func_id(name))
        if known is None:
            assert table[name].get("c_runtime") != "support"
            continue
        assert known.type_name == name
        arguments = table[name].get("arguments") or {}
        expected = [(key, CODES[value["type"]]) for key, value in arguments.items()]
        assert list(known.arguments) == expected[: len(known.arguments)]
        codes = "".join("iI" if kind == "I" else kind for _, kind in known.arguments)
        # The converter writes no more than it knows, even where the code has one more.
        stored = info.get_argument_code(name)
        assert codes == stored or (name == "Dropout" and stored == codes + "B")
        compared += 1
    assert compared > 100
