# Everything a user or a developer runs. Each target makes .venv and installs what it needs the first time.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check docs accept-01 clean

demo: .venv/.demo
	$(BIN)/gaitway demo

test: .venv/.dev
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --warnings

docs: .venv/.docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build

# The measurements of issue 1: pieces of at most 20 minutes that go on where they were stopped.
accept-01: .venv/.demo
	$(BIN)/python benchmarks/accept_01.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[train,ros]'
	touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[train,ros,dev]'
	touch $@

.venv/.docs: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[train,ros,docs]'
	touch $@

clean:
	rm -rf .venv build dist docs/_build .pytest_cache .ruff_cache .hypothesis
