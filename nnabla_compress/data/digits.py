# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The 1,797 real handwritten digits of 8x8 pixels that come with scikit-learn; no download."""

from __future__ import annotations

import numpy as np

from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.errors import ConfigError

_TEST_EVERY = 5


def digits() -> DataSet:
    """Loads the digits, every fifth sample of each class as the test set.

    Returns:
        Images ``float32`` (N, 1, 8, 8) in 0..1 (16 grey levels), 1,438 to train and 359 to test.

    Raises:
        ConfigError: If scikit-learn is not installed.

    Example:
        >>> data = digits()
        >>> data.split("test").x.shape, float(data.split("test").x.max())
        ((359, 1, 8, 8), 1.0)
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ConfigError(
            "the data source digits needs scikit-learn, which is not installed.",
            help="pip install scikit-learn",
        ) from error
    bunch = load_digits()
    x = (bunch.images / 16.0).astype(np.float32)[:, np.newaxis]
    y = np.asarray(bunch.target, np.int32)
    # Stratified without randomness: samples sorted by class, in file order within a class.
    by_class = np.argsort(y, kind="stable")
    is_test = np.zeros(len(y), bool)
    is_test[by_class[_TEST_EVERY - 1 :: _TEST_EVERY]] = True
    return DataSet.checked(
        "digits",
        n_classes=10,
        train=Split.checked(x[~is_test], y[~is_test], "digits"),
        test=Split.checked(x[is_test], y[is_test], "digits"),
        class_names=tuple(str(name) for name in bunch.target_names),
    )
