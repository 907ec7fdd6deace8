# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Drawings of a report: own SVG, whose colours follow the light or the dark page."""

from __future__ import annotations
