# Two commands: `make demo` (the main job) and `make test`. Both set up everything they need.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: demo test lint types layers pytest docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   measure the bundled encoders in the built-in world -> runs/quickstart/report.html"
	@echo "make test   lint, types, import rules and tests"
	@echo "make clean  remove .venv and runs"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[encode,cloak,dev]'
	@touch $@

demo: $(STAMP)
	$(PY) -m faceprobe run quickstart --out runs/quickstart

test: lint types layers pytest

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(STAMP)
	$(PY) -m mypy

layers: $(STAMP)
	$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'

pytest: $(STAMP)
	$(PY) -m pytest -n auto --dist loadfile

clean:
	rm -rf $(VENV) runs
