# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a recipe refers to, loaded: network, parameters, data, loss."""
