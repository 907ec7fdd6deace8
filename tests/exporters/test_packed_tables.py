# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks whose Embed has a table of codes, exported for the C kernels."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.archive import add_metadata
from nnabla_compress.exporters.packed_tables import TABLES, tables_in
from nnabla_compress.nnb import read_nnb
from nnabla_compress.quantizers import LUT, PQ, RowLUT, Uniform
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS

IDS = np.float32([[79, 0, 3, 3]])
QUANTIZERS = {
    "lut": LUT(bits=2),
    "rowlut": RowLUT(bits=2, rows=40),
    "uniform by row": Uniform(bits=4, axis=0, learn=None),
    "pq": PQ(bits=2, length=4),
}


def network(quantizer):
    """Rows of 12 numbers, a layer behind them."""
    nn.clear_parameters()
    rows = np.random.RandomState(0).randn(80, 12).astype(np.float32)
    table = nn.parameter.get_parameter_or_create("items/W", rows.shape, rows)
    ids = nn.Variable.from_numpy_array(IDS)
    with nn.parameter_scope("items"):
        h = F.embed(ids, table if quantizer is None else quantizer(table))
    y = PF.affine(h, 5, name="fc")
    y.forward()
    return ids, h, y


@pytest.mark.parametrize("name", QUANTIZERS)
def test_the_file_holds_codes_and_gives_the_rows_of_the_network(tmp_path, name):
    ids, h, y = network(QUANTIZERS[name])
    outputs = {"h": h, "y": y}
    report = export_nnp(tmp_path / "net.nnp", outputs, {"ids": ids}, target="callback")
    nnb = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    file = read_nnb(nnb)
    assert [one.type_name for one in file.functions] == ["Embed", "Affine"]
    row = next(row for row in report.rows if row.type == "Embed")
    held = file.variables[file.functions[0].inputs[1]]
    assert len(held.data) == row.stored_bytes == row.packed_bytes + 40 < row.float_bytes / 2
    assert row.bits == QUANTIZERS[name].bits and report.exact
    found = Machine(nnb, callbacks=PACKED_CALLBACKS).forward([IDS])
    assert found[0].tobytes() == h.d.tobytes()
    np.testing.assert_allclose(found[1], y.d, 1e-5, 1e-5)


def test_a_float_table_stays_an_affine_of_ones(tmp_path):
    ids, _, y = network(None)
    export_nnp(tmp_path / "net.nnp", {"y": y}, {"ids": ids}, target="callback")
    assert not tables_in(tmp_path / "net.nnp")
    nnb = read_nnb(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    assert "Embed" not in {one.type_name for one in nnb.functions}


def test_other_targets_keep_an_affine_of_ones(tmp_path):
    ids, _, y = network(PQ(bits=2, length=4))
    report = export_nnp(tmp_path / "net.nnp", {"y": y}, {"ids": ids}, target="portable")
    assert [row.type for row in report.rows] == ["Affine", "Affine"]
    assert report.rows[0].bits == 32
    nnb = read_nnb(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    assert "Embed" not in {one.type_name for one in nnb.functions}


def test_damaged_notes_of_a_table_are_refused(tmp_path):
    ids, _, y = network(PQ(bits=2, length=4))
    nnp = tmp_path / "net.nnp"
    export_nnp(nnp, {"y": y}, {"ids": ids}, target="callback")
    add_metadata(nnp, {TABLES: {"items/W": "TkND"}}, {})
    with pytest.raises(DataError, match="holds no tables of codes"):
        tables_in(nnp)
