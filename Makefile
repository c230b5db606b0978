# Every target works from a fresh clone: what is missing is made first, and nothing outside this folder is touched.
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := schemas chassis services/dossier services/eligibility services/priority services/notifications
PROJECTS := $(PACKAGES:=/pyproject.toml)
# durable_rules calls a function that Python 3.13 renamed
FLAGS := $(shell $(PYTHON) -c 'import sys; print("-DPyEval_CallObject=PyObject_CallObject" * (sys.version_info >= (3, 13)))')

.PHONY: setup demo demo-compose doctor smoke test test-long test-compose test-pages bench check fix lock ci
.DEFAULT_GOAL := setup

setup: .venv/ready

.venv/ready: requirements.lock $(PROJECTS)
	@echo "setting up .venv (a minute the first time)"
	@$(PYTHON) -m venv .venv
	@CPPFLAGS="$(FLAGS)" $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation $(PACKAGES:%=-e %)
	@touch $@

demo: setup
	@$(BIN)/python -m deploy.embedded up $(ARGS)

# The same in containers, as production runs it. An engine and images that are not here are unpacked and built (minutes, once).
demo-compose: setup
	@$(BIN)/python -m deploy.compose

doctor: setup
	@$(BIN)/python -m deploy.doctor

smoke: setup
	@$(BIN)/python -m deploy.embedded smoke $(ARGS)

# First what strikes a stack of its own, alone; the rest in as many processes as there are cores, up to four.
STACKS := tests/faults
test: setup
	@$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(BIN)/python -m pytest $(STACKS))
	@$(if $(ARGS),true,$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(STACKS:%=--ignore=%))

test-long: setup
	@$(BIN)/python -m pytest --long $(ARGS)
	@$(if $(ARGS),true,$(BIN)/python -m pytest --long tests/compose)

test-compose: setup
	@$(BIN)/python -m pytest tests/compose $(ARGS)

# In a headless Chromium, which is installed where it is missing.
test-pages: setup
	@$(BIN)/python -m pytest tests/pages $(ARGS)

bench: setup
	@$(BIN)/python -m tests.benchmarks

check: setup
	@$(BIN)/ruff check $(ARGS)
	@$(BIN)/ruff format --check -q
	@$(BIN)/mypy $(PACKAGES) deploy tests conftest.py
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/project

fix: setup
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@$(BIN)/python -m tests.project.links
	@$(BIN)/python -m services.eligibility.tests.schema

# The versions that everything runs with; hashes, no addresses.
lock: setup
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-emit-package cir-schemas --no-emit-package cir-chassis --custom-compile-command "make lock" \
	  requirements.in $(PROJECTS) -o requirements.lock

ci:
	@sh .ci/fresh
