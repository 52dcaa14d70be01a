# make run      install into .venv, then train the synthetic hospitals with FedProx
# make test     all tests but the slow ones
# make help     the other targets

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Threads that wait by spinning make a shared machine crawl: spin briefly, then sleep.
export GOMP_SPINCOUNT ?= 10000

.PHONY: run test test-slow mutants bench lines clean help

run: $(STAMP)  ## the main job: FedProx on the synthetic hospitals
	$(BIN)/python run.py

test: $(STAMP)  ## laws, mutants, chapters and the command line
	$(BIN)/python -m pytest -q

test-slow: $(STAMP)  ## the proofs that take longer
	$(BIN)/python -m pytest -q -m slow

mutants: $(STAMP)  ## which law kills which bug
	$(BIN)/python -m tests.mutants.matrix

bench: $(STAMP)  ## our round against a bare loop, our reading of downloads against bare reading
	$(BIN)/python -m tests.benchmarks.bench
	$(BIN)/python -m tests.benchmarks.private
	$(BIN)/python -m tests.benchmarks.secure
	$(BIN)/python -m tests.benchmarks.compression
	$(BIN)/python -m tests.benchmarks.prepare

lines: $(STAMP)  ## lines of code of every room, against its cap
	$(BIN)/python -m tests.lines

clean:  ## forget the environment and what Python left behind; runs/ and data/ stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

$(STAMP): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(STAMP)
