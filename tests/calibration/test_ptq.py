# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Post-training quantization: steps help or are taken back, and bad inputs get clear answers."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.agreement import agreement
from nnabla_compress.analysis import layers
from nnabla_compress.calibration import PostTrainingSettings, post_training_quantize
from nnabla_compress.calibration.observe import compute
from nnabla_compress.calibration.samples import split_samples
from nnabla_compress.errors import CompressError, ConfigError, DataError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.graph import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.quantizers.base import shown_type
from tests.calibration.networks import samples, trained
from tests.exporters.devices import apart


def quantize(x, y, values, **settings):
    given = None if values is None else [values]
    return post_training_quantize([y], [x], given, PostTrainingSettings(**settings))


def snr(result, x, y, values):
    float_outputs = compute([y], [x], [values])
    return agreement(float_outputs, compute(result.outputs, result.inputs, [values])).snr


@pytest.mark.parametrize("bits, least", [(8, 25), (4, 10)])
def test_the_outputs_come_close_to_the_float_networks_on_unseen_samples(bits, least):
    x, y = trained()
    result = quantize(x, y, samples(), weights=(f"affine:bits={bits}",))
    assert snr(result, x, y, samples(64, seed=9)) > least
    kinds = {f.info.type_name for f in functions(result.outputs)}
    assert "BatchNormalization" not in kinds
    assert [layer.quantizer.info.args["bits"] for layer in layers(result.outputs)] == [bits] * 6
    maps = [q for q in graph_quantizers(result.outputs) if q.info.args["tensor"] == ""]
    assert {q.info.args["name"] for q in maps} >= {"input", "c1/conv/relu", "f1/affine/relu"}


def test_every_step_is_kept_exactly_if_it_helped_and_the_last_state_is_the_best():
    x, y = trained()
    values = samples()
    result = quantize(x, y, values, weights=("affine:bits=4",))
    names = [step.name for step in result.steps]
    assert names[0] == "quantized, min_max" and names[-1].endswith("learned rounding")
    assert {"bias correction", "calibration: mse", "calibration: kl"} <= set(names)
    best = float("-inf")
    for step in result.steps:
        assert step.kept == (step.score.snr > best)
        best = max(best, step.score.snr) if step.kept else best
    _, judged_on = split_samples([values], 0.25, 0)
    assert snr(result, x, y, judged_on[0]) == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("settings", [{}, {"rounding": False, "bias_correction": False}])
def test_the_given_network_keeps_its_values_and_shares_none_with_the_result(settings):
    x, y = trained()
    given = {path: (v, v.d.copy()) for path, v in nn.get_parameters(grad_only=False).items()}
    result = quantize(x, y, samples(), weights=("affine:bits=4",), **settings)
    with nn.parameter_scope("", result.scope):
        made = [v.d for v in nn.get_parameters(grad_only=False).values()]
    for variable, before in given.values():
        np.testing.assert_array_equal(variable.d, before)
        assert not any(np.shares_memory(variable.d, d) for d in (*made, *result.before.values()))


def test_classifiers_can_be_judged_by_the_divergence():
    x, y = trained()
    result = quantize(x, y, samples(), weights=("affine:bits=4",), judge="kl")
    best = float("inf")
    for step in result.steps:
        assert step.kept == (step.score.kl < best)
        best = min(best, step.score.kl)


def test_learned_rounding_beats_nearest_rounding_by_decibels_on_unseen_samples():
    x, y = trained()
    unseen = samples(64, seed=9)
    found = [
        snr(quantize(x, y, samples(), weights=("affine:bits=3",), rounding=on), x, y, unseen)
        for on in (True, False)
    ]
    assert found[0] > found[1] + 2


def test_the_float_network_and_the_callers_parameters_stay_as_they_are():
    x, y = trained()
    before = {k: v.d.copy() for k, v in nn.get_parameters(grad_only=False).items()}
    values = samples(40)
    outputs = compute([y], [x], [values])[0]
    quantize(x, y, values, weights=("affine:bits=4",))
    after = nn.get_parameters(grad_only=False)
    assert list(after) == list(before)
    for name, value in before.items():
        np.testing.assert_array_equal(after[name].d, value)
    np.testing.assert_array_equal(compute([y], [x], [values])[0], outputs)


def test_two_runs_end_with_the_same_bits():
    x, y = trained()
    states = []
    for _ in range(2):
        result = quantize(x, y, samples(40), weights=("affine:bits=4",))
        with nn.parameter_scope("", result.scope):
            states.append({k: v.d.copy() for k, v in nn.get_parameters(grad_only=False).items()})
    for name, value in states[0].items():
        np.testing.assert_array_equal(states[1][name], value)


