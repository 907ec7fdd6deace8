# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""From a trained graph to functions that devices have, and how its weights are stored."""
