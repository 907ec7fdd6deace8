# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writing an ``.nnb`` as a constant array in C, with a program that shows how to run it."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from nnabla_compress.c_kernels import EXAMPLE, GLUE, KERNELS
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters.c_names import c_file_name, c_name
from nnabla_compress.files import atomic_path
from nnabla_compress.nnb import NnbFile, NnbVariable, read_nnb
from nnabla_compress.nnb.network import DTYPES
from nnabla_compress.safe_names import shell_word
from nnabla_compress.simulator.packed import needs_callbacks

_NOTICE = "/* Written by nnabla-compress. */"
_WORDS_A_LINE = 8
_C_TYPES = {"FLOAT32": "float", "FIXED16": "int16_t", "FIXED8": "int8_t"}


def export_c(path: Union[str, Path], nnb_path: Union[str, Path]) -> List[Path]:
    """Writes a network as C source: the array, its header, and an example of the calls.

    The array is constant and made of 32-bit words, so that it may stay in flash and is aligned as
    the runtime reads it. The words are those of a little-endian processor.

    Args:
        path: The file to write, ``NAME.c``; ``NAME.h`` and ``NAME_main.c`` are written beside it.
            Of a ``NAME`` that can't stand in an ``#include`` or in a command, the files are called
            as :func:`~nnabla_compress.exporters.c_names.c_file_name` says. It becomes the name of
            the array, what C does not allow ``_``.
        nnb_path: The network, as :func:`export_nnb` wrote it.

    Returns:
        The paths of the three files.

    Raises:
        ConfigError: If the path does not end in ``.c`` or can't be written.
        DataError: If the ``.nnb`` is missing or damaged.

    Example:
        >>> import tempfile
        >>> from nnabla_compress.nnb import write_nnb
        >>> x = NnbVariable(0, (1, 4), "FLOAT32", buffer=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_nnb(f"{folder}/net.nnb", NnbFile(3, 44, (16,), (x,), (), (0,), (0,)))
        ...     [file.name for file in export_c(f"{folder}/net.c", f"{folder}/net.nnb")]
        ['net.c', 'net.h', 'net_main.c']
    """
    path, nnb_path = Path(path), Path(nnb_path)
    if path.suffix != ".c":
        raise ConfigError(f"can't export to {path}: it does not end in .c.", help="call it *.c")
    network = read_nnb(nnb_path)
    content = nnb_path.read_bytes()
    name, stem = c_name(path.stem), c_file_name(path.stem)
    source, header, example = (path.with_name(stem + end) for end in (".c", ".h", "_main.c"))
    texts = {
        header: _header(name, network, content),
        source: _array(name, header.name, content),
        example: _example(name, source.name, network),
    }
    for file, text in texts.items():
        with atomic_path(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [source, header, example]


def _header(name: str, network: NnbFile, content: bytes) -> str:
    upper = name.upper()
    inputs = [network.variables[number] for number in network.inputs]
    lines = [
        _NOTICE,
        f"#ifndef {upper}_H",
        f"#define {upper}_H",
        "",
        *(["#include <math.h>"] if any(map(_is_integer, inputs)) else []),
        "#include <stdint.h>",
        "",
        f"/* The network in the format of the NNabla C runtime, API level {network.api_level}. */",
        f"#define {upper}_BYTES {len(content)}",
        "/* Memory that the runtime allocates for variables. */",
        f"#define {upper}_BUFFER_BYTES {network.buffer_bytes}",
        "",
    ]
    for kind, numbers in (("INPUT", network.inputs), ("OUTPUT", network.outputs)):
        lines += [f"#define {upper}_{kind}S {len(numbers)}"]
        for index, number in enumerate(numbers):
            variable = network.variables[number]
            lines += [
                f"/* {kind.capitalize()} {index}: {_described(variable)}. */",
                f"#define {upper}_{kind}_{index}_SIZE {variable.size}",
                f"typedef {_C_TYPES[variable.type]} {name}_{kind.lower()}_{index}_t;",
            ]
            if kind == "INPUT" and _is_integer(variable):
                lines += _storing(name, index, variable)
        lines += [""]
    lines += [
        f"extern const uint32_t {name}[({upper}_BYTES + 3) / 4];",
        "",
        f"#endif /* {upper}_H */",
        "",
    ]
    return "\n".join(lines)


def _is_integer(variable: NnbVariable) -> bool:
    return variable.type in ("FIXED16", "FIXED8")


def _storing(name: str, index: int, variable: NnbVariable) -> List[str]:
    """What stores a sample in an input, as ``nnb.stored_input`` does."""
    limits, kind = np.iinfo(DTYPES[variable.type]), f"{name}_input_{index}_t"
    return [
        f"/* A number as input {index} holds it: the nearest integer to it times "
        f"2^{variable.fp_pos}, limited. */",
        f"static inline {kind} {name}_input_{index}_stored(float number) {{",
        f"  float nearest = roundf(number * {float(1 << variable.fp_pos)}f);",
        f"  return ({kind})(nearest > {float(limits.max)}f ? {float(limits.max)}f",
        f"    : nearest < {float(limits.min)}f ? {float(limits.min)}f : nearest);",
        "}",
    ]


def _described(variable: NnbVariable) -> str:
    shape = " x ".join(map(str, variable.shape))
    if variable.type == "FLOAT32":
        return f"{shape} numbers"
    return f"{shape} integers that stand for themselves times 2^-{variable.fp_pos}"


def _array(name: str, header: str, content: bytes) -> str:
    padded = content + bytes(-len(content) % 4)
    words = [
        f"0x{int.from_bytes(padded[start : start + 4], 'little'):08x}u"
        for start in range(0, len(padded), 4)
    ]
    lines = [
        "  " + ", ".join(words[start : start + _WORDS_A_LINE]) + ","
        for start in range(0, len(words), _WORDS_A_LINE)
    ]
    count = f"({name.upper()}_BYTES + 3) / 4"
    top = [_NOTICE, f'#include "{header}"', "", f"const uint32_t {name}[{count}] = {{"]
    return "\n".join([*top, *lines, "};", ""])


def compile_command(paths: Sequence[Path]) -> Optional[str]:
    """Returns the command that compiles the C files of an export, None if there are none.

    It takes the runtime's headers and libraries from ``$NNABLA_C_RUNTIME``, the folder of
    nnabla-c-runtime, built in ``build``.

    Args:
        paths: What the export wrote, in one folder.

    Example:
        >>> print(compile_command([Path("out/a-b.c"), Path("out/a-b_main.c")]))
        ... # doctest: +NORMALIZE_WHITESPACE
        cd out && cc -O2 -I"$NNABLA_C_RUNTIME/include" a-b_main.c a-b.c
        -L"$NNABLA_C_RUNTIME/build/src/runtime" -L"$NNABLA_C_RUNTIME/build/src/functions"
        -lnnablart_runtime -lnnablart_functions -lm -o a-b
    """
    sources = {path.name: path for path in paths if path.suffix == ".c"}
    own = [name for name in sources if name not in (*EXAMPLE, *GLUE, *KERNELS)]
    kernels = [name for name in (*GLUE, *KERNELS) if name in sources]
    mains = [name for name in own if name.endswith("_main.c")]
    if mains:  # the example of this network takes the place of the general one
        names = [mains[0], *(name for name in own if name not in mains), *kernels]
    else:
        names = [name for name in EXAMPLE if name in sources] + kernels
    if not names:
        return None
    program = names[0][: -len("_main.c")] if mains else names[0][: -len(".c")]
    runtime = '"$NNABLA_C_RUNTIME/'
    libraries = [f'-L{runtime}build/src/{part}"' for part in ("runtime", "functions")]
    folder = next(iter(sources.values())).parent
    words = [
        *("cd", shell_word(folder), "&&", "cc", "-O2", f'-I{runtime}include"'),
        *map(shell_word, names),
        *libraries,
        *("-lnnablart_runtime", "-lnnablart_functions", "-lm", "-o", shell_word(program)),
    ]
    return " ".join(words)


def _example(name: str, source: str, network: NnbFile) -> str:
    upper = name.upper()
    values: Dict[str, str] = {"name": name, "notice": _NOTICE}
    values["header"] = f"{source[: -len('.c')]}.h"
    values["inputs"] = "\n".join(_filling(name, upper, network))
    values["outputs"] = "\n".join(_printing(name, upper, network))
    packed = needs_callbacks(network)
    values["sources"] = source + (", packed_nnablart.c, packed_kernels.c" if packed else "")
    values["include"] = '\n#include "packed_nnablart.h"' if packed else ""
    values["report"] = _REPORT if packed else ""
    values["callbacks"] = _WITH_CALLBACKS if packed else _WITHOUT_CALLBACKS
    start = _START_PACKED if packed else _START
    values["start"] = start.format(name=name, upper=upper)
    return _EXAMPLE.format(**values)


def _filling(name: str, upper: str, network: NnbFile) -> List[str]:
    lines = []
    for index, number in enumerate(network.inputs):
        integer = _is_integer(network.variables[number])
        sample = f"{name}_input_{index}_stored(0.0f)" if integer else "0.0f"
        lines += [
            "  {",
            f"    {name}_input_{index}_t *input = rt_input_buffer(context, {index});",
            f"    for (i = 0; i < {upper}_INPUT_{index}_SIZE; i++) {{",
            f"      input[i] = {sample}; /* your sample, preprocessed, instead of 0 */",
            "    }",
            "  }",
        ]
    return lines


def _printing(name: str, upper: str, network: NnbFile) -> List[str]:
    lines = []
    for index, number in enumerate(network.outputs):
        form, scale = _print_format(network.variables[number])
        lines += [
            "  {",
            f"    const {name}_output_{index}_t *output = rt_output_buffer(context, {index});",
            f"    for (i = 0; i < {upper}_OUTPUT_{index}_SIZE; i++) {{",
            f'      printf("{form}\\n", {scale});',
            "    }",
            "  }",
        ]
    return lines


def _print_format(variable: NnbVariable) -> Tuple[str, str]:
    if variable.type == "FLOAT32":
        return "%g", "(double)output[i]"
    return "%g", f"output[i] / {float(1 << variable.fp_pos)}"


_WITHOUT_CALLBACKS = """No callbacks and no settings at run time are
 * needed: types and formats of variables are part of the network."""
_WITH_CALLBACKS = """Weights are packed, and the functions that
 * read them are callbacks: packed_start registers and tests them."""
_START = """\
  if (rt_allocate_context(&context) != RT_RET_NOERROR) {{
    return 1;
  }}
  if (rt_initialize_context(context, (nn_network_t *){name}) != RT_RET_NOERROR) {{
    return 2;
  }}"""
_START_PACKED = """\
  if (packed_start(&context, (void *){name}, {upper}_BYTES, packed_register_exact, report) !=
      RT_RET_NOERROR) {{
    return 1;
  }}"""
_REPORT = """
static void report(int function, const char *message) {
  printf("function %d: %s\\n", function, message);
}
"""
_EXAMPLE = """\
{notice}
/*
 * How to run the network with the NNabla C runtime (nnabla-c-runtime).
 *
 * Build it together with {sources}, the runtime's headers in the include path, and its libraries
 * nnablart_runtime and nnablart_functions, and libm. {callbacks}
 *
 * The runtime takes its memory from malloc. rt_set_variable_malloc and rt_set_malloc, called before
 * rt_allocate_context, give it functions of your own.
 */
#include <stdio.h>

#include <nnablart/network.h>
#include <nnablart/runtime.h>

#include "{header}"{include}
{report}
int main(void) {{
  rt_context_pointer context = 0;
  int i;

  /* The network is only read; the runtime's interface is older than its use from flash. */
{start}
  /* For each inference. Inputs are overwritten while the network runs: fill all of them anew. */
{inputs}
  if (rt_forward(context) != RT_RET_NOERROR) {{
    return 3;
  }}
{outputs}
  rt_free_context(&context);
  return 0;
}}
"""
