# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.errors import ConfigError
from nnabla_compress.loading.teacher import stored_teacher
from nnabla_compress.recipes import Recipe
from nnabla_compress.training.frozen import frozen

RECIPE = Recipe.checked({"name": "student", "model": {"name": "mlp"}, "data": {"source": "digits"}})


def write(path, *inputs, output=F.softmax):
    nn.clear_parameters()
    variables = {name: nn.Variable((1, size)) for name, size in inputs}
    every = list(variables.values())
    x = F.concatenate(*every, axis=1) if len(every) > 1 else every[0]
    y = output(PF.affine(x, 3, name="fc"))
    contents = {"name": "n", "batch_size": 1, "outputs": {"y": y}, "names": variables}
    save(str(path), {"networks": [contents], "executors": []})
    weight = nn.get_parameters()["fc/affine/W"].d.copy()
    nn.clear_parameters()
    return weight


def test_it_gives_logits_from_parameters_of_its_own(tmp_path, rng):
    weight = write(tmp_path / "t.nnp", ("x", 4))
    build = stored_teacher("t.nnp", RECIPE, tmp_path, {"data": (4,)})
    values = rng.randn(5, 4).astype(np.float32)
    found = frozen(build, nn.Variable.from_numpy_array(values))
    found.output.forward()
    np.testing.assert_allclose(found.output.d, values @ weight, rtol=1e-5, atol=1e-6)
    assert not nn.get_parameters(grad_only=False)
    assert "fc/affine" in found.maps


def test_other_inputs_are_refused_with_what_differs(tmp_path):
    write(tmp_path / "t.nnp", ("x", 4))
    with pytest.raises(ConfigError) as refused:
        stored_teacher("t.nnp", RECIPE, tmp_path, {"x": (5,)})
    assert "t.nnp takes x of shape (4,), the network x of shape (5,)" in refused.value.message
    write(tmp_path / "two.nnp", ("a", 4), ("b", 2))
    stored_teacher("two.nnp", RECIPE, tmp_path, {"a": (4,), "b": (2,)})
    with pytest.raises(ConfigError, match="takes a of shape"):
        stored_teacher("two.nnp", RECIPE, tmp_path, {"a": (4,), "c": (2,)})


def test_a_file_that_is_none_is_refused_as_the_teacher(tmp_path):
    (tmp_path / "t.nnp").write_text("nothing")
    with pytest.raises(ConfigError, match="no teacher: .*t.nnp"):
        stored_teacher("t.nnp", RECIPE, tmp_path, {"x": (4,)})
