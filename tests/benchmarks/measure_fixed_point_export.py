# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Processor time of the shell's export of a 28-layer network to fixed point, and of its ptq.

    python tests/benchmarks/measure_fixed_point_export.py
    python tests/benchmarks/measure_fixed_point_export.py --verbs int8 --times 3

The network is MobileNet 0.25 with ReLU6 on images of 96 x 96, as MLPerf Tiny has it for visual wake
words, with random weights and 256 random images, of which each verb draws as many as it does by
default. Each row is a process of its own with one thread; its time is that of the user and of the
system together, imports and start included, the least of some tries. ``--help`` takes what a start
takes. A first run, which may compile kernels, is not counted. The time of a loop of Python is
printed, too: where a machine is busy or slow it tells how much.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List

VERBS: Dict[str, List[str]] = {
    "help": ["export", "--help"],
    "int8": ["export", "{net}", "-t", "int8", "--data", "{data}", "-o", "{out}"],
    "int16": ["export", "{net}", "-t", "int16", "--data", "{data}", "-o", "{out}"],
    "ptq": ["ptq", "{net}", "-t", "int8", "--data", "{data}", "-o", "{out}"],
}
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
_SIDE, _IMAGES = 96, 256
_FOLDER = str(Path(__file__).resolve().parents[2])


def write_network(path: Path) -> None:
    """Writes the network with random weights.

    Args:
        path: The ``.nnp``.
    """
    import nnabla as nn
    import nnabla.functions as F
    import nnabla.parametric_functions as PF
    import numpy as np
    from nnabla.initializer import UniformInitializer
    from nnabla.utils.save import save

    np.random.seed(0)
    nn.clear_parameters()

    def layer(x: nn.Variable, name: str, channels: int, kernel: int, stride: int) -> nn.Variable:
        pad = (kernel // 2, kernel // 2)
        if stride == 2:  # as TensorFlow pads: behind the image only
            x, pad = F.pad(x, (0, 1, 0, 1)), (0, 0)
        options = {"pad": pad, "stride": (stride, stride), "name": name}
        if channels:
            x = PF.convolution(x, channels, (kernel, kernel), **options)
        else:
            x = PF.depthwise_convolution(x, (kernel, kernel), **options)
        with nn.parameter_scope(name):
            shape = (1, x.shape[1], 1, 1)
            ranges = {
                "beta": (-0.5, 1.5),
                "gamma": (0.5, 1.5),
                "mean": (-0.2, 0.2),
                "var": (0.5, 1),
            }
            random = {k: UniformInitializer(r)(shape) for k, r in ranges.items()}
            return F.relu6(PF.batch_normalization(x, batch_stat=False, param_init=random))

    x = nn.Variable((1, 3, _SIDE, _SIDE))
    y, channels = layer(x, "conv0", 8, 3, 2), 8
    for number, stride in enumerate(_STRIDES, 1):
        wider = stride == 2 or number == 1
        y = layer(y, f"dw{number}", 0, 3, stride)
        channels *= 2 if wider else 1
        y = layer(y, f"pw{number}", channels, 1, 1)
    y = F.softmax(PF.affine(F.average_pooling(y, y.shape[2:]), 2, name="fc"))
    net = {"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    executor = {"name": "runtime", "network": "net", "data": ["x"], "output": ["y"]}
    save(str(path), {"networks": [net], "executors": [executor]})


def seconds_of(arguments: List[str]) -> float:
    """Returns the processor time that a command of the shell takes, started anew.

    Args:
        arguments: Its words after the program's name.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    paths = os.pathsep.join(filter(None, [_FOLDER, os.environ.get("PYTHONPATH")]))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "nnabla_compress", *arguments],
        env={**os.environ, **threads, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _loop() -> float:
    """Processor time of three million steps of Python."""
    start, total = time.process_time(), 0
    for i in range(3_000_000):
        total += i * i % 7
    return time.process_time() - start


def main() -> None:
    """Prints the least processor time of each verb."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--verbs", nargs="+", choices=list(VERBS), default=list(VERBS))
    parser.add_argument("--times", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        import numpy as np

        names = {k: str(Path(folder) / v) for k, v in (("net", "net.nnp"), ("data", "data.npz"))}
        write_network(Path(names["net"]))
        images = np.random.RandomState(1).rand(_IMAGES, 3, _SIDE, _SIDE).astype(np.float32)
        np.savez(names["data"], x=images)
        print(f"a loop of Python: {min(_loop() for _ in range(3)):.2f} s")
        for verb in given.verbs:
            words = [word.format(**names, out=f"{folder}/{verb}") for word in VERBS[verb]]
            seconds_of(words)
            print(f"{verb}: {min(seconds_of(words) for _ in range(given.times)):.2f} CPU s")


if __name__ == "__main__":
    main()
