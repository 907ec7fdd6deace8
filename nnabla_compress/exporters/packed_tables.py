# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables of codes on their way to the ``.nnb``: in the notes of the ``.nnp`` it is made of.

The ``.nnp`` holds an ordinary float table, which NNabla looks rows up in. Its metadata hold the
same table as codes. The ``.nnb`` gets these in place of the floats, if they stand for its very
bits.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Dict, Mapping

from nnabla_compress.c_kernels.embeds import pack_embeds
from nnabla_compress.c_kernels.tables import table_bytes, table_of
from nnabla_compress.errors import DataError, ExportError
from nnabla_compress.exporters.metadata import METADATA, read_metadata
from nnabla_compress.nnb import NnbFile
from nnabla_compress.row_codes import RowCodes

TABLES = "packed_tables"
"""Name of the entry of the metadata: each table of codes by its path."""


def tables_as_json(tables: Mapping[str, RowCodes]) -> Dict[str, str]:
    """Returns tables of codes as JSON takes them.

    Args:
        tables: The tables by path.
    """
    return {
        path: base64.b64encode(table_bytes(table)).decode("ascii") for path, table in tables.items()
    }


def tables_in(nnp: Path) -> Dict[str, RowCodes]:
    """Returns the tables of codes that an ``.nnp`` notes, by path; none if there are none.

    Args:
        nnp: The file.

    Raises:
        DataError: If they are damaged.
    """
    noted: Any = read_metadata(nnp).get(TABLES, {})
    try:
        return {
            path: table_of(base64.b64decode(text, validate=True)) for path, text in noted.items()
        }
    except (AttributeError, TypeError, ValueError, ExportError) as error:
        raise DataError(
            f"{METADATA} in {nnp} is damaged: {TABLES} holds no tables of codes.",
            help="export the network again",
        ) from error


def pack_tables(network: NnbFile, tables: Mapping[str, RowCodes]) -> NnbFile:
    """Gives each Embed of a network its table as codes.

    Args:
        network: The network as the converter made it.
        tables: Tables by path.

    Raises:
        ExportError: If a table is not that of an Embed.
    """
    packed, left = pack_embeds(network, list(tables.values()))
    if left:
        paths = [path for path, table in tables.items() if any(table is one for one in left)]
        raise ExportError(
            f"no Embed of the network has the table that {', '.join(paths)} was packed from.",
            help="the file was changed after its export: export it again",
        )
    return packed
