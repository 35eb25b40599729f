# Everything a person types here. `make help` lists it.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip --disable-pip-version-check --quiet
CHECK  := feedservice tests bench

LOCKS := requirements-build.lock requirements.lock requirements-dev.lock bench/requirements.lock

.DEFAULT_GOAL := help
.PHONY: help run test lint types lock bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/:/' | awk -F: '{printf "  make %-8s %s\n", $$1, $$2}'

run: $(VENV)/.run ## set up .venv and build the feeds of config.yaml and content/ into public/
	$(BIN)/feedservice build

test: $(VENV)/.dev lint types ## set up .venv, then lint, types and tests with the coverage gate
	$(BIN)/pytest -n 3 --cov=feedservice --cov-report=term

lint: $(VENV)/.dev ## ruff: rules and formatting
	$(BIN)/ruff check $(CHECK)
	$(BIN)/ruff format --check $(CHECK)

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

# The versions and hashes come from the lock files; feedgen is published as source only, so setuptools has to be there
# first and is pinned as well, instead of being fetched unpinned into an isolated build.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "feedservice needs Python 3.11 or newer; name one with: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python requirements-build.lock requirements.lock pyproject.toml
	$(PIP) install --require-hashes -r requirements-build.lock
	$(PIP) install --require-hashes --no-build-isolation --use-pep517 -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(PIP) install --require-hashes --no-build-isolation --use-pep517 -r requirements-dev.lock
	@touch $@

$(VENV)/.bench: $(VENV)/.run bench/requirements.lock
	$(PIP) install --require-hashes -r bench/requirements.lock
	@touch $@

# One resolution for every supported Python and platform; no index is named, so a mirror serves as well.
# Extras stay named: pip does not apply the pin of `coverage` to `coverage[toml]`, and a newer release would break the install.
COMPILE := compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url --no-annotate --no-strip-extras

lock: $(VENV)/.python ## resolve pyproject.toml again and write the lock files (UPGRADE=1 for newest versions)
	$(PIP) install uv
	$(BIN)/uv pip $(COMPILE) $(if $(UPGRADE),--upgrade) --group build --output-file requirements-build.lock
	$(BIN)/uv pip $(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip $(COMPILE) $(if $(UPGRADE),--upgrade) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(BIN)/uv pip $(COMPILE) $(if $(UPGRADE),--upgrade) --group bench --output-file bench/requirements.lock
	@! grep -nE '://|--(extra-)?index|--find-links' $(LOCKS) || { echo "a lock file names a server" >&2; exit 1; }

bench: $(VENV)/.bench ## compare the build with Hugo's; SIZES="1k 10k" RUNS=3
	$(BIN)/python bench/build.py $(if $(RUNS),--runs $(RUNS)) $(SIZES)

clean: ## remove everything that make made
	rm -rf $(VENV) public .feedservice bench/work build feedservice.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
