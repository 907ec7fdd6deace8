# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks in fixed point: values as integers times powers of two, chosen from calibration data."""