def test_weights_alone_need_no_samples():
    x, y = trained()
    result = quantize(x, y, None, weights=("affine:bits=8",), activations=None)
    assert snr(result, x, y, samples(32)) > 30
    assert all(step.score is None for step in result.steps)
    assert all(q.info.args["tensor"] == "W" for q in graph_quantizers(result.outputs))


def test_equalization_helps_one_scale_a_weight_but_not_the_exactness(rng):
    x, y = trained()
    w = nn.get_parameters()["dw/depthwise_conv/W"]
    w.d = w.d * np.exp(1.5 * rng.randn(8, 1, 1))
    result = quantize(x, y, samples(), per_channel=False, calibration="min_max")
    step = next(s for s in result.steps if s.name.startswith("cross-layer"))
    assert step.kept and step.score.snr > result.steps[0].score.snr + 1


def test_dictionaries_take_part():
    x, y = trained()
    result = quantize(x, y, samples(), weights=("lut:bits=4", "f2*=affine:bits=8"))
    kinds = [shown_type(layer.quantizer) for layer in layers(result.outputs)]
    assert kinds == ["LUT"] * 5 + ["AffineQuantizer"]
    assert "learned rounding" in [step.name for step in result.steps]
    assert snr(result, x, y, samples(32, seed=9)) > 15


@pytest.mark.parametrize("rule, least", [("wrpn:bits=8,scale=max", 30), ("dorefa:bits=1", 0)])
def test_fixed_ranges_take_part_where_they_keep_the_size_of_weights(rule, least):
    x, y = trained()
    result = quantize(x, y, None, weights=(rule,), activations=None)
    assert snr(result, x, y, samples(32)) > least


@pytest.mark.parametrize("rule", ["lut:bits=3", "lut:bits=2", "lut:bits=3,prune=0.3"])
def test_learned_dictionaries_beat_those_of_the_weights_by_decibels_on_unseen_samples(rule):
    x, y = trained()
    unseen = samples(64, seed=9)
    found = [snr(quantize(x, y, samples(), weights=(rule,), rounding=on), x, y, unseen)
             for on in (True, False)]  # fmt: skip
    assert found[0] > found[1] + 3


def test_learned_dictionaries_are_exported_as_they_compute(tmp_path):
    x, y = trained()
    result = quantize(x, y, samples(), weights=("lut:bits=3",), activations=None)
    with nn.parameter_scope("", result.scope):
        report = export_nnp(tmp_path / "net.nnp", result.outputs, result.inputs)
    assert [row.bits for row in report.rows] == [3] * 6
    loaded = NnpFile(tmp_path / "net.nnp").build(batch_size=8)
    loaded.inputs["x"].d = values = samples(8, seed=9)
    loaded.output.forward()
    expected = compute(result.outputs, result.inputs, [values])[0]
    assert agreement([expected], [loaded.output.d]).snr > 100


def test_all_scales_are_powers_of_two_if_asked_for():
    x, y = trained()
    settings = {"power_of_two": True, "activations": ("affine:bits=8,symmetric=true",)}
    result = quantize(x, y, samples(), **settings)
    for node in graph_quantizers(result.outputs):
        exponents = np.log2(node.inputs[1].d)
        np.testing.assert_array_equal(exponents, np.round(exponents))
        assert not node.inputs[2].d.any()
    assert snr(result, x, y, samples(32, seed=9)) > 20


def test_the_result_is_exported_as_it_computes(tmp_path):
    x, y = trained()
    result = quantize(x, y, samples(), weights=("affine:bits=4",))
    with nn.parameter_scope("", result.scope):
        report = export_nnp(tmp_path / "net.nnp", result.outputs, result.inputs)
    assert [row.bits for row in report.rows] == [4] * 6
    loaded = NnpFile(tmp_path / "net.nnp").build(batch_size=8)
    loaded.inputs["x"].d = values = samples(8, seed=9)
    loaded.output.forward()
    expected = compute(result.outputs, result.inputs, [values])[0]
    assert agreement([expected], [loaded.output.d]).snr > 40


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_samples_works_and_is_told(count):
    x, y = trained()
    result = quantize(x, y, samples(count), weights=("affine:bits=4",))
    assert f"{count} calibration sample(s) are few" in result.notes[0]
    learns = any(step.name == "learned rounding" for step in result.steps)
    assert learns == (count >= 4) == (len(result.notes) == 1)
    assert np.isfinite(compute(result.outputs, result.inputs, [samples(4)])[0]).all()


def test_dead_channels_and_maps_are_borne_and_told():
    x, y = trained()
    parameters = nn.get_parameters()
    parameters["c2/conv/W"].d[:4] = 0
    parameters["dw/depthwise_conv/W"].d = 0
    parameters["dw/depthwise_conv/b"].d = -1
    result = quantize(x, y, samples(), weights=("affine:bits=4",))
    assert "dw/depthwise_conv/relu is zero for all calibration samples." in result.notes
    assert snr(result, x, y, samples(32, seed=9)) > 5


