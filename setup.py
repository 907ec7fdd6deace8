# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Packaging of nnabla-compress: what it is called, what it needs, and which extras there are."""

import os
import re

from setuptools import find_packages, setup

HERE = os.path.dirname(os.path.abspath(__file__))


def read(*path):
    """Return the text of a file of the project, empty if there is none."""
    try:
        with open(os.path.join(HERE, *path), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


VERSION = re.search(r'^__version__ = "(.+)"$', read("nnabla_compress", "_version.py"), re.MULTILINE)

# NNabla itself pins numpy (1.24 on CPython 3.8, 1.26 on 3.9 and 3.10) and protobuf (3.20).
INSTALL_REQUIRES = [
    "nnabla==1.39.*",
    "protobuf>=3.20",
    "h5py>=3.0",
    "numpy>=1.22,<2",
    "pyyaml>=6.0",
    "numba>=0.57",
    "scipy>=1.7",
    "threadpoolctl>=3.0",
    "pydantic>=2.0",
    "click>=8.0",
    "rich>=13.0",
    "matplotlib>=3.5",
    "jinja2>=3.0",
    "markupsafe>=2.0",
]

# Newer ones of Ray are for newer Pythons: 2.10 is the last for CPython 3.8.
SEARCH = ["ray[data]>=2.6"]
DATA = ["scikit-learn>=1.1", "pillow>=9.1"]
DOCS = ["sphinx>=7.0", "myst-parser>=2.0", "furo"]

EXTRAS_REQUIRE = {
    "cuda116": ["nnabla-ext-cuda116==1.39.*"],
    "cuda120": ["nnabla-ext-cuda120==1.39.*"],
    "search": SEARCH,
    "data": DATA,
    "docs": DOCS,
    "dev": [
        *DATA,
        *SEARCH,
        *DOCS,
        "pytest>=7.4",
        "pytest-xdist>=3.3",
        "pytest-timeout>=2.1",
        "pytest-benchmark>=4.0",
        "hypothesis>=6.80",
        "ruff>=0.9",
        "mypy>=1.5",
        "types-PyYAML",
    ],
}

setup(
    name="nnabla-compress",
    version=VERSION.group(1),
    description="Make NNabla networks small enough for a device",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    author="nnabla-compress contributors",
    license="Apache-2.0",
    keywords="deep learning, neural network, compression, quantization, pruning, nnabla, edge",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.8",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: Implementation :: CPython",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    packages=find_packages(include=["nnabla_compress", "nnabla_compress.*"]),
    package_data={
        "nnabla_compress": [
            "py.typed",
            "**/*.j2",
            "**/*.css",
            "**/*.c",
            "**/*.h",
            "**/*.ld",
            "device/project/*",
        ]
    },
    python_requires=">=3.8,<3.11",
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    entry_points={"console_scripts": ["nnabla-compress = nnabla_compress.cli:main"]},
    zip_safe=False,
)
