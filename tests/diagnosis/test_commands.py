# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.diagnosis.commands import Commands, pattern, rule_of
from nnabla_compress.diagnosis.named_samples import NamedSamples
from tests.diagnosis.planted import case


def test_rules_are_those_of_most_tensors():
    planted = case(bits={"a": 4, "b": 4, "c": 8}, map_bits=6)
    commands = Commands.of("f.nnp", NamedSamples(), planted.tensors, floats=["d,1"])
    assert commands.weights == ("affine:bits=4", "c/affine=affine:bits=8", "d?1=none")
    assert commands.maps == ("affine:bits=6,symmetric=false",)
    assert rule_of(planted.tensors[0], 16) == "affine:bits=8", "what ptq takes"


def test_names_from_files_stay_one_word_of_a_command():
    commands = Commands("a b;rm.nnp", NamedSamples(recipe="r s.yaml"), ("lut:bits=2",), ())
    said = commands.quantize(weights=[pattern("x; rm -rf *", "lut:bits=4")])
    assert said == (
        "nnabla-compress ptq 'a b;rm.nnp' --recipe-data 'r s.yaml' -w lut:bits=2 "
        "-w 'x; rm -rf ?=lut:bits=4' --weights-only"
    )
    assert "'p=0.5; ls'" in commands.prune("--filters", "p=0.5; ls")
