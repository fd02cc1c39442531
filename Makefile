# Everything a user or a developer runs. Each target makes .venv and installs what it needs the first time.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: play demo test check docs accept-01 accept-02 accept-03 accept-04 accept-05 clean

play: .venv/.play
	$(BIN)/gaitway play h23_walk

demo: .venv/.demo
	$(BIN)/gaitway demo

test: .venv/.interfaces
	$(BIN)/python -m pytest

check: .venv/.interfaces
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --warnings --threads 2

docs: .venv/.docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build

# The measurements of each issue: pieces of at most 20 minutes that go on where they were stopped.
accept-01: .venv/.demo
	$(BIN)/python benchmarks/accept_01.py

accept-02: .venv/.bench
	$(BIN)/python benchmarks/accept_02.py

accept-03: .venv/.bench
	$(BIN)/python benchmarks/accept_03.py

accept-04: .venv/.bench
	$(BIN)/python benchmarks/accept_04.py

accept-05: .venv/.bench
	$(BIN)/python benchmarks/accept_05.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.play: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[dashboard]'
	touch $@

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[train,ros,dashboard]'
	touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[train,ros,dashboard,dev]'
	touch $@

# gaitway_msgs and tf2_msgs. Without a compiler the rest of Gaitway works, and what needs it says so.
.venv/.interfaces: $(wildcard interfaces/*/* interfaces/*/*/*) constraints.txt | .venv/.dev
	$(PIP) --editable '.[interfaces]'
	$(BIN)/gaitway interfaces --if-possible
	@if $(BIN)/python -c 'import gaitway_msgs, tf2_msgs' 2>/dev/null; then touch $@; fi

.venv/.bench: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[train,ros,bench]'
	touch $@

.venv/.docs: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[train,ros,docs]'
	touch $@

clean:
	rm -rf .venv build dist docs/_build .pytest_cache .ruff_cache .hypothesis
