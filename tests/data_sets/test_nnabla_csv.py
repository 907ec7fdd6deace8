# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla CSV data sets: numbers, vectors, files, and lines that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.data import Wanted
from nnabla_compress.data.nnabla_csv import nnabla_csv
from nnabla_compress.errors import ConfigError, DataError


def _csv(folder, text, name="set.csv", encoding="utf-8"):
    (folder / name).write_text(text, encoding=encoding)
    return folder / name


def test_a_vector_is_put_together_by_its_indices(tmp_path):
    path = _csv(tmp_path, "# note,x__1:b,x__0:a,y:class\nhello,2,1,0\n,4.5,3,1\n\n")
    data = nnabla_csv(train=path)
    assert data.train.x.tolist() == [[1, 2], [3, 4.5]]
    assert data.train.y.tolist() == [0, 1] and data.n_classes == 2


def test_a_byte_order_mark_and_other_names_are_understood(tmp_path):
    path = _csv(tmp_path, "in,out\r\n7,1\r\n", encoding="utf-8-sig")
    data = nnabla_csv(test=path.name, folder=tmp_path, x="in", y="out")
    assert data.test.x.tolist() == [[7]] and data.train is None


def test_images_are_scaled_to_one_and_get_channels_first(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    gray = np.array([[0, 51], [102, 255]], np.uint8)
    (tmp_path / "img").mkdir()
    image.fromarray(gray).save(tmp_path / "img" / "a.png")
    image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "img" / "b.png")
    data = nnabla_csv(train=_csv(tmp_path, "x:image,y:digit\nimg/a.png,3\n.\\img\\b.png,4\n"))
    expected = np.array([[0, 0.2], [0.4, 1]], np.float32)
    np.testing.assert_allclose(data.train.x, [[expected], [expected]], atol=1e-7)
    color = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image.fromarray(color).save(tmp_path / "c.png")
    x = nnabla_csv(train=_csv(tmp_path, "x,y\nc.png,0\n")).train.x
    np.testing.assert_allclose(x[0], color.transpose(2, 0, 1) / 255.0, atol=1e-7)


def test_the_values_are_those_of_nnablas_own_reader(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    from nnabla.utils.data_source_implements import CsvDataSource

    pixels = np.random.RandomState(0).randint(0, 256, (5, 4, 3)).astype(np.uint8)
    image.fromarray(pixels).save(tmp_path / "a.png")
    path = _csv(tmp_path, "x:image,y:label\na.png,2\n")
    ours = nnabla_csv(train=path).train
    theirs = dict(zip(("x", "y"), CsvDataSource(str(path), normalize=True)._get_data(0)))
    np.testing.assert_allclose(ours.x[0], theirs["x"], atol=1e-7)
    assert ours.y.ravel().tolist() == theirs["y"]


def test_arrays_and_matrices_are_read_beside_the_file(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(1, 2, 3))
    path = _csv(tmp_path, "x,y\na.npy,0\n")
    assert nnabla_csv(train=path).train.x.tolist() == [[[[0, 1, 2], [3, 4, 5]]]]
    _csv(tmp_path, "1,2,3\n4,5,6\n", "m.csv")
    path = _csv(tmp_path, "x,y\nm.csv,0\n")
    assert nnabla_csv(train=path).train.x.tolist() == [[[[1, 2, 3], [4, 5, 6]]]]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "is empty"),
        ("x,y\n", "no rows"),
        ("x;y\n1;2\n", "has ';' between its cells"),
        ("x,z\n1,2\n", "no column 'y'; its header is x, z"),
        ("x,y__0,y__1\n1,0,1\n", "not one-hot"),
        ("x__a,y\n1,0\n", "no number after '__'"),
        ("x,y\n1,0\n1\n", "line 3: 1 cells, the header has 2"),
        ("x,y\n1,cat\n", "line 2: the cell 'cat' is neither a number nor a file"),
        ("x,y\n1,0.5\n", "label 0.5 of sample 0 is not a whole number"),
        ("x,y\n1,-1\n", "label -1"),
        ("x,y\nnan,0\n", "NaN or infinite"),
        ("x,y\n,0\n", "line 2: the cell ''"),
        ("x,y\ngone.png,0\n", r"line 2: image .*gone.png does not exist"),
        ("x,y\ngone.npy,0\n", r"line 2: .*gone.npy does not exist"),
        ("x,y\nbad.png,0\n", r"line 2: can't read the image .*bad.png"),
        ("x,y\nbad.npy,0\n", r"line 2: can't read .*bad.npy"),
        ("x,y\nbad.csv,0\n", r"line 2: can't read .*bad.csv"),
        (
            "x,y\n1,0\ntwo.npy,0\n",
            r"line 3: the sample of 'x' has the shape \(2,\), the first has \(1,\)",
        ),
        ("x__0,x__1,y\n1,two.npy,0\n", "not one number"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(tmp_path, text, words):
    pytest.importorskip("PIL.Image", reason="pillow is not installed")
    for name in ("bad.png", "bad.npy", "bad.csv"):
        (tmp_path / name).write_text("a,b\nc\n")
    np.save(tmp_path / "two.npy", np.zeros(2))
    path = _csv(tmp_path, text)
    with pytest.raises(DataError, match=words) as caught:
        nnabla_csv(train=path)
    assert "set.csv" in str(caught.value)


def test_text_of_another_encoding_is_refused(tmp_path):
    path = _csv(tmp_path, "x,y\n\N{HIRAGANA LETTER A},0\n", encoding="shift_jis")
    with pytest.raises(DataError, match="UTF-8"):
        nnabla_csv(train=path)


def test_no_file_at_all_is_a_config_error():
    with pytest.raises(ConfigError, match="needs a file"):
        nnabla_csv()


def test_targets_may_be_vectors_or_files(tmp_path):
    numbers = Wanted(targets="numbers")
    path = _csv(tmp_path, "x__0,x__1,y__1:b,y__0:a\n1,2,0.5,-3\n3,4,1.5,-4\n")
    assert nnabla_csv(train=path, wanted=numbers).train.y.tolist() == [[-3, 0.5], [-4, 1.5]]
    np.save(tmp_path / "m.npy", np.ones((1, 2, 3)))
    path = _csv(tmp_path, "x,y:mask\n1,m.npy\n")
    assert nnabla_csv(train=path, wanted=numbers).train.y.shape == (1, 1, 2, 3)
    path = _csv(tmp_path, "x,t\n1,0.25\n")
    assert nnabla_csv(test=path, y="t", wanted=numbers).test.y.tolist() == [[0.25]]
    assert nnabla_csv(test=path, y="x", wanted=numbers).test.y.tolist() == [[1]]
    assert not nnabla_csv(test=path, wanted=Wanted(unlabelled=True)).test.labelled


def test_several_inputs_are_found_by_their_names(tmp_path):
    path = _csv(tmp_path, "a,b__0,b__1,y\n1,2,3,0\n4,5,6,1\n")
    wanted = Wanted(inputs={"Input": ("Input", "a"), "b": ("b",)})
    train = nnabla_csv(train=path, wanted=wanted).train
    assert train.x.tolist() == [[1], [4]] and train.more["b"].tolist() == [[2, 3], [5, 6]]
    with pytest.raises(DataError, match="no column 'c'"):
        nnabla_csv(train=path, wanted=Wanted(inputs={"a": ("a",), "c": ("c",)}))
