# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The verb fit: its exit status says whether a network fits."""

from __future__ import annotations

import json

from tests.cli.shell import call_here, refused
from tests.search.networks import three_layers


def test_the_status_is_0_where_it_fits_and_1_where_not(tmp_path):
    three_layers(tmp_path)
    words = ("fit", "net.nnp", "--data", "data.npz", "--ram", "4kB", "-t", "portable")
    found = call_here(*words, "--flash", "4kB", "-o", "out", "--json", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["fits"] and told["answer"] == "01-as-it-is-portable"
    assert "Nothing is cheaper" in found.stderr
    late = call_here(*words, "--flash", "4kB", "--time", "1s", "-o", "late", cwd=tmp_path)
    assert late.returncode == 1 and "does not fit flash 4.00 kB" in late.stdout
    assert "for lack of time" in " ".join(late.stdout.split())
    refused(call_here(*words, "--flash", "9B", "-o", "none", cwd=tmp_path), "The least reachable")
    refused(call_here(*words, "--flash", "4kB", "--time", "soon", cwd=tmp_path), "--time is 'soon'")
