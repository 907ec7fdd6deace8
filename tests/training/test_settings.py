# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training import TrainingSettings


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"epochs": -1}, "epochs is -1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"learning_rate": float("inf")}, "learning_rate is inf, it must be a positive, finite"),
        ({"schedule": "cosin"}, "schedule is 'cosin'"),
        ({"keep": "lats"}, "keep is 'lats'"),
        ({"schedule": "step"}, "schedule 'step' with steps"),
        ({"steps": [1]}, "schedule 'cosine' with steps"),
        ({"solver": "Momentun"}, "unknown solver 'Momentun'"),
        ({"solver_options": {"momentun": 0.9}}, "no option 'momentun'"),
        ({"checkpoint_interval": 0}, "checkpoint_interval is 0"),
        ({"k_means_steps": 0}, "k_means_steps is 0"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
    ],
)
def test_a_value_out_of_range_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainingSettings(**{"epochs": 1, **changes})


def test_a_misspelt_solver_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'Momentum'"):
        TrainingSettings(epochs=1, solver="Momentun")


@pytest.mark.parametrize("solver", ["Sgd", "Adam", "Lamb", "RMSprop"])
def test_the_learning_rate_reaches_every_kind_of_solver(solver):
    made = TrainingSettings(epochs=1, solver=solver, learning_rate=0.25).make_solver()
    assert made.learning_rate() == pytest.approx(0.25)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"schedule": "constant"}, [1, 1, 1, 1]),
        ({"schedule": "cosine"}, [1, 0.853553, 0.5, 0.146447]),
        ({"schedule": "step", "steps": [1, 1.5]}, [1, 1, 0.1, 0.01]),
        ({"schedule": "exponential", "decay": 0.5}, [1, 1, 0.5, 0.5]),
        ({"schedule": "polynomial", "decay": 1.0}, [1, 0.75, 0.5, 0.25]),
        ({"schedule": "constant", "warmup_epochs": 1}, [0.5, 1, 1, 1]),
    ],
)
def test_schedules_over_two_epochs_of_two_updates(changes, expected):
    rates = TrainingSettings(epochs=2, learning_rate=1, **changes).learning_rates(4)
    assert [rates.get_learning_rate(i) for i in range(4)] == pytest.approx(expected, abs=1e-6)
