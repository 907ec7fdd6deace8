# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""C source that runs the stages of a network with exits, and stops at the first confident one."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters.c_names import c_file_name, c_name
from nnabla_compress.files import atomic_path
from nnabla_compress.nnb import NnbFile, read_nnb
from nnabla_compress.safe_names import shell_word
from nnabla_compress.simulator.packed import needs_callbacks
from nnabla_compress.turns import one_at_a_time

Sources = Sequence[Sequence[Tuple[int, int]]]


@one_at_a_time
def export_c_exits(path: Path, nnbs: Sequence[Path], sources: Sources) -> List[Path]:
    """Writes what runs the stages, its header, and a program that answers samples of a file.

    The stages themselves are arrays that :func:`~nnabla_compress.exporters.export_c` writes beside
    them, called as their ``.nnb``.

    Args:
        path: The file to write, ``NAME.c``; ``NAME.h`` and ``NAME_main.c`` are written beside it.
        nnbs: The stages in order.
        sources: Of each stage, where its inputs come from: (stage from 0, its output), or (-1,
            input of the network).

    Returns:
        The paths of the three files.

    Raises:
        ConfigError: If stages hand anything on but floats.
    """
    networks = [read_nnb(nnb) for nnb in nnbs]
    for nnb, network in zip(nnbs, networks):
        for number in (*network.inputs, *network.outputs):
            if network.variables[number].type != "FLOAT32":
                raise ConfigError(
                    f"{nnb.name} takes or gives {network.variables[number].type}, stages hand "
                    "floats on.",
                    help="choose a target of float maps, such as portable or callback",
                )
    name, stem = c_name(path.stem), c_file_name(path.stem)
    files = {ending: path.with_name(stem + ending) for ending in (".h", ".c", "_main.c")}
    values = _values(name, stem, nnbs, networks, sources)
    for ending, template in ((".h", _HEADER), (".c", _SOURCE), ("_main.c", _MAIN)):
        with atomic_path(files[ending]) as temporary:
            temporary.write_text(template.format(**values), encoding="utf-8")
    return [files[".c"], files[".h"], files["_main.c"]]


def compile_exits_command(path: Path, nnbs: Sequence[Path]) -> str:
    """Returns the command that compiles the program.

    Args:
        path: The file ``NAME.c`` that :func:`export_c_exits` wrote.
        nnbs: The stages.

    Example:
        >>> command = compile_exits_command(Path("out/a.c"), [Path("out/a-stage1.nnb")])
        >>> command.split(" -L")[0]
        'cd out && cc -O2 -I"$NNABLA_C_RUNTIME/include" a_main.c a.c a-stage1.c'
    """
    stem = c_file_name(path.stem)
    packed = any(needs_callbacks(read_nnb(nnb)) for nnb in nnbs if nnb.is_file())
    names = [f"{stem}_main.c", f"{stem}.c", *(f"{c_file_name(nnb.stem)}.c" for nnb in nnbs)]
    names += ["packed_nnablart.c", "packed_kernels.c"] if packed else []
    runtime = '"$NNABLA_C_RUNTIME/'
    libraries = [f'-L{runtime}build/src/{part}"' for part in ("runtime", "functions")]
    words = [
        *("cd", shell_word(path.parent), "&&", "cc", "-O2", f'-I{runtime}include"'),
        *map(shell_word, names),
        *libraries,
        *("-lnnablart_runtime", "-lnnablart_functions", "-lm", "-o", shell_word(stem)),
    ]
    return " ".join(words)


