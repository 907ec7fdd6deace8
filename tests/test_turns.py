# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import compress, exclusive
from nnabla_compress.calibration import (
    PostTrainingSettings,
    RoundingSettings,
    post_training_quantize,
)
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.models import NnpFile

RULES = ("lut:bits=4", "uniform:bits=3")
SEEDS = range(3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("turns")
    for seed in SEEDS:
        with nn.parameter_scope("", {}):
            rng = np.random.RandomState(seed)
            x = nn.Variable((1, 2, 6, 6))
            h = F.relu(PF.convolution(x, 6, (3, 3), name="c1", w_init=rng.randn(6, 2, 3, 3)))
            y = PF.affine(h, 5, name="fc", w_init=rng.randn(96, 5))
            export_nnp(folder / f"{seed}.nnp", y, x)
    return folder


def digest(*paths):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def compressed(folder, seed, rule, out):
    network = compress(folder / f"{seed}.nnp", rule)
    return written(out, network.outputs, network.inputs)


def quantized(folder, seed, bits, out):
    with exclusive(), nn.parameter_scope("", {}):
        network = NnpFile(folder / f"{seed}.nnp").build(batch_size=8)
    outputs, inputs = list(network.outputs.values()), list(network.inputs.values())
    samples = np.random.RandomState(seed).randn(32, 2, 6, 6)
    settings = PostTrainingSettings(
        weights=(f"affine:bits={bits}",), learning=RoundingSettings(steps=10)
    )
    result = post_training_quantize(outputs, inputs, [samples], settings)
    with exclusive(), nn.parameter_scope("", result.scope):
        return written(out, result.outputs, result.inputs)


def written(path, outputs, inputs):
    export_nnp(path, outputs, inputs)
    return digest(path, export_nnb(path.with_suffix(".nnb"), path))


@pytest.mark.long
@pytest.mark.parametrize("work, choices", [(compressed, RULES), (quantized, (8, 3))])
def test_calls_of_several_threads_write_what_the_same_calls_write_one_after_another(
    folder, tmp_path, work, choices
):
    tasks = [(seed, choice) for seed in SEEDS for choice in choices]

    def name(task, kind):
        return tmp_path / f"{kind}{tasks.index(task)}.nnp"

    with nn.parameter_scope("", {}):
        alone = {task: work(folder, *task, name(task, "alone")) for task in tasks}
    found = {}

    def run(seed):
        for task in tasks:
            if task[0] == seed:
                found[task] = work(folder, *task, name(task, "threads"))

    with nn.parameter_scope("", {}):
        threads = [threading.Thread(target=run, args=(seed,)) for seed in SEEDS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == alone


def test_a_file_is_compressed_alike_whatever_an_earlier_one_left_in_the_scope(folder, tmp_path):
    with nn.parameter_scope("", {}):
        fresh = compressed(folder, 1, "lut:bits=2", tmp_path / "fresh.nnp")
    with nn.parameter_scope("", {}):
        compress(folder / "0.nnp", "lut:bits=2")
        assert compressed(folder, 1, "lut:bits=2", tmp_path / "then.nnp") == fresh
        compress(folder / "1.nnp", "lut:bits=4")  # a dictionary of another size


def test_the_callers_parameters_and_generator_stay_as_they_are(folder, tmp_path):
    with nn.parameter_scope("", {}), nn.parameter_scope("mine"):
        PF.affine(nn.Variable((1, 4)), 3, name="fc")
        before = {name: np.array(p.d) for name, p in nn.get_parameters().items()}
        generator, scope = nn.random.prng, nn.parameter.get_current_parameter_scope()
        quantized(folder, 0, 8, tmp_path / "q.nnp")
        with nn.parameter_scope("other"):
            compressed(folder, 0, "lut:bits=2", tmp_path / "c.nnp")
        assert nn.parameter.get_current_parameter_scope() is scope
        assert nn.random.prng is generator
        after = {k: p.d for k, p in nn.get_parameters().items() if not k.startswith("other/")}
        assert sorted(before) == sorted(after)
        assert all(np.array_equal(before[name], after[name]) for name in before)


def test_what_other_threads_print_while_a_file_is_converted_is_theirs(folder, tmp_path, capsys):
    done, printed = threading.Event(), 0

    def convert():
        for _ in range(3):
            export_nnb(tmp_path / "a.nnb", folder / "0.nnp")
        done.set()

    thread = threading.Thread(target=convert)
    thread.start()
    while not done.wait(0.001):
        print("mine")
        printed += 1
    thread.join()
    assert capsys.readouterr().out == "mine\n" * printed


def test_a_block_may_be_nested_and_ends_with_an_exception():
    with pytest.raises(KeyError), exclusive(), exclusive():
        raise KeyError

    def take():
        with exclusive():
            pass

    thread = threading.Thread(target=take)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


SCRIPT = """
import hashlib, sys
import nnabla as nn, nnabla.functions as F, nnabla.parametric_functions as PF, numpy as np
from nnabla_compress.calibration import PostTrainingSettings, post_training_quantize
rng = np.random.RandomState(3)
x = nn.Variable((16, 32, 8, 8))
h = F.relu(PF.convolution(x, 33, (3, 3), name="c1", w_init=rng.randn(33, 32, 3, 3)))
h = F.relu(PF.convolution(h, 33, (3, 3), name="c2", w_init=rng.randn(33, 33, 3, 3)))
y = PF.affine(h, 10, name="fc", w_init=rng.randn(33 * 16, 10))
settings = PostTrainingSettings(weights=("lut:bits=3",))
result = post_training_quantize([y], [x], [rng.randn(128, 32, 8, 8)], settings)
with nn.parameter_scope("", result.scope):
    state = sorted(nn.get_parameters(grad_only=False).items())
bits = b"".join(name.encode() + np.array(value.d).tobytes() for name, value in state)
print(hashlib.sha256(bits).hexdigest())
"""


def test_post_training_quantization_gives_the_same_bits_for_any_number_of_threads():
    found = set()
    for number in ("1", "4"):
        threads = {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}
        numba = {"NUMBA_NUM_THREADS": str(min(int(number), os.cpu_count() or 1))}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, **threads, **numba},
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1


PRODUCTS = """
import hashlib
import numpy as np
from nnabla_compress import exclusive
rng = np.random.RandomState(0)
a, b = rng.randn(10, 64), rng.randn(64, 64)
u, g = rng.randn(33, 289), rng.randn(289, 289)
with exclusive():
    found = [a @ b, u @ g, np.linalg.solve(g, u.T), rng.randn(33, 3000) @ rng.randn(3000, 289)]
print(hashlib.sha256(b"".join(each.tobytes() for each in found)).hexdigest())
"""


def test_products_within_a_call_have_the_same_bits_for_any_number_of_threads():
    found = set()
    for number in ("1", "2", "4"):
        threads = {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}
        environment = {**os.environ, **threads}
        found.add(subprocess.check_output([sys.executable, "-c", PRODUCTS], env=environment))
    assert len(found) == 1
