# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.couplings import as_network
from nnabla_compress.errors import ConfigError
from nnabla_compress.training.terms import Shrinkage, term_of
from nnabla_compress.training.terms.shrinkage import units
from nnabla_compress.transforms import shrink
from tests.training.terms.test_slimming import network as normalized
from tests.training.terms.test_slimming import trained
from tests.transforms.removal import assert_close, computed, shapes


def plain(x, test):
    return PF.affine(F.relu(PF.affine(x, 16, name="a")), 2, name="c")


def test_the_rate_of_a_unit_is_half_the_squares_of_what_makes_and_what_reads_it():
    nn.clear_parameters()
    x = nn.Variable((1, 1, 6, 6))
    h = F.relu(PF.convolution(x, 4, (3, 3), name="a"))
    y = PF.affine(h, 2, name="b")
    w, v = nn.get_parameters()["a/conv/W"].d, nn.get_parameters()["b/affine/W"].d
    expected = np.square(w).reshape(4, -1).sum(1) + np.square(v).reshape(4, -1).sum(1)
    (found,) = units([y])
    np.testing.assert_allclose(found.rates(), expected / 2, rtol=1e-6)
    total = sum(part.squares() for part in found.parts if part.counts)
    total.forward()
    np.testing.assert_allclose(total.d[0] / 2, found.rates(), rtol=1e-5)


def test_before_a_normalization_its_scale_counts_and_not_the_weights():
    nn.clear_parameters()
    y = normalized(nn.Variable((4, 4)), False)
    before = [each.rates() for each in units([y])]
    nn.get_parameters()["a/affine/W"].d *= 9
    for one, other in zip(before, [each.rates() for each in units([y])]):
        np.testing.assert_array_equal(one, other)
    nn.get_parameters()["a/bn/gamma"].d *= 9
    assert (units([y])[0].rates() > before[0]).all()


def test_the_gradient_is_that_of_the_prior(tmp_path):
    trainer, _ = trained(tmp_path, Shrinkage(0.5, rate=2.0, smallest=0.1), build=plain, epochs=0)
    v = nn.get_parameters()["c/affine/W"]
    rates = units([trainer.output])[0].rates()
    found = []
    for target in (trainer.loss, trainer.objective):
        v.grad.zero()
        target.forward()
        target.backward()
        found.append(np.array(v.g))
    expected = 0.5 * v.d * ((15 / 16) / (rates + 0.1) + 2.0)[:, None]
    np.testing.assert_allclose(found[1] - found[0], expected, atol=1e-5)


@pytest.mark.parametrize("build", [plain, normalized])
def test_units_go_and_shrink_takes_them_out_of_a_network_that_computes_the_same(tmp_path, build):
    _, outcome = trained(tmp_path, Shrinkage(0.03), build=build, epochs=40)
    noticed = outcome.noticed["shrinkage"]
    assert 0 < noticed["off"] < noticed["units"]
    network = as_network(build(nn.Variable((2, 4)), True))
    before = computed(network)
    smaller = shrink(network)
    assert_close(before, computed(smaller))
    every, left = noticed["left"]["a/affine"]
    assert every == 16 and shapes(smaller)["a/affine/W"][1] <= left


def test_the_last_unit_of_a_layer_stays(tmp_path):
    _, outcome = trained(tmp_path, Shrinkage(1e-3, smallest=1e6), build=plain, epochs=1)
    assert outcome.noticed["shrinkage"]["left"] == {"a/affine": [16, 1]}


def test_what_is_off_stays_off_after_a_restart():
    term, other = Shrinkage(), Shrinkage()
    term._off = {"a/affine": [1, 3]}
    other.restore(term.state())
    assert other._off == term._off


def test_a_recipe_asks_for_it_by_name_or_by_its_strength():
    assert term_of({"shrinkage": 0.01}).make(lambda x, test: x) == Shrinkage(0.01)
    for options in ({"strength": 0}, {"smallest": 0}, {"rate": -1}):
        with pytest.raises(ConfigError, match=f"shrinkage: {next(iter(options))} is"):
            term_of({"shrinkage": options})


def test_a_network_without_such_units_is_refused():
    nn.clear_parameters()
    with pytest.raises(ConfigError, match="no units that can go"):
        term_of("shrinkage").foresee([PF.affine(nn.Variable((1, 4)), 2)])


def test_what_earlier_exits_read_counts_too(tmp_path):
    def build(x, test):
        h = F.relu(PF.affine(x, 16, name="a"))
        return {"exit1": PF.affine(h, 2, name="b"), "exit2": PF.affine(h, 2, name="c")}

    trainer, _ = trained(tmp_path, Shrinkage(), build=build, epochs=0)
    (term,) = [term for term in trainer.terms if isinstance(term, Shrinkage)]
    w, b, c = (nn.get_parameters()[f"{name}/affine/W"].d for name in "abc")
    expected = np.square(w).sum(0) + np.square(b).sum(1) + np.square(c).sum(1)
    np.testing.assert_allclose(term._units[0].rates(), expected / 2, rtol=1e-6)
