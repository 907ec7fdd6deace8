# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks to compress: a small zoo, a user's own Python function, or an ``.nnp`` file.

Models are plain ``nnabla.parametric_functions``; compression is put into their graphs afterwards.
"""

from __future__ import annotations

from nnabla_compress.models.lenet import lenet
from nnabla_compress.models.mlp import mlp
from nnabla_compress.models.network_files import holds_network, network_file
from nnabla_compress.models.nnp import NnpFile
from nnabla_compress.models.nnp_archive import as_archive
from nnabla_compress.models.python_model import PythonModel
from nnabla_compress.models.ranet import ranet
from nnabla_compress.models.registry import MODELS, build, check_options
from nnabla_compress.models.resnet_cifar import resnet_cifar

__all__ = [
    "MODELS",
    "NnpFile",
    "PythonModel",
    "as_archive",
    "build",
    "check_options",
    "holds_network",
    "lenet",
    "mlp",
    "network_file",
    "ranet",
    "resnet_cifar",
]
