# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Run the command line by `python -m nnabla_compress`, the same as `nnabla-compress`."""

from __future__ import annotations

from nnabla_compress.cli import main

if __name__ == "__main__":
    main()
