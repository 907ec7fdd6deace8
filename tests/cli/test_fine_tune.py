# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Fine-tuning any .nnp file from the shell: losses, targets, inputs and data of all kinds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.cli import main
from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.models import NnpFile
from nnabla_compress.runs import Run, evaluate_run
from tests.recipes.quick import recipe_of

DATA = Path(os.environ.get("NNABLA_COMPRESS_DATA", ""))


def autoencoder(x):
    h = F.relu(PF.affine(x, 6, name="e"))
    return F.sigmoid(PF.affine(h, 12, name="d"))


def segmenter(x):
    h = F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="c1"))
    return F.sigmoid(PF.convolution(h, 1, (3, 3), pad=(1, 1), name="c2"))


def regressor(x):
    return PF.affine(F.tanh(PF.affine(x, 8, name="a")), 3, name="b")


def two_inputs(inputs):
    image, side = inputs
    h = F.relu(PF.convolution(image, 3, (3, 3), name="c"))
    h = F.concatenate(F.reshape(h, (h.shape[0], -1)), side, axis=1)
    return F.softmax(PF.affine(h, 3, name="fc"))


NETWORKS = {
    "autoencoder": (autoencoder, [(12,)], (12,), F.squared_error),
    "segmenter": (segmenter, [(1, 6, 6)], (1, 6, 6), F.binary_cross_entropy),
    "labels": (lambda x: F.sigmoid(regressor(x)), [(5,)], (3,), F.binary_cross_entropy),
    "regressor": (regressor, [(5,)], (3,), F.absolute_error),
    "two_inputs": (two_inputs, [(1, 5, 5), (3,)], (1,), F.categorical_cross_entropy),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Networks as Console saves them, Main with its loss and Runtime without, and their data."""
    path = tmp_path_factory.mktemp("fine_tune")
    for name, (network, shapes, target_shape, loss) in NETWORKS.items():
        nn.clear_parameters()
        nn.random.prng = np.random.RandomState(1)
        inputs = [nn.Variable((4, *shape)) for shape in shapes]
        target = nn.Variable((4, *target_shape))
        y = network(inputs[0] if len(inputs) == 1 else inputs)
        given = dict(zip(("Input", "Side"), inputs))
        names = {**given, "T": target, "y": y}
        contents = [
            {"name": "Main", "batch_size": 4, "outputs": {"L": loss(y, target)}, "names": names},
            {"name": "Runtime", "batch_size": 4, "outputs": {"y": y}, "names": given},
        ]
        executor = {"name": "e", "network": "Runtime", "data": list(given), "output": ["y"]}
        save(str(path / f"{name}.nnp"), {"networks": contents, "executors": [executor]})
    nn.clear_parameters()
    rng = np.random.RandomState(0)

    def store(name, count, **arrays):
        half = {f"{key}_train": values[: 2 * count // 3] for key, values in arrays.items()}
        rest = {f"{key}_test": values[2 * count // 3 :] for key, values in arrays.items()}
        np.savez(path / f"{name}.npz", **half, **rest)

    waves = np.sin(np.arange(12) * rng.uniform(0.2, 0.6, (240, 1))) / 2 + 0.5
    store("waves", 240, x=waves)
    images = rng.randint(0, 256, (120, 6, 6)).astype(np.uint8)
    store("masks", 120, x=images, mask=np.where(images > 128, 255, 0).astype(np.uint8))
    x = rng.randn(240, 5)
    store("numbers", 240, x=x, y=np.stack([x[:, 0], x[:, 1] * 0.5, -x[:, 2]], 1))
    store("labels", 240, x=x, y=(x[:, :3] > 0).astype(np.float32))
    classes = rng.randint(0, 3, 240)
    store("pairs", 240, Input=rng.rand(240, 5, 5), Side=np.eye(3)[classes], y=classes)
    return path


def silent(name, total):
    return lambda *now: None


def run(folder: Path, output: Path, file: str, resume: bool = False, **options: object):
    recipe, _ = recipe_of(Path(f"{file}.nnp"), nnb=False, **options)
    return Run(recipe, output, folder, resume).execute(silent).as_dict()


TUNED = dict(epochs=12, batch_size=16, solver="Adam", learning_rate=0.02)


def test_a_regression_is_fine_tuned_to_a_smaller_error_and_resumes(folder, tmp_path):
    options = dict(weights=["lut:bits=4"], data="numbers.npz", validation=0.1, **TUNED)
    results = run(folder, tmp_path / "out", "regressor", **options)
    part, before = results["compressed"], results["float"]
    assert "accuracy" not in part and part["loss_name"] == "AbsoluteError"
    assert part["metrics"]["mean absolute error"] < 0.5 * before["metrics"]["mean absolute error"]
    assert part["loss"] == pytest.approx(part["metrics"]["mean absolute error"], rel=1e-5)
    best = results["training"]["best_validation"]["loss"]
    assert best <= results["training"]["last_validation"]["loss"]
    assert evaluate_run(tmp_path / "out").loss == part["loss"]
    for name in ("results.json", "compressed.h5", "results.nnp"):
        (tmp_path / "out" / name).unlink()
    assert run(folder, tmp_path / "out", "regressor", resume=True, **options) == results


def test_the_data_of_an_autoencoder_is_its_target_and_its_sigmoid_stays(folder, tmp_path):
    results = run(
        folder, tmp_path / "out", "autoencoder", weights=["lut:bits=4"], data="waves.npz,y=x",
        **TUNED,
    )  # fmt: skip
    before, after = (
        results[name]["metrics"]["mean squared error"] for name in ("float", "compressed")
    )
    assert after < 0.5 * before
    assert NnpFile(tmp_path / "out" / "results.nnp").build().ends_in == "Sigmoid"


def test_masks_are_learned_pixel_by_pixel(folder, tmp_path):
    results = run(
        folder, tmp_path / "out", "segmenter", weights=["uniform:bits=8"], scale="1/255",
        data="masks.npz,y=mask,y_scale=1/255", **TUNED,
    )  # fmt: skip
    part = results["compressed"]
    assert part["accuracy_name"] == "binary accuracy"
    assert part["accuracy"] > max(0.75, results["float"]["accuracy"] + 0.1)
    # The exported network gives probabilities, as the one that was given.
    assert NnpFile(tmp_path / "out" / "results.nnp").build().ends_in == "Sigmoid"


def test_several_labels_a_sample_and_a_loss_that_is_given(folder, tmp_path):
    results = run(
        folder, tmp_path / "own", "labels", weights=["lut:bits=4"], data="labels.npz", **TUNED
    )
    assert results["compressed"]["accuracy_name"] == "binary accuracy"
    assert results["compressed"]["accuracy"] > results["float"]["accuracy"] + 0.2
    results = run(
        folder, tmp_path / "given", "labels", weights=["lut:bits=4"], data="labels.npz",
        loss="huber_loss:delta=0.5", **TUNED,
    )  # fmt: skip
    assert results["compressed"]["loss_name"] == "HuberLoss"
    assert results["compressed"]["loss"] < results["float"]["loss"]


@pytest.mark.parametrize("fold", ["after", "before"])
def test_a_network_with_two_inputs_learns_from_an_array_for_each(folder, tmp_path, fold):
    results = run(
        folder, tmp_path / "out", "two_inputs", weights=["lut:bits=4"], fold=fold,
        activations=["uniform:bits=8"], data="pairs.npz", distill="weight=0.2", **TUNED,
    )  # fmt: skip
    assert results["compressed"]["accuracy"] > 0.8 > results["float"]["accuracy"]
    assert "metrics" not in results["compressed"]
    loaded = NnpFile(tmp_path / "out" / "results.nnp")
    assert list(loaded.data_shapes()) == ["Input", "Side"]


SOURCES = {
    "regressor": "numbers", "segmenter": "masks", "autoencoder": "waves", "labels": "labels",
    "two_inputs": "pairs",
}  # fmt: skip


@pytest.mark.parametrize("name, source", list(SOURCES.items()))
def test_distillation_alone_needs_no_targets(folder, tmp_path, name, source):
    arrays = np.load(folder / f"{source}.npz")
    bare = {key: arrays[key] for key in arrays.files if key.split("_")[0] in ("x", "Input", "Side")}
    np.savez(tmp_path / "bare.npz", **bare)
    options = dict(
        weights=["lut:bits=3"], data=str(tmp_path / "bare.npz"), scale="1/255" if source == "masks"
        else None, distill="weight=1", **TUNED,
    )  # fmt: skip
    results = run(folder, tmp_path / "out", name, **options)
    after = results["compressed"]
    assert "targets" in results
    if "accuracy" in after:
        assert results["float"]["accuracy"] == 1 and after["accuracy"] > 0.85
    else:
        power = np.mean(np.square(_outputs(folder / f"{name}.nnp", bare["x_test"])))
        assert results["float"]["loss"] == 0
        assert after["metrics"]["mean squared error"] < 0.1 * power
    assert evaluate_run(tmp_path / "out").loss == after["loss"]
    with pytest.raises(DataError, match="but not y"):
        run(folder, tmp_path / "labels", name, **{**options, "distill": "weight=0.5"})


def _outputs(file: Path, x: np.ndarray) -> np.ndarray:
    network = NnpFile(file).build("Runtime", x=nn.Variable.from_numpy_array(x))
    network.output.forward()
    return np.array(network.output.d)


SCRIPT = """\
import numpy as np

def samples(split):
    rng = np.random.RandomState(["train", "validation", "test"].index(split))
    for number in range(96 if split == "train" else 32):
        x = rng.randn(5)
        yield x, [x[0], x[1] * 0.5, -x[2]]
"""


def shell(monkeypatch, capsys, folder, *arguments):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert "internal error" not in printed.err
    return left.value.code, printed.out, printed.err


def test_a_python_iterator_tunes_and_judges_from_the_shell(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "my_samples.py").write_text(SCRIPT)
    data = f"{tmp_path / 'my_samples.py'}:samples"
    code, out, _ = shell(
        monkeypatch, capsys, folder, "compress", "regressor.nnp", "-w", "lut:bits=4", "--no-nnb",
        "-d", data, "-e", "4", "-b", "16", "-l", "0.02", "--solver", "Adam",
        "--validation", "0", "-o", tmp_path / "out",
    )  # fmt: skip
    assert code == 0 and "mean absolute error" in " ".join(out.split())
    kept = json.loads((tmp_path / "out" / "results.json").read_text())["compressed"]
    for words in (
        [tmp_path / "out", "--trust"],
        [tmp_path / "out" / "results.nnp", "-d", data, "--loss", "AbsoluteError"],
    ):
        code, out, _ = shell(monkeypatch, capsys, folder, "evaluate", *words)
        assert code == 0
        assert f"mean absolute error {kept['metrics']['mean absolute error']:.4g}" in out
        assert "(AbsoluteError)" in out and "(32 samples)" in out


def test_a_function_that_gives_other_samples_stops_a_resume(folder, tmp_path):
    (tmp_path / "changing.py").write_text(
        "import os, numpy as np\ndef get():\n"
        "    x = np.random.RandomState(int(os.environ['SEED'])).rand(40, 5)\n"
        "    return x, x[:, :3]\n"
    )
    options = dict(
        weights=["lut:bits=4"], data=f"{tmp_path}/changing.py:get", epochs=1, batch_size=8
    )
    os.environ["SEED"] = "1"
    try:
        first = run(folder, tmp_path / "out", "regressor", **options)
        (tmp_path / "out" / "compressed.h5").unlink()
        assert run(folder, tmp_path / "out", "regressor", resume=True, **options) == first
        os.environ["SEED"] = "2"
        with pytest.raises(DataError, match="gives other samples"):
            run(folder, tmp_path / "out", "regressor", resume=True, **options)
    finally:
        del os.environ["SEED"]


NUMBERS = ["regressor.nnp", "-d", "numbers.npz"]


@pytest.mark.parametrize(
    "words, said",
    [
        (["regressor.nnp", "-d", "pairs.npz"], "takes samples of the shape (5,), got (1, 5, 5)"),
        (["regressor.nnp", "-d", "waves.npz,y=x"], "takes samples of the shape (5,), got (12,)"),
        (["regressor.nnp", "-d", "numbers.npz,y=x"], "the network gives (3,)"),
        ([*NUMBERS, "--loss", "SoftmaxCrossEntropy"], "y has the shape"),
        ([*NUMBERS, "--loss", "MSE"], "unknown loss 'MSE'"),
        ([*NUMBERS, "--loss", "HuberLoss:delta=-1"], "delta is -1"),
        ([*NUMBERS, "--loss", "HuberLoss:dela=1"], "unknown key 'dela'"),
        (["segmenter.nnp", "-d", "masks.npz,y=mask"], "targets lie in 0..255"),
        (["segmenter.nnp", "-d", "masks.npz,mask=y"], "has no option 'mask'"),
        (["labels.nnp", "-d", "numbers.npz"], "SigmoidCrossEntropy wants 0..1"),
        (["two_inputs.nnp", "-d", "numbers.npz"], "has y_train but not Input_train"),
        (["two_inputs.nnp", "-d", "digits"], "no data for the input 'Input'"),
        (["regressor.nnp", "-d", "nothing.py:samples"], "nothing.py"),
        (["regressor.nnp", "-d", "no_such_module:samples"], "no module 'no_such_module'"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused_in_one_message(
    folder, tmp_path, monkeypatch, capsys, words, said
):
    compress = ["compress", *words, "-w", "lut:bits=4", "-o", tmp_path / "out"]
    for verb in (compress, ["evaluate", *words]):
        code, _, err = shell(monkeypatch, capsys, folder, *verb)
        assert code == 1 and said in err and "help: " in err
    assert not (tmp_path / "out").exists()


def test_evaluate_says_what_goes_with_what(folder, tmp_path, monkeypatch, capsys):
    for words, said in (
        (["regressor.nnp"], "add --data DATA, or --recipe"),
        (["regressor.nnp", "-r", "a.yaml", "--scale", "2"], "--recipe brings what --scale says"),
        ([".", "--loss", "SquaredError"], "does not say which data it is for"),
    ):
        code, _, err = shell(monkeypatch, capsys, folder, "evaluate", *words)
        assert code == 1 and said in err


def test_an_output_that_is_no_row_a_sample_is_refused(folder, tmp_path):
    x = nn.Variable((4, 5))
    contents = {"name": "net", "batch_size": 4, "outputs": {"y": F.mean(regressor(x))}}
    save(str(tmp_path / "mean.nnp"), {"networks": [{**contents, "names": {"x": x}}],
                                      "executors": []})  # fmt: skip
    for loss in ("SquaredError", "SoftmaxCrossEntropy", None):
        recipe, _ = recipe_of(
            tmp_path / "mean.nnp", weights=["lut:bits=4"], data="numbers.npz", loss=loss
        )
        with pytest.raises(DataError):
            Run(recipe, tmp_path / "out", folder).execute(silent)


def real(name: str) -> str:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs {name} in $NNABLA_COMPRESS_DATA")
    return str(path)


def write_network(path: Path, network, shape, target_shape, loss) -> None:
    x, target = nn.Variable((4, *shape)), nn.Variable((4, *target_shape))
    y = network(x)
    names = {"Input": x, "T": target, "y": y}
    contents = {"name": "Main", "batch_size": 4, "outputs": {"L": loss(y, target)}, "names": names}
    save(str(path), {"networks": [contents], "executors": []})
    nn.clear_parameters()


def tune(folder: Path, data: str, **options: object):
    recipe, _ = recipe_of(
        folder / "net.nnp", weights=["lut:bits=4"], data=data, nnb=False, solver="Adam",
        learning_rate=0.01, **options,
    )  # fmt: skip
    return Run(recipe, folder / "out", folder).execute(silent).as_dict()


def test_the_masks_of_a_sensor_set_are_learned(tmp_path):
    data = real("sony_edgeai/binary_segmentation.npz")

    def network(x):
        h = F.relu(PF.convolution(x, 8, (3, 3), pad=(1, 1), name="c1"))
        p = F.relu(PF.convolution(F.max_pooling(h, (2, 2)), 8, (3, 3), pad=(1, 1), name="c2"))
        h = F.concatenate(F.unpooling(p, (2, 2)), h, axis=1)
        return F.sigmoid(PF.convolution(h, 1, (3, 3), pad=(1, 1), name="c3"))

    write_network(tmp_path / "net.nnp", network, (3, 28, 28), (1, 28, 28), F.binary_cross_entropy)
    results = tune(tmp_path, f"{data},y=mask,y_scale=1/255", scale="1/255", epochs=3, batch_size=16)
    assert results["compressed"]["accuracy"] > 0.92 > results["float"]["accuracy"]


def test_the_vibrations_of_a_pipe_are_given_back(tmp_path):
    data = real("sony_edgeai/pipe_autoencoder.npz")

    def network(x):
        h = F.relu(PF.affine(x, 16, name="e"))
        return F.sigmoid(PF.affine(h, 128, name="d"))

    write_network(tmp_path / "net.nnp", network, (128,), (128,), F.squared_error)
    results = tune(tmp_path, f"{data},y=x", epochs=10, batch_size=32)
    before, after = (
        results[name]["metrics"]["mean squared error"] for name in ("float", "compressed")
    )
    assert after < 0.1 * before


def test_the_series_of_gestures_are_told_apart(tmp_path):
    data = real("sony_edgeai/gesture.npz")

    def network(x):
        h = F.relu(PF.convolution(x, 8, (9, 1), stride=(4, 1), name="c"))
        return F.softmax(PF.affine(h, 3, name="fc"))

    write_network(tmp_path / "net.nnp", network, (1, 200, 1), (1,), F.categorical_cross_entropy)
    results = tune(tmp_path, data, epochs=12, batch_size=16)
    assert results["compressed"]["accuracy"] > 0.9


@pytest.mark.parametrize("network", ["Main", "MainRuntime"])
def test_a_console_file_learns_four_or_nine_by_its_own_loss(tmp_path, network):
    file = real("nnp/goofmint_NNC_CLI_DEMO-result.nnp")
    arrays = np.load(real("mnist/mnist.npz"))
    kept = {}
    for split, count in (("train", 1000), ("test", 500)):
        labels = arrays[f"y_{split}"]
        rows = np.flatnonzero((labels == 4) | (labels == 9))[:count]
        kept.update({f"x_{split}": arrays[f"x_{split}"][rows], f"y_{split}": labels[rows] == 9})
    np.savez(tmp_path / "four_or_nine.npz", **kept)
    recipe, _ = recipe_of(
        Path(file), weights=["lut:bits=2"], network=network, nnb=False, epochs=1, scale="1/255",
        learning_rate=0.001, data=str(tmp_path / "four_or_nine.npz"),
    )  # fmt: skip
    results = Run(recipe, tmp_path / "out", tmp_path).execute(silent).as_dict()
    assert results["float"]["accuracy"] > 0.97 and results["compressed"]["accuracy"] > 0.95


def test_a_file_of_unknown_purpose_learns_what_is_given(tmp_path):
    file = real("nnp/MizunagiKB_gd_nnabla-model_simple.nnp")
    x = np.random.RandomState(0).rand(80, 10)
    np.savez(tmp_path / "set.npz", x_train=x[:64], y_train=x[:64, ::-1], x_test=x[64:],
             y_test=x[64:, ::-1])  # fmt: skip
    options = dict(
        weights=["lut:bits=4"],
        data=str(tmp_path / "set.npz"),
        nnb=False,
        epochs=30,
        solver="Adam",
        batch_size=16,
    )
    recipe, _ = recipe_of(Path(file), **options)
    with pytest.raises(CompressError, match="y has the shape") as wrong:
        Run(recipe, tmp_path / "out", tmp_path).execute(silent)
    assert "SquaredError" in wrong.value.help
    recipe, _ = recipe_of(Path(file), loss="SquaredError", **options)
    results = Run(recipe, tmp_path / "out", tmp_path).execute(silent).as_dict()
    assert results["compressed"]["loss"] < results["float"]["loss"]
