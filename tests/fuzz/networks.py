# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Small sound files to damage, made by the project's own code and by NNabla's."""

from __future__ import annotations

import io
from pathlib import Path
from typing import List

import h5py
import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.utils.nnabla_pb2 import NNablaProtoBuf
from nnabla.utils.save import save

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.quantizers import LUT
from tests.fuzz.hostile import archive
from tests.models.damaged import good_members, write_members
from tests.models.loops import write_recurrent, write_repeat

TARGETS = ("portable", "callback", "int8")
FEATURES = 4


def archives(folder: Path) -> List[bytes]:
    """``.nnp`` files: most kinds of functions, loops, dictionaries, parameters as a message."""
    members = good_members(folder / "good.nnp")
    found = [write_members(folder / "plain.nnp", members).read_bytes()]
    found += [exported(folder, target)[1].read_bytes() for target in TARGETS]
    write_repeat(folder / "repeat.nnp")
    write_recurrent(folder / "recurrent.nnp")
    found += [(folder / f"{name}.nnp").read_bytes() for name in ("repeat", "recurrent")]
    message = as_message(members.pop("parameter.h5"))
    found.append(archive({**members, "parameter.protobuf": message}))
    found.append(_rare(folder / "rare.nnp").read_bytes())
    return found


def _rare(path: Path) -> Path:
    """Functions whose inputs must fit each other in ways of their own."""
    nn.clear_parameters()
    nn.seed(0)
    x = nn.Variable((1, 2, 6, 6))
    h = PF.deconvolution(x, 4, (3, 3), group=2, name="d")
    h = PF.prelu(PF.group_normalization(h, num_groups=2, name="g"), name="p")
    h = PF.binary_connect_convolution(h, 3, (3, 3), name="c")
    h = PF.depthwise_convolution(PF.layer_normalization(h, name="l"), (3, 3), name="w")
    h = PF.binary_weight_affine(h, 4, name="b")
    y = PF.inq_affine(h, 3, num_bits=4, inq_iterations=(1,), name="i")
    contents = {
        "networks": [{"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}],
        "executors": [{"name": "run", "network": "net", "data": ["x"], "output": ["y"]}],
    }
    save(str(path), contents)
    nn.clear_parameters()
    return path


def exported(folder: Path, target: str) -> List[Path]:
    """The ``.nnb`` and the ``.nnp`` of a small network, its weights as codes where it can be."""
    nn.clear_parameters()
    nn.seed(0)
    x = nn.Variable((1, 2, 6, 6))
    apply_w = None if target == "int8" else LUT(bits=2)
    h = F.relu(PF.convolution(x, 3, (3, 3), pad=(1, 1), name="c", apply_w=apply_w))
    h = F.average_pooling(F.concatenate(h, x, axis=1), (2, 2))
    y = F.softmax(PF.affine(h, FEATURES, name="f", apply_w=apply_w))
    nnp = folder / f"{target}.nnp"
    random = np.random.RandomState(0)
    samples = {"x": random.randn(32, *x.shape[1:]).astype(np.float32)}
    export_nnp(nnp, y, {"x": x}, target=target, samples=samples)
    nnb = export_nnb(folder / f"{target}.nnb", nnp)
    nn.clear_parameters()
    return [nnb, nnp]


def small(path: Path) -> Path:
    """An ``.nnp`` of two layers that takes rows of four numbers."""
    nn.clear_parameters()
    nn.seed(0)
    x = nn.Variable((1, FEATURES))
    y = PF.affine(F.relu(PF.affine(x, 6, name="a")), 3, name="b")
    export_nnp(path, y, x)
    nn.clear_parameters()
    return path


def samples(path: Path) -> Path:
    """An ``.npz`` for that network."""
    random = np.random.RandomState(0)
    x = random.randn(40, FEATURES).astype(np.float32)
    np.savez(path, x_train=x, y_train=np.arange(40) % 3, x_test=x[:9], y_test=np.arange(9) % 3)
    return path


def as_message(content: bytes) -> bytes:
    """Parameters of an HDF5 file as a binary message."""
    message = NNablaProtoBuf()
    with h5py.File(io.BytesIO(content), "r") as file:

        def add(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                stored = message.parameter.add(variable_name=name, need_grad=True)
                stored.shape.dim.extend(item.shape)
                stored.data.extend(np.asarray(item).ravel())

        file.visititems(add)
    return bytes(message.SerializeToString())