def _values(
    name: str, stem: str, nnbs: Sequence[Path], networks: Sequence[NnbFile], sources: Sources
) -> Dict[str, str]:
    arrays = [c_name(nnb.stem) for nnb in nnbs]
    packed = any(map(needs_callbacks, networks))
    classes = networks[0].variables[networks[0].outputs[0]].size
    inputs = _inputs(networks, sources)
    starts, fills = [], []
    for number, (array, network) in enumerate(zip(arrays, networks)):
        upper = array.upper()
        starts += (
            [
                f"  if (packed_start(&stages[{number}], (void *){array}, {upper}_BYTES,",
                "                   packed_register_exact, 0) != RT_RET_NOERROR) {",
                "    return 1;",
                "  }",
            ]
            if needs_callbacks(network)
            else [
                f"  if (rt_allocate_context(&stages[{number}]) != RT_RET_NOERROR ||",
                f"      rt_initialize_context(stages[{number}], (nn_network_t *){array}) !=",
                "          RT_RET_NOERROR) {",
                "    return 1;",
                "  }",
            ]
        )
        fills += [f"  case {number}:"]
        for place, (stage, output) in enumerate(sources[number]):
            given = (
                f"inputs[{output}]" if stage < 0 else f"rt_output_buffer(stages[{stage}], {output})"
            )
            fills += [
                f"    memcpy(rt_input_buffer(stages[{number}], {place}), {given},",
                f"           {upper}_INPUT_{place}_SIZE * sizeof(float));",
            ]
        fills += ["    break;"]
    return {
        "name": name,
        "upper": name.upper(),
        "header": f"{stem}.h",
        "includes": "\n".join(f'#include "{c_file_name(nnb.stem)}.h"' for nnb in nnbs)
        + ('\n#include "packed_nnablart.h"' if packed else ""),
        "exits": str(len(nnbs)),
        "classes": str(classes),
        "inputs": str(len(inputs)),
        "sizes": ", ".join(map(str, inputs)),
        "starts": "\n".join(starts),
        "fills": "\n".join(fills),
    }


def _inputs(networks: Sequence[NnbFile], sources: Sources) -> List[int]:
    """Sizes of the inputs of the whole network, in order."""
    found: Dict[int, int] = {}
    for network, each in zip(networks, sources):
        for variable, (stage, number) in zip(network.inputs, each):
            if stage < 0:
                found[number] = network.variables[variable].size
    return [found.get(number, 0) for number in range(max(found, default=-1) + 1)]


