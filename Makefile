# Each target is a few commands that can be typed by hand.
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
NEWEST_PYTHON ?= $(shell command -v python3.13 || command -v python3.12)
BIN = $(VENV)/bin
PYTEST_ARGS ?=

.PHONY: setup setup-dev demo test test-newest lint lock bench

setup: $(VENV)/.requirements  ## a virtual environment with what a user needs
setup-dev: $(VENV)/.requirements-dev  ## and with what the tests need besides

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "error: Python 3.11 to 3.13 is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.requirements: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

$(VENV)/.requirements-dev: requirements-dev.txt requirements-export.txt requirements-export-no-deps.txt requirements-hub.txt $(VENV)/.requirements
	$(BIN)/python -m pip install -r requirements.txt -r requirements-dev.txt
	$(BIN)/python -m pip install --no-deps -r requirements-export-no-deps.txt
	touch $@

demo: setup  ## the shipped model draws; the data set; ten minutes of training on two cores; again: ten more
	$(BIN)/python -m emoji_gan.sample --text="femme souriante" --style=openmoji --seeds=0-15 --size=128 --out=generated/demo
	$(BIN)/python -m input_pipeline.openmoji --resolution=32
	$(BIN)/python main.py --config=configs/flow.py:demo --workdir=runs/demo --stop_after_minutes=10
	@echo "before  source $(BIN)/activate"

test: setup-dev
	$(BIN)/python -m pytest -n auto --dist loadgroup $(PYTEST_ARGS)

test-newest:  ## the fast tests on the newest releases that the ranges allow
	$(MAKE) setup-dev VENV=.venv-newest PYTHON=$(NEWEST_PYTHON)
	.venv-newest/bin/python -m pip install --upgrade -r requirements.txt -r requirements-dev.txt
	.venv-newest/bin/python -m pytest -n auto --dist loadgroup -m "not slow" $(PYTEST_ARGS)

lock:  ## requirements.lock: the newest versions that the ranges allow here, with hashes
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet pip-tools
	.venv-lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-annotate \
	  --output-file=requirements.lock requirements.txt
	{ echo '# Resolved on Linux x86-64 by `make lock`, Python 3.11 by default. Ranges: requirements.txt.'; \
	  cat requirements.lock; } > requirements.lock.new && mv requirements.lock.new requirements.lock

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: setup  ## the performance figures that need no arguments; the top of each file has its options
	$(BIN)/python -m benchmarks.input_pipeline
	$(BIN)/python -m benchmarks.ops
	$(BIN)/python -m benchmarks.step_time
