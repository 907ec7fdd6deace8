# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.models.ranet_plan import RanetPlan


def plan(scales):
    return RanetPlan(16, 6, 2, "lg", scales, (1,) * len(scales), 2, 2)


def test_maps_get_smaller_where_a_sub_network_before_ended():
    made = plan((1, 2, 3))
    halved = [[n for n in range(1, 7) if made.halves(number, n)] for number in range(3)]
    assert halved == [[], [2], [2, 4]]


def test_sub_networks_of_one_scale_get_smaller_as_often():
    made = plan((1, 2, 3, 3))
    assert [n for n in range(1, 9) if made.halves(3, n)] == [4, 6]


def test_channels_are_halved_at_whole_parts_of_the_blocks():
    made = plan((1, 2, 3, 3))
    halved = [[n for n in range(1, 9) if made.compresses(number, n)] for number in range(4)]
    assert halved == [[], [2], [2, 4], [2, 5]]
