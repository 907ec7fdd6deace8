# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import pytest

from nnabla_compress import cli
from nnabla_compress.errors import ConfigError
from nnabla_compress.extension import computing_as_asked, computing_on


def test_a_device_is_the_one_to_compute_on_within_the_block_only(monkeypatch):
    asked = []

    def context_of(name, device_id):
        asked.append((name, device_id))
        return nn.Context(["made up:float"], "CpuCachedArray", device_id)

    monkeypatch.setattr("nnabla_compress.extension.get_extension_context", context_of)
    before = str(nn.get_current_context())
    for name, device in (("cudnn:1", "1"), ("cudnn", "0")):
        with computing_on(name):
            assert nn.get_current_context().device_id == device
            assert nn.get_current_context().backend == ["made up:float"]
        assert str(nn.get_current_context()) == before
    assert asked == [("cudnn", "1"), ("cudnn", "0")]


@pytest.mark.parametrize("name", ["", "a b", "cpu:x", "../cpu", "cpu:1:2"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ConfigError, match="context is"), computing_on(name):
        pass


def test_an_extension_that_is_not_there_is_refused_before_any_work(capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        cli.main(["inspect", str(tmp_path / "net.nnp"), "-c", "cudnn"])
    error = capsys.readouterr().err
    assert stop.value.code == 1 and "can't compute on cudnn" in error
    assert "pip install nnabla-compress[cuda116]" in error and "internal" not in error
    with pytest.raises(ConfigError) as refused, computing_on("gpu"):
        pass
    assert all(name in str(refused.value.help) for name in ("cpu", "cuda", "cudnn"))


def test_a_recipe_counts_where_the_shell_chose_nothing(monkeypatch):
    def context_of(name, device_id):
        return nn.Context([f"{name}:float"], "CpuCachedArray", device_id)

    def backend():
        return nn.get_current_context().backend

    monkeypatch.setattr("nnabla_compress.extension.get_extension_context", context_of)
    with computing_as_asked("recipe"):
        assert backend() == ["recipe:float"]
    with computing_on("shell"), computing_as_asked("recipe"):
        assert backend() == ["shell:float"]
    with computing_as_asked(None):
        assert backend() == nn.Context().backend


def test_a_recipe_names_where_to_compute(capsys, tmp_path):
    text = "name: x\nmodel: {name: lenet}\ndata: {source: digits}\ncontext: nowhere\n"
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", str(tmp_path / "recipe.yaml"), "-o", str(tmp_path / "run")])
    assert stop.value.code == 1 and "can't compute on nowhere" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
