# `make help` lists the verbs. Needed beforehand: Python 3.11 or newer with pip, make and git.
# Every verb first makes sure that .venv holds what requirements.lock says; when nothing changed, that costs nothing.

PYTHON ?= python3
ARGS ?=

# Bytecode is kept, whatever the environment says: every process of the demo and of the tests would else compile all anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# What tells databases apart: `make test` runs it on PostgreSQL, too. `make test-slow` does so with everything else.
BOTH := $(addprefix tests/,kit $(addprefix hub/parties/test_,delivery.py listing.py pages.py) hub/test_schema.py \
	payments/test_races.py payments/documents/test_numbering.py journeys/test_roaming.py)
INSTALLED := .venv/.installed
PIP_OPTIONS := --quiet --disable-pip-version-check --no-input --no-warn-script-location --no-compile

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo serve test test-sqlite test-slow lint bench openapi migration lock

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

venv: $(INSTALLED) ## install everything into .venv; the other verbs do it by themselves

demo: $(INSTALLED) ## charge, roam and bill in one process with simulated chargers; ARGS="--once --json" for scripts
	@$(BIN)/plugbridge demo $(ARGS)

serve: $(INSTALLED) ## run the hub; ARGS="--roles api,ocpi" for a part of it
	@$(BIN)/plugbridge serve $(ARGS)

test: $(INSTALLED) ## lint beside the tests on SQLite, then those that tell databases apart on PostgreSQL
	@$(MAKE) --no-print-directory --jobs=2 lint test-sqlite
	$(BIN)/python -m pytest -q -n auto --db=postgresql -m "database and not slow" $(BOTH) $(ARGS)

test-sqlite: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto $(ARGS)

test-slow: $(INSTALLED) ## all others on PostgreSQL, properties with many examples; kills, fuzz, browser, foreign clients
	$(BIN)/python -m pytest -q -n auto --db=postgresql -m "database and not slow" $(BOTH:%=--ignore=%) $(ARGS)
	$(BIN)/python -m pytest -q -n 2 -m "hypothesis and not slow" --hypothesis-profile=thorough -o faulthandler_timeout=900 $(ARGS)
	$(BIN)/python -m pytest -q -n 2 -m slow -o faulthandler_timeout=1500 $(ARGS)

lint: $(INSTALLED) ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED) ## measure; one line for each benchmark, with its ratio to a bare server and the target
	@for file in bench/bench_*.py; do $(BIN)/python -m "bench.$$(basename $$file .py)" || exit; done

openapi: $(INSTALLED) ## write the OpenAPI documents that openapi/ keeps
	$(BIN)/plugbridge openapi

migration: $(INSTALLED) ## draft the migration from the newest schema to the tables of the code; NAME="add widgets"
	@$(BIN)/python -m hub.schema "$(NAME)"

lock: $(INSTALLED) ## resolve pyproject.toml into requirements.lock; ARGS=--upgrade takes newer releases
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev \
		--custom-compile-command "make lock" --output-file requirements.lock $(ARGS) pyproject.toml

# An interpreter without ensurepip (some distributions take it out) still has a pip that can install into .venv from
# outside. All output goes to stderr: what a verb prints is its own.
$(INSTALLED): requirements.lock pyproject.toml
	@exec >&2; set -eu; \
	new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(PYTHON) -c "$$new_enough" 2>/dev/null; then \
		echo "Plugbridge needs Python 3.11 or newer as $(PYTHON); to use another one: make PYTHON=python3.12"; exit 1; \
	fi; \
	echo "installing into .venv, once"; \
	$(BIN)/python -c "$$new_enough" 2>/dev/null || $(PYTHON) -m venv --clear --without-pip .venv; \
	if $(PYTHON) -m pip --python $(BIN)/python --version >/dev/null 2>&1; then \
		pip="$(PYTHON) -m pip --python $(BIN)/python"; \
	elif $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null 2>&1; then \
		pip="$(BIN)/python -m pip"; \
	else \
		echo "Plugbridge needs pip: install it for $(PYTHON)"; exit 1; \
	fi; \
	unset PIP_USER PIP_TARGET PIP_PREFIX PYTHONPATH; \
	$$pip install $(PIP_OPTIONS) --require-hashes --requirement requirements.lock; \
	$$pip install $(PIP_OPTIONS) --no-deps --no-index --no-build-isolation --editable .; \
	touch $@
