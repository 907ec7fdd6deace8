# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Nearest neighbours over codes without decoding them: asymmetric distances."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.embeddings.scores import highest, unit_rows
from nnabla_compress.errors import DataError
from nnabla_compress.kernels.product_codes import scores_of_codes
from nnabla_compress.row_codes import RowCodes

# Numbers of the tables of products that a query may take.
_MOST_PRODUCTS = 1 << 27


class CodeSearch:
    """Finds the items nearest to queries by cosine; items stay codes, queries are floats.

    For each query the products of its parts with all codebook entries are made once. What an item
    scores is then the sum of one product a code, and its norm, which is taken once of all items.

    Args:
        table: The items.

    Example:
        >>> books = np.float32([[[[1, 0], [0, 1]]]])
        >>> search = CodeSearch(RowCodes(np.uint8([[1], [0]]), 1, books, (2, 2)))
        >>> search.nearest(np.float32([[0.9, 0.1]]), 1)[0].tolist()
        [[1]]
    """

    def __init__(self, table: RowCodes) -> None:
        self._table = table
        self._groups = table.groups(np.arange(len(table), dtype=np.int64))
        books = table.codebooks
        if books.shape[0] * table.codes.shape[1] * books.shape[2] > _MOST_PRODUCTS:
            raise DataError(
                f"{books.shape[0]:,} groups of rows have too many entries to search by codes.",
                help="choose larger groups, or decode the rows",
            )
        squares = self._for_all_parts(np.square(self._books(), dtype=np.float64).sum(axis=3))
        sums = np.empty(len(table), np.float32)
        one = np.ones(len(table), np.float32)
        scores_of_codes(table.codes, self._groups, squares.astype(np.float32), one, sums)
        norms = np.sqrt(sums)
        self._scales = np.where(norms > 0, 1 / np.where(norms > 0, norms, 1), 0).astype(np.float32)
        if table.scales is not None:
            # The norm has the scale's magnitude: a cosine has its sign only.
            self._scales *= np.sign(table.scales)

    def scores(self, queries: np.ndarray) -> np.ndarray:
        """Returns the cosines of queries and all items, float32 (Q, N).

        Args:
            queries: Float rows (Q, D).

        Raises:
            DataError: If they are of another width, or no finite numbers.
        """
        table = self._table
        queries = np.atleast_2d(np.asarray(queries))
        if queries.dtype.kind not in "fiub":
            raise DataError(f"queries are of {queries.dtype}.", help="give rows of numbers")
        queries = queries.astype(np.float32)
        if queries.ndim != 2 or queries.shape[1] != table.width:
            raise DataError(
                f"queries of the shape {queries.shape}, items have {table.width} numbers.",
                help="give rows of as many",
            )
        finite = np.isfinite(queries).all(axis=1)
        if not finite.all():
            raise DataError(
                f"query {int(np.argmin(finite))} holds NaN or infinity.", help="leave it out"
            )
        books, length = self._books(), table.codebooks.shape[3]
        parts = table.codes.shape[1]
        rows = np.zeros((len(queries), parts * length), np.float32)
        rows[:, : table.width] = unit_rows(queries)
        found = np.empty((len(queries), len(table)), np.float32)
        for number, row in enumerate(rows.reshape(len(rows), parts, length)):
            products = (
                np.einsum("gpkl,pl->gpk", books, row)
                if books.shape[1] > 1
                else np.einsum("gkl,pl->gpk", books[:, 0], row)
            )
            products = np.ascontiguousarray(products, np.float32)
            scores_of_codes(table.codes, self._groups, products, self._scales, found[number])
        return found

    def nearest(self, queries: np.ndarray, count: int) -> Tuple[np.ndarray, np.ndarray]:
        """Returns the nearest items of each query and their cosines, (Q, count) each.

        Args:
            queries: Float rows (Q, D).
            count: How many, at most all.

        Raises:
            DataError: If there are not as many, or queries don't fit.
        """
        if not isinstance(count, (int, np.integer)) or not 1 <= count <= len(self._table):
            raise DataError(
                f"the {count} nearest of {len(self._table)} items are asked for.",
                help="give a whole number, from 1 to all",
            )
        found = self.scores(queries)
        places = highest(found, count)
        return places, np.take_along_axis(found, places, 1)

    def _books(self) -> np.ndarray:
        """The codebooks, entries of the last part 0 where no number of a row is."""
        table = self._table
        books = table.codebooks
        beyond = table.codes.shape[1] * books.shape[3] - table.width
        if beyond:
            books = np.array(
                np.broadcast_to(books, (len(books), table.codes.shape[1], *books.shape[2:]))
            )
            books[:, -1, :, -beyond:] = 0
        return books

    def _for_all_parts(self, values: np.ndarray) -> np.ndarray:
        shape = len(values), self._table.codes.shape[1], values.shape[2]
        return np.ascontiguousarray(np.broadcast_to(values, shape))
