# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
#
# Every target starts from nothing: "make setup" finds a Python, makes .venv and installs, once.
#   make setup PYTHON=/path/to/python3.10     use this Python
#   make test ARGS="-m long"                  the tests that take seconds each, which it leaves out
#   make test ARGS="-k lut -x"                hand arguments to pytest (likewise: demo, bench, fuzz)
#   make test ARGS="-m thorough"              property tests only, 100 times as many examples: a night

RUN = .venv/bin/python
JOBS ?= 2
MINUTES ?= 5
ARGS ?=

.PHONY: help setup demo test lint docs format bench fuzz clean distclean

help:
	@echo "make demo       train on real digits, compress with LUT-Q, export, show the table (minutes)"
	@echo "make test       run the tests, and the examples in the docstrings"
	@echo "make lint       ruff and mypy"
	@echo "make docs       make pages for a browser of docs/, in docs/_build/html; what Sphinx warns of is an error"
	@echo "make format     let ruff rewrite the files"
	@echo "make bench      run the benchmarks, which print their ratios"
	@echo "make fuzz       read damaged files for MINUTES=5, of every kind that there is a harness for"
	@echo "make setup      only make .venv and install (every target above does it when needed)"
	@echo "make clean      remove caches and build products;  make distclean: .venv and examples that failed, too"

setup:
	@sh tools/setup_venv.sh

demo: setup
	$(RUN) examples/digits_demo.py $(ARGS)

test: setup
	$(RUN) -m pytest -n $(JOBS) -m "not slow and not long" --doctest-modules --ignore=tests/benchmarks nnabla_compress tests $(ARGS)

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

docs: setup
	$(RUN) -m sphinx -W --keep-going -q -b html docs docs/_build/html $(ARGS)
	@echo "docs/_build/html/index.html"

format: setup
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: setup
	$(RUN) -m pytest tests/benchmarks -s --timeout=0 $(ARGS)

fuzz: setup
	$(RUN) -m tests.fuzz --minutes $(MINUTES) $(ARGS)

clean:
	rm -rf build dist docs/_build *.egg-info .benchmarks .pytest_cache .mypy_cache .ruff_cache
	find . -name .venv -prune -o -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# Examples that failed are kept as long as the environment is.
distclean: clean
	rm -rf .venv .hypothesis
