# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Files that are given where another kind is wanted: what they are, and the way from there."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

from nnabla_compress.safe_names import shell_word

_CONVERTED = {
    ".onnx": "an ONNX network",
    ".tflite": "a TensorFlow Lite network",
    ".pb": "a TensorFlow network",
    ".ckpt": "a TensorFlow checkpoint",
    ".meta": "a TensorFlow checkpoint",
}
_OF_PYTORCH = (".pt", ".pth", ".safetensors")
_OF_NNABLA = (".nnp", ".nntxt", ".prototxt")
_OF_DATA = (".npz", ".npy", ".csv")


def other_format(path: Path) -> Optional[Tuple[str, str]]:
    """Returns what a file is by its ending, and how to go on, None for an unknown one.

    Args:
        path: A file that is not of the kind that is wanted.

    Example:
        >>> other_format(Path("net.onnx"))[0]
        'an ONNX network'
    """
    ending, word = path.suffix.lower(), shell_word(path)
    onnx, nnp = (
        shell_word(path.with_suffix(other)) if ending else "" for other in (".onnx", ".nnp")
    )
    if ending in _CONVERTED:
        return _CONVERTED[ending], (
            f"convert it: pip install nnabla-converter, then nnabla_cli convert {word} {nnp}"
        )
    if ending in _OF_PYTORCH:
        return "a file of PyTorch", (
            "export the network with torch.onnx.export, then pip install nnabla-converter and "
            f"nnabla_cli convert {onnx} {nnp}"
        )
    if ending in _OF_NNABLA:
        return "a network", (
            f"'nnabla-compress ptq {word} --data DATA' quantizes it, 'nnabla-compress compress "
            f"{word} --weights lut:bits=4' compresses it, both without a recipe; a recipe names it "
            f"by model: {{nnp: {path.name}}}"
        )
    if ending in (".yaml", ".yml"):
        return "a recipe", f"'nnabla-compress run {word}' carries it out"
    if ending in _OF_DATA:
        return "data", f"give the network first, and --data {word}"
    return None
