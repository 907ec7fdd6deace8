# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A small network with layers of all storage schemes, exported and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.inspection.recovered import Recovered, recovered_network
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import LUT, WRPN, Affine, DoReFa, Uniform
from tests.graph.networks import randomize_statistics

QUANTIZERS: Dict[str, Any] = {
    "lut 4": LUT(bits=4),
    "grid 8": LUT(bits=8, grid_bits=8),
    "pow2": LUT(bits=4, dictionary="pow2"),
    "binary": LUT(dictionary="binary"),
    "uniform 2": Uniform(bits=2),
    "uniform 8": Uniform(bits=8),
    "affine 4": Affine(bits=4, axis=0, symmetric=False),
    "affine 4 around 0": Affine(bits=4, axis=0),
    "affine 8": Affine(bits=8, axis=0),
    "dorefa 1": DoReFa(bits=1),
    "dorefa 3": DoReFa(bits=3),
    "dorefa 8": DoReFa(bits=8, scale="max"),
    "wrpn 4": WRPN(bits=4, scale="max"),
}


def network(quantizer: str, x: nn.Variable) -> nn.Variable:
    """Two convolutions, one with batch normalization, and a fully connected layer."""
    kind = QUANTIZERS[quantizer]
    of_affine = Affine(bits=kind.bits, axis=1) if isinstance(kind, Affine) else kind
    h = PF.convolution(x, 16, (3, 3), apply_w=kind, with_bias=False, name="c1")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="n1"))
    h = F.max_pooling(F.relu(PF.convolution(h, 24, (3, 3), apply_w=kind, name="c2")), (2, 2))
    y = PF.affine(h, 40, apply_w=of_affine, name="fc")
    randomize_statistics()
    return y


def read_back(path: Path) -> Recovered:
    """The network of a file with its stored weights recognized."""
    nn.clear_parameters()
    return recovered_network(path, NnpFile(path).build(batch_size=1))


def sample() -> nn.Variable:
    """An input with values."""
    values = np.random.RandomState(5).randn(1, 3, 10, 10).astype(np.float32)
    return nn.Variable.from_numpy_array(values)
