# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The version of the package, kept in this one place; setup.py reads it from here."""

__version__ = "0.1.0"
"""The version of the package."""