def test_unused_outputs_and_parameters_do_no_harm():
    def build(x):
        PF.affine(x, 7, name="never_run")
        first, _ = F.split(F.reshape(PF.convolution(x, 8, (3, 3), name="a"), (2, 2, -1)), axis=1)
        return PF.affine(F.relu(first), 3, name="b")

    x, y = trained(build=build)
    result = quantize(x, y, samples(64), weights=("affine:bits=4",))
    assert [layer.name for layer in layers(result.outputs)] == ["a/conv", "b/affine"]
    with pytest.raises(ConfigError, match=r"no layer matches 'never_run\*'"):
        quantize(x, y, samples(64), weights=("never_run*=affine:bits=4",))


def test_shared_layers_are_quantized_once_and_left_at_nearest_rounding():
    def build(x):
        h = PF.affine(x, 10, name="in")
        for _ in range(3):
            h = F.relu(PF.affine(h, 10, name="shared"))
        return PF.affine(h, 3, name="out")

    x, y = trained(build=build)
    result = quantize(x, y, samples(64), weights=("affine:bits=4",))
    assert any(note.startswith("left at nearest rounding: shared/affine") for note in result.notes)
    assert snr(result, x, y, samples(32, seed=9)) > 5


def test_two_inputs_and_two_outputs():
    a, b = nn.Variable((1, 4)), nn.Variable((1, 6))
    h = F.relu(F.concatenate(PF.affine(a, 5, name="a"), PF.affine(b, 5, name="b"), axis=1))
    outputs = [PF.affine(h, 2, name="y"), PF.affine(h, 3, name="z")]
    rng = np.random.RandomState(0)
    result = post_training_quantize(outputs, [a, b], [rng.randn(64, 4), rng.randn(64, 6)])
    assert len(result.outputs) == 2 and result.steps[-1].score.kl is None
    assert max(step.score.snr for step in result.steps) > 25
    with pytest.raises(DataError, match="1 arrays of samples for a network with 2 inputs"):
        post_training_quantize(outputs, [a, b], [rng.randn(64, 4)])
    with pytest.raises(DataError, match="the inputs have 64, 63 samples"):
        post_training_quantize(outputs, [a, b], [rng.randn(64, 4), rng.randn(63, 6)])


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((9, 3, 8, 7)), r"the shape \(9, 3, 8, 7\), the network takes \(N, 3, 8, 8\)"),
        (np.zeros((3, 8, 8)), "have the shape"),
        (np.zeros((0, 3, 8, 8)), "there are none"),
        (np.array(["cat"]), "are no numbers"),
        (np.where(np.arange(9)[:, None, None, None] == 4, np.nan, np.zeros((9, 3, 8, 8))),
         "1 of 9 samples hold NaN or infinite values, the first is sample 4"),
        (None, "come from samples, and there are none"),
    ],
)  # fmt: skip
def test_samples_that_do_not_fit_are_refused(values, message):
    x, y = trained()
    with pytest.raises(DataError, match=message):
        quantize(x, y, values)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"calibration": "mean"}, "unknown calibration method 'mean'"),
        ({"hold_out": 1.0}, "hold_out is 1.0"),
        ({"judge": "labels"}, "judge is 'labels'"),
        ({"weights": ("uniform:bits=4",)}, "uniform is trained"),
        ({"weights": ("dorefa:bits=3",)}, "dorefa is trained, it can't be calibrated"),
        ({"activations": ("lut:bits=4",)}, "what only weights have"),
        ({"weights": (), "activations": None}, "nothing is to be quantized"),
        ({"weights": ("affine:bits=99",)}, "bits is 99"),
    ],
)
def test_settings_without_a_meaning_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PostTrainingSettings(**options)


def test_a_pattern_that_matches_no_map_lists_those_there_are():
    x, y = trained()
    with pytest.raises(ConfigError, match="no activation matches 'conv9'") as caught:
        quantize(x, y, samples(16), activations=("affine:bits=8", "conv9=none"))
    assert "c1/conv/relu" in caught.value.help


def test_a_network_that_is_quantized_already_is_refused():
    x, y = trained()
    with pytest.raises(ConfigError, match="quantized already, by LUT of c1/conv"):
        quantize(x, compress(y, "lut:bits=4"), samples(16))


def test_a_network_with_damaged_parameters_names_the_place():
    x, y = trained()
    nn.get_parameters()["c2/conv/W"].d = np.inf
    with pytest.raises(CompressError, match="values of W in c2/conv are NaN or infinite"):
        quantize(x, y, samples(16))