_HEADER = """\
/* Written by nnabla-compress. */
#ifndef {upper}_H
#define {upper}_H

#define {upper}_EXITS {exits}
#define {upper}_CLASSES {classes}
#define {upper}_INPUTS {inputs}

/* Makes a context of the runtime for each stage; returns 0 if all went well. */
int {name}_start(void);

/* Answers one sample. inputs: its values, an array for each input. thresholds: of each exit but the
 * last, the probability of the most likely class from which on it answers. logits: gets the answer.
 * Returns the exit that gave it, from 1; 0 if the runtime failed. Stages behind it do not run. */
int {name}_run(const float *const *inputs, const float *thresholds, float *logits);

void {name}_stop(void);

#endif /* {upper}_H */
"""
_SOURCE = """\
/* Written by nnabla-compress. */
#include <math.h>
#include <string.h>

#include <nnablart/network.h>
#include <nnablart/runtime.h>

#include "{header}"
{includes}

/* Maps that stages hand on stay in the outputs of their contexts until the next sample. */
static rt_context_pointer stages[{upper}_EXITS];

int {name}_start(void) {{
{starts}
  return 0;
}}

void {name}_stop(void) {{
  int stage;
  for (stage = 0; stage < {upper}_EXITS; stage++) {{
    rt_free_context(&stages[stage]);
  }}
}}

static void fill(int stage, const float *const *inputs) {{
  switch (stage) {{
{fills}
  }}
}}

/* The probability of the most likely class; one logit stands for two classes. */
static float confidence(const float *logits) {{
  float most = {upper}_CLASSES == 1 ? 0.0f : logits[0], sum = 0.0f;
  int i;
  for (i = 0; i < {upper}_CLASSES; i++) {{
    most = logits[i] > most ? logits[i] : most;
  }}
  sum += {upper}_CLASSES == 1 ? expf(-most) : 0.0f;
  for (i = 0; i < {upper}_CLASSES; i++) {{
    sum += expf(logits[i] - most);
  }}
  return 1.0f / sum;
}}

int {name}_run(const float *const *inputs, const float *thresholds, float *logits) {{
  int stage;
  for (stage = 0; stage < {upper}_EXITS; stage++) {{
    const float *output;
    fill(stage, inputs);
    if (rt_forward(stages[stage]) != RT_RET_NOERROR) {{
      return 0;
    }}
    output = (const float *)rt_output_buffer(stages[stage], 0);
    if (stage == {upper}_EXITS - 1 || confidence(output) >= thresholds[stage]) {{
      memcpy(logits, output, {upper}_CLASSES * sizeof(float));
      return stage + 1;
    }}
  }}
  return 0;
}}
"""
_MAIN = """\
/* Written by nnabla-compress. */
/*
 * Answers samples: {header} says what is called.
 *
 *   program SAMPLES ANSWERS THRESHOLD...
 *
 * SAMPLES holds the float32 values of the inputs of one sample after the other; ANSWERS gets, for
 * each, the number of its exit as a float32 and its logits. A threshold for each exit but the last,
 * as 'nnabla-compress evaluate --budget' finds them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "{header}"

int main(int argc, char **argv) {{
  static const int sizes[{upper}_INPUTS] = {{{sizes}}};
  const float *inputs[{upper}_INPUTS];
  float *buffers[{upper}_INPUTS], thresholds[{upper}_EXITS], answer[1 + {upper}_CLASSES];
  FILE *samples, *answers;
  int i;
  if (argc != 2 + {upper}_EXITS) {{
    fprintf(stderr, "usage: %s SAMPLES ANSWERS and %d thresholds\\n", argv[0], {upper}_EXITS - 1);
    return 1;
  }}
  for (i = 0; i < {upper}_EXITS - 1; i++) {{
    char *end;
    thresholds[i] = strtof(argv[3 + i], &end);
    if (end == argv[3 + i] || *end || thresholds[i] != thresholds[i]) {{
      fprintf(stderr, "the threshold %s is no number\\n", argv[3 + i]);
      return 1;
    }}
  }}
  samples = fopen(argv[1], "rb");
  answers = samples ? fopen(argv[2], "wb") : 0;
  if (!samples || !answers) {{
    fprintf(stderr, "can't open %s\\n", samples ? argv[2] : argv[1]);
    return 1;
  }}
  for (i = 0; i < {upper}_INPUTS; i++) {{
    inputs[i] = buffers[i] = (float *)malloc(sizes[i] * sizeof(float));
    if (!buffers[i]) {{
      return 2;
    }}
  }}
  if ({name}_start()) {{
    fprintf(stderr, "the runtime does not take the stages\\n");
    return 2;
  }}
  for (;;) {{
    int exit_number;
    size_t got = 0;
    for (i = 0; i < {upper}_INPUTS; i++) {{
      got = fread(buffers[i], 1, sizes[i] * sizeof(float), samples);
      if (got != sizes[i] * sizeof(float)) {{
        break;
      }}
    }}
    if (i < {upper}_INPUTS) {{
      if (i || got || ferror(samples)) {{
        fprintf(stderr, "%s ends within a sample\\n", argv[1]);
        return 1;
      }}
      break;
    }}
    exit_number = {name}_run(inputs, thresholds, answer + 1);
    if (!exit_number) {{
      return 3;
    }}
    answer[0] = (float)exit_number;
    if (fwrite(answer, sizeof(float), 1 + {upper}_CLASSES, answers) != 1 + {upper}_CLASSES) {{
      return 4;
    }}
  }}
  {name}_stop();
  for (i = 0; i < {upper}_INPUTS; i++) {{
    free(buffers[i]);
  }}
  fclose(samples);
  return fclose(answers) ? 4 : 0;
}}
"""
