# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Converting an ``.nnp`` to the ``.nnb`` that the C runtime loads, by NNabla's own converter."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Iterator, Union

from nnabla_compress.errors import CompressError, ConfigError, ExportError, unwrapped
from nnabla_compress.exporters.api_levels import NEWEST, RELEASED, check_file
from nnabla_compress.exporters.buffer_plan import quick_plan
from nnabla_compress.exporters.conversion import converted
from nnabla_compress.exporters.converter_settings import carried_types, read_types
from nnabla_compress.exporters.function_info import quick_converter
from nnabla_compress.exporters.packed_nnb import pack_nnb, packing_of
from nnabla_compress.exporters.packed_tables import pack_tables, tables_in
from nnabla_compress.files import temporary_folder
from nnabla_compress.logs import printed_here, quiet
from nnabla_compress.models.nnp_archive import read_nnp
from nnabla_compress.models.nnp_executed import executed_part
from nnabla_compress.models.stored_text import parsed_once
from nnabla_compress.nnb import write_nnb
from nnabla_compress.nnb.compact import compact as compacted
from nnabla_compress.nnb.function_table import FUNCTIONS
from nnabla_compress.safe_names import shell_word
from nnabla_compress.turns import one_at_a_time

API_LEVELS = range(1, NEWEST + 1)


@one_at_a_time
def export_nnb(
    path: Union[str, Path],
    nnp_path: Union[str, Path],
    api: int = RELEASED,
    batch_size: int = 1,
    settings: Union[str, Path, None] = None,
    compact: bool = True,
    pack: bool = True,
) -> Path:
    """Converts an ``.nnp`` to an ``.nnb`` with the options that the C runtime needs.

    The same as ``nnabla_cli convert -d nnb_3 --nnp-no-expand-network --api API -b BATCH_SIZE``:
    buffers of their real size, and functions in the order of the file, so that decoded weights are
    not all alive at once. Functions that no output of the executor needs, such as a loss, are left
    out before. Then :func:`~nnabla_compress.nnb.compact.compact` takes out what
    the runtime does not need.

    Args:
        path: The file to write, ``*.nnb``.
        nnp_path: The file to convert, as :func:`export_nnp` wrote it.
        api: API level of the runtime, 1 to 45; the released runtime has 44, older devices less.
            The ``.nnp`` must be exported for it, too, if it holds what the level lacks.
        batch_size: Rows of the inputs, fixed in the file.
        settings: YAML file with the types of variables; by default what the ``.nnp`` carries.
        compact: Make the file and its buffers smaller; False: exactly what the converter writes.
        pack: Pack the weights of an ``.nnp`` for target ``callback``; False: leave them float, but
            for tables of codes that an Embed reads, which the runtime itself has not.

    Returns:
        The path of the file.

    Raises:
        ConfigError: If an argument is out of its range or the file can't be written.
        DataError: If the settings hold anything but types of variables.
        ExportError: If the converter refuses the network.
        UnsupportedFunctionError: If the level would compute other values.

    Example:
        >>> import tempfile, nnabla as nn, nnabla.parametric_functions as PF
        >>> from nnabla_compress.exporters import export_nnp
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 16))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = export_nnp(f"{folder}/net.nnp", PF.affine(x, 10, name="fc"), x)
        ...     export_nnb(f"{folder}/net.nnb", f"{folder}/net.nnp").name
        'net.nnb'
    """
    path, nnp_path = Path(path), Path(nnp_path)
    if path.suffix != ".nnb":
        raise ConfigError(f"can't export to {path}: it does not end in .nnb.", help="call it *.nnb")
    if not nnp_path.is_file():
        raise ConfigError(f"there is no file {nnp_path}.", help="export the .nnp first")
    if api not in API_LEVELS:
        raise ConfigError(f"api is {api}, the range is 1 to 45.", help="44 is the released runtime")
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}.", help="choose 1 or more")
    check_file(nnp_path, api)
    types = carried_types(nnp_path) if settings is None else read_types(Path(settings))
    forms = packing_of(nnp_path) if pack else None
    with ExitStack() as opened:
        folder = opened.enter_context(temporary_folder())
        executed = executed_part(nnp_path, folder)
        try:
            with unwrapped(), _silent():
                network = opened.enter_context(converted(executed, folder, api, batch_size, types))
        except (CompressError, OSError):
            raise
        except (Exception, SystemExit) as error:  # the converter refuses in many ways
            raise _refusal(nnp_path, error) from error
        smaller = compact and all(function.id in FUNCTIONS for function in network.functions)
        network = pack_tables(network, tables_in(nnp_path))
        if forms is not None:
            network = pack_nnb(network, forms, fuse=smaller)
        write_nnb(path, compacted(network) if smaller else network, share_lists=smaller)
    return path


def _refusal(nnp_path: Path, error: BaseException) -> ExportError:
    if _only_lacks_an_executor(nnp_path):
        return ExportError(
            f"{nnp_path} has no executor, which says what an .nnb takes and gives.",
            help=f"'nnabla-compress export {shell_word(nnp_path)}' writes a file with one, and its "
            ".nnb",
        )
    reason = f"{type(error).__name__}: {error}".strip().rstrip(".")
    return ExportError(
        f"NNabla's converter can't turn {nnp_path} into an .nnb: {reason}.",
        help="export the .nnp with export_nnp(target='portable'), and try a higher api",
    )


def _only_lacks_an_executor(nnp_path: Path) -> bool:
    proto = read_nnp(nnp_path).proto
    return bool(proto.network) and not proto.executor


@contextmanager
def _silent() -> Iterator[None]:
    """Keeps what the converter prints from the terminal, and lets it work quickly."""
    with printed_here(), quiet(), quick_converter(), quick_plan(), parsed_once():
        yield