def relu6_network(x):
    """Depthwise layers between ReLU6, as in MobileNet."""
    h = F.relu6(PF.convolution(x, 16, (3, 3), pad=(1, 1), name="c1"))
    h = F.relu6(PF.depthwise_convolution(h, (3, 3), pad=(1, 1), name="dw"))
    h = F.relu6(PF.convolution(h, 16, (1, 1), name="pw"))
    return PF.affine(F.average_pooling(h, h.shape[2:]), 5, name="fc")


def unequal_relu6(seed=0):
    """The network with channels between 1 and a hundredth of the range, as training leaves them."""
    x = nn.Variable((2, 3, 8, 8))
    y = relu6_network(x)
    rng = np.random.RandomState(seed)
    factors = np.logspace(0, -2, 16)
    for name, parameter in sorted(nn.get_parameters().items()):
        parameter.d = 0.3 * rng.randn(*parameter.shape)
        if name == "c1/conv/W":
            parameter.d *= factors.reshape(-1, 1, 1, 1)
        if name == "c1/conv/b":
            parameter.d *= factors
        if name == "dw/depthwise_conv/W":
            parameter.d /= factors.reshape(-1, 1, 1)
    return x, y


def test_equalization_through_relu6_gains_decibels_on_unseen_samples():
    x, y = unequal_relu6()
    unseen = samples(64, seed=9)
    found = {}
    for equalization in (False, True):
        result = quantize(x, y, samples(), equalization=equalization)
        found[equalization] = snr(result, x, y, unseen)
    assert found[True] > found[False] + 3
    assert "Minimum2" in {f.info.type_name for f in functions(result.outputs)}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equalization_that_was_taken_back_gets_another_try_with_learned_roundings(seed):
    x = nn.Variable((2, 3, 8, 8))
    y = relu6_network(x)
    rng = np.random.RandomState(seed)
    for _, parameter in sorted(nn.get_parameters().items()):
        parameter.d = 0.3 * rng.randn(*parameter.shape)
    rules = {"weights": ("affine:bits=3",), "calibration": "min_max"}
    result = quantize(x, y, samples(64), **rules)
    kept = {step.name: step.kept for step in result.steps}
    again = "cross-layer equalization and learned rounding"
    assert (again in kept) == (not kept["cross-layer equalization, 3 pairs"])
    equalized = kept["cross-layer equalization, 3 pairs"] or kept[again]
    assert equalized == ("Minimum2" in {f.info.type_name for f in functions(result.outputs)})
    best = max(step.score.snr for step in result.steps)
    assert best == max(step.score.snr for step in result.steps if step.kept)


def test_fine_weights_are_equalized_once():
    x, y = unequal_relu6()
    result = quantize(x, y, samples(), per_channel=False)
    assert "cross-layer equalization and learned rounding" not in [s.name for s in result.steps]


def test_an_equalized_relu6_network_is_exported_as_it_computes(tmp_path):
    x, y = unequal_relu6()
    result = quantize(x, y, samples())
    with nn.parameter_scope("", result.scope):
        for target in ("portable", "integer"):
            export_nnp(tmp_path / f"{target}.nnp", result.outputs[0], result.inputs[0], target)
            loaded = NnpFile(tmp_path / f"{target}.nnp").build(batch_size=8)
            loaded.inputs["x"].d = values = samples(8, seed=3)
            loaded.output.forward()
            (expected,) = compute(result.outputs, result.inputs, [values])
            assert agreement([expected], [loaded.output.d]).snr > 40


def test_an_equalized_relu6_network_goes_to_int8(tmp_path):
    x, y = unequal_relu6()
    result = quantize(x, y, samples())
    with nn.parameter_scope("", result.scope):
        export_nnp(
            tmp_path / "net.nnp", result.outputs[0], result.inputs[0], "int8",
            samples={"x": samples()},
        )  # fmt: skip
    nnb = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    assert apart(nnb, y, x, {"x": samples(32, seed=9)}) < 0.1


def test_maps_keep_their_names_where_relu6_gets_a_bound_for_each_channel():
    x, y = unequal_relu6()
    rules = ("affine:bits=8,symmetric=false", "c1/conv/relu6=none")
    result = quantize(x, y, samples(), activations=rules)
    names = {n.info.args["name"] for n in graph_quantizers(result.outputs)}
    assert "dw/depthwise_conv/relu6" in names and "c1/conv/relu6" not in names


def test_activations_that_equalization_can_not_pass_are_named():
    x = nn.Variable((1, 4))
    y = PF.affine(F.swish(PF.affine(x, 8, name="a")), 3, name="b")
    samples = np.random.RandomState(0).randn(40, 4)
    result = post_training_quantize([y], [x], [samples])
    (note,) = [note for note in result.notes if "equalization" in note]
    assert "Swish behind a/affine" in note
