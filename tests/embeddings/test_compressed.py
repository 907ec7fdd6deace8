# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.c_kernels.tables import table_bytes
from nnabla_compress.embeddings import (
    CodeSearch,
    TableTraining,
    compress_table,
    load_table,
    recall,
    save_device_table,
    save_table,
)
from nnabla_compress.errors import ConfigError, DataError, ExportError

RNG = np.random.RandomState(0)
CENTRES = RNG.randn(12, 16)
TABLE = (CENTRES[RNG.randint(12, size=400)] + 0.3 * RNG.randn(400, 16)).astype(np.float32)
QUANTIZERS = {
    "lut": Q.LUT(bits=4),
    "rowlut": Q.RowLUT(bits=4, rows=50),
    "uniform": Q.Uniform(bits=4),
    "uniform by row": Q.Uniform(bits=4, axis=0, learn=None),
    "pq": Q.PQ(bits=6, length=3),
}


@pytest.fixture(params=QUANTIZERS, scope="module")
def small(request):
    return compress_table(TABLE, QUANTIZERS[request.param])


def test_a_file_holds_the_same_bits(small, tmp_path):
    save_table(tmp_path / "t.npz", small)
    again = load_table(tmp_path / "t.npz")
    assert again.decode().tobytes() == small.decode().tobytes() and again.nbytes == small.nbytes


def test_a_file_for_the_c_kernel_is_its_memory(small, tmp_path):
    save_device_table(tmp_path / "t.bin", small)
    assert (tmp_path / "t.bin").read_bytes() == table_bytes(small)


def test_any_reader_of_npz_can_decode_it(tmp_path):
    small = compress_table(TABLE, Q.PQ(bits=4, length=4))
    save_table(tmp_path / "t.npz", small)
    with np.load(tmp_path / "t.npz") as held:  # as the docs tell it
        codes = np.stack([held["codes"] & 15, held["codes"] >> 4], axis=2).reshape(400, 4)
        rows = held["codebooks"][0][np.arange(4), codes].reshape(400, 16)
    np.testing.assert_array_equal(rows, small.decode())


def test_searching_codes_finds_what_decoding_and_brute_force_find(small):
    queries = RNG.randn(30, 16).astype(np.float32)
    rows = small.decode().astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    unit = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    expected = unit @ rows.T
    search = CodeSearch(small)
    np.testing.assert_allclose(search.scores(queries), expected, atol=2e-6)
    found, cosines = search.nearest(queries, 10)
    best = -np.sort(-expected, axis=1)[:, :10]
    np.testing.assert_allclose(cosines, best, atol=2e-6)
    np.testing.assert_allclose(np.take_along_axis(expected, found, 1), best, atol=2e-6)


def test_a_training_brings_partners_nearer_and_depends_on_its_seed_only():
    groups = np.random.RandomState(1).randint(12, size=400)
    noisy = (CENTRES[groups] + np.random.RandomState(2).randn(400, 16)).astype(np.float32)
    pairs = np.argwhere(np.triu(groups[:, None] == groups[None], 1))
    pairs = pairs[np.random.RandomState(0).permutation(len(pairs))[:2000]]
    how = TableTraining(epochs=5, fidelity=0.01, learning_rate=0.01, margin=0.5)
    made = [compress_table(noisy, Q.PQ(4, 4), pairs, how, seed) for seed in (0, 0, 1)]
    assert made[0].decode().tobytes() == made[1].decode().tobytes() != made[2].decode().tobytes()
    plain = compress_table(noisy, Q.PQ(4, 4))

    def nearness(table):
        rows = table.decode() / np.linalg.norm(table.decode(), axis=1, keepdims=True)
        return (rows[pairs[:, 0]] * rows[pairs[:, 1]]).sum(1).mean() - (rows @ rows.T).mean()

    assert nearness(made[0]) > nearness(plain) + 0.02


def test_more_bits_keep_more_neighbours():
    found = [recall(TABLE, compress_table(TABLE, Q.LUT(bits=b)).decode()) for b in (1, 2, 4, 8)]
    assert found == sorted(found) and found[-1] > 97


def test_a_table_of_one_row_is_fine(tmp_path):
    for quantizer in QUANTIZERS.values():
        small = compress_table(TABLE[:1], quantizer)
        save_table(tmp_path / "t.npz", small)
        found, _ = CodeSearch(load_table(tmp_path / "t.npz")).nearest(TABLE[0], 1)
        assert found.tolist() == [[0]]


def test_rows_of_zeros_score_nothing():
    small = compress_table(np.float32([[0, 0], [1, 0]]), Q.PQ(bits=1, length=2))
    assert CodeSearch(small).scores(np.float32([[1, 0]])).tolist() == [[0, 1]]


def test_tables_and_quantizers_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"the shape \(0, 4\)"):
        compress_table(np.zeros((0, 4)), Q.PQ())
    bad = TABLE.copy()
    bad[7, 3] = np.inf
    with pytest.raises(DataError, match="row 7 of the table"):
        compress_table(bad, Q.PQ())
    with pytest.raises(ExportError, match="no row codes"):
        compress_table(TABLE, Q.Prune(0.5))
    with pytest.raises(ConfigError, match="needs pairs"):
        compress_table(TABLE, Q.PQ(), None, TableTraining())
    with pytest.raises(ConfigError, match="margin is 0"):
        TableTraining(margin=0)
    with pytest.raises(DataError, match="items have 16 numbers"):
        CodeSearch(compress_table(TABLE, Q.PQ())).scores(np.zeros((1, 3)))


@pytest.mark.parametrize(
    "pairs, said",
    [
        ([[0, 1], [3, 400]], r"pair 1 names the items \[3, 400\], outside 0..399"),
        ([[-1, 0]], "pair 0 names"),
        ([[0.0, 1.0]], "float64"),
        ([[0, 1, 2]], r"the shape \(1, 3\)"),
    ],
)
def test_pairs_of_rows_that_are_not_there_are_refused(pairs, said):
    with pytest.raises(DataError, match=said):
        compress_table(TABLE, Q.LUT(bits=2), np.array(pairs), TableTraining(epochs=1))


def test_queries_that_are_no_numbers_are_refused():
    search = CodeSearch(compress_table(TABLE, Q.LUT(bits=2)))
    queries = TABLE[:3].copy()
    queries[1, 2] = np.nan
    with pytest.raises(DataError, match="query 1 holds NaN"):
        search.nearest(queries, 2)
    with pytest.raises(DataError, match="queries are of <U1"):
        search.nearest(np.full((1, 16), "a"), 2)
    for count in (0, 401, 2.5):
        with pytest.raises(DataError, match=f"the {count} nearest of 400 items"):
            search.nearest(TABLE[:1], count)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match="there is no .*t.npz"):
        load_table(tmp_path / "t.npz")


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"codes": None}, "codes missing"),
        ({"layout": np.array([2, 4, 4, 0])}, "another version"),
        ({"layout": np.array([1, 4, 9, 0])}, "bytes a row"),
        ({"layout": np.array([1, 4, 4, 7])}, "no compressed table"),
        ({"codes": np.zeros((3, 2), np.uint8)}, "no compressed table"),
        ({"shape": np.array([400, 99])}, "no compressed table"),
        ({"codebooks": np.full((1, 4, 16, 4), np.nan)}, "not finite"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, changed, said):
    save_table(tmp_path / "t.npz", compress_table(TABLE, Q.PQ(bits=4, length=4)))
    with np.load(tmp_path / "t.npz") as held:
        arrays = {**held, **changed}
    np.savez(tmp_path / "u.npz", **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(DataError, match=said):
        load_table(tmp_path / "u.npz")
