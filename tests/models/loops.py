# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks with loops as Neural Network Console writes them: NNabla's ``save`` has no loops."""

from __future__ import annotations

import zipfile

import numpy as np

TURNS, CELLS, FEATURES, STEPS = 3, 6, 4, 5


def _variable(name, *shape, repeat="", kind="Buffer", more=""):
    sizes = " ".join(f"dim: {size}" for size in shape)
    inside = f'repeat_id: "{repeat}"' if repeat else ""
    return f'variable {{ name: "{name}" type: "{kind}" {inside} shape {{ {sizes} }} {more} }}'


def _function(kind, inputs, output, repeat="", arguments=""):
    inside = f'repeat_id: "{repeat}"' if repeat else ""
    inputs = " ".join(f'input: "{name}"' for name in inputs)
    return (
        f'function {{ name: "{output}.f" type: "{kind}" {inside} {inputs} output: "{output}" '
        f"{arguments} }}"
    )


def _values(name, shape, random):
    values = 0.5 * random.standard_normal(shape)
    data = " ".join(f"data: {float(np.float32(value))!r}" for value in values.ravel())
    sizes = " ".join(f"dim: {size}" for size in shape)
    text = f'parameter {{ variable_name: "{name}" shape {{ {sizes} }} {data} need_grad: true }}'
    return text, values.astype(np.float32)


def _write(path, lines, shapes):
    random = np.random.RandomState(0)
    values, texts = {}, []
    for name, shape in shapes.items():
        text, values[name] = _values(name, shape, random)
        texts.append(text)
    network = 'network { name: "Main" batch_size: 2 ' + "\n".join(lines) + " }\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network.nntxt", network + "\n".join(texts))
    return values


def write_repeat(path):
    """Writes a loop of three turns, each an Affine of all turns and one of its own.

    Returns:
        A NumPy function of the input (B, 4), and the parameters.
    """
    times = f'repeat_param {{ repeat_id: "r" times: {TURNS} }}'
    lines = [
        f'repeat_info {{ id: "r" times: {TURNS} }}',
        _variable("x", -1, FEATURES),
        *(_variable(name, -1, FEATURES, repeat="r") for name in ("start", "a", "t", "h")),
        _variable("y", -1, FEATURES),
        _variable("same/affine/W", FEATURES, FEATURES, kind="Parameter"),
        _variable("own{r}/affine/W", FEATURES, FEATURES, kind="Parameter", repeat="r"),
        _function("RepeatStart", ["x", "h"], "start", "r", times),
        _function("Affine", ["start", "same/affine/W"], "a", "r", "affine_param { base_axis: 1 }"),
        _function("Tanh", ["a"], "t", "r"),
        _function("Affine", ["t", "own{r}/affine/W"], "h", "r", "affine_param { base_axis: 1 }"),
        _function("RepeatEnd", ["h"], "y", "", times),
    ]
    square = (FEATURES, FEATURES)
    own = [f"own[{turn}]/affine/W" for turn in range(TURNS)]
    parameters = _write(path, lines, dict.fromkeys(["same/affine/W", *own], square))

    def compute(x):
        for name in own:
            x = np.tanh(x @ parameters["same/affine/W"]) @ parameters[name]
        return x

    return compute, parameters


def write_recurrent(path):
    """Writes a recurrent cell over five steps: RecurrentInput, Delay, Affine, RecurrentOutput.

    Returns:
        A NumPy function of the input (B, 5, 4), and the parameters.
    """
    over = f'recurrent_param {{ repeat_id: "t" length: {STEPS} axis: 1 }}'
    zero = 'initializer { type: "Constant" multiplier: 0 }'
    lines = [
        f'repeat_info {{ id: "t" times: {STEPS} }}',
        _variable("x", -1, STEPS, FEATURES),
        _variable("x_t", -1, FEATURES, repeat="t"),
        _variable("h_0", -1, CELLS, more=zero),
        *(_variable(name, -1, CELLS, repeat="t") for name in ("h_before", "a", "h")),
        _variable("both", -1, FEATURES + CELLS, repeat="t"),
        _variable("states", -1, STEPS, CELLS),
        _variable("y", -1, 2),
        _variable("cell/affine/W", FEATURES + CELLS, CELLS, kind="Parameter"),
        _variable("cell/affine/b", CELLS, kind="Parameter"),
        _variable("out/affine/W", STEPS * CELLS, 2, kind="Parameter"),
        _function("RecurrentInput", ["x"], "x_t", "t", over),
        _function("Delay", ["h", "h_0"], "h_before", "t", over),
        _function("Concatenate", ["x_t", "h_before"], "both", "t", "concatenate_param { axis: 1 }"),
        _function(
            "Affine",
            ["both", "cell/affine/W", "cell/affine/b"],
            "a",
            "t",
            "affine_param { base_axis: 1 }",
        ),
        _function("Tanh", ["a"], "h", "t"),
        _function("RecurrentOutput", ["h"], "states", "", over),
        _function("Affine", ["states", "out/affine/W"], "y", "", "affine_param { base_axis: 1 }"),
    ]
    shapes = {
        "cell/affine/W": (FEATURES + CELLS, CELLS),
        "cell/affine/b": (CELLS,),
        "out/affine/W": (STEPS * CELLS, 2),
    }
    parameters = _write(path, lines, shapes)

    def compute(x):
        state, states = np.zeros((len(x), CELLS)), []
        for step in range(STEPS):
            both = np.concatenate([x[:, step], state], axis=1)
            state = np.tanh(both @ parameters["cell/affine/W"] + parameters["cell/affine/b"])
            states.append(state)
        return np.stack(states, axis=1).reshape(len(x), -1) @ parameters["out/affine/W"]

    return compute, parameters


def rewrite_text(path, change):
    """Changes the text of a file."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read("network.nntxt").decode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network.nntxt", change(text))
