# Task Tracker: `make help` lists what there is.
#
# Everything happens in .venv, which is made on first use. Files named
# .stamp-* in it remember what is installed; they are older than
# pyproject.toml or requirements/*.txt when something has to be done again.

PYTHON ?= python3
ARGS ?=
BASE ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL_SELF := $(PIP) install --no-build-isolation --no-deps --editable . --editable src/tasktracker_client
PROJECTS := pyproject.toml src/tasktracker_client/pyproject.toml
STAMP_VENV := $(VENV)/.stamp-venv
STAMP_RUN := $(VENV)/.stamp-runtime
STAMP_DEV := $(VENV)/.stamp-dev
UV_COMPILE := $(BIN)/python -m uv --no-config pip compile --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --no-strip-extras
# Tests that measure time are run after the others, when nothing else is.
NO_TESTS := 5
PYTEST_WORKERS := -n auto --maxprocesses 4 --dist worksteal

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run migrate openapi sync-demo test bench bench-scale bench-sync bench-pool bench-grow check format lock clean

help: ## Show this list
	@echo "Usage: make <target> [ARGS=\"...\"]"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "PYTHON=python3.12 (say) picks the Python that .venv is made with."

run: $(STAMP_RUN) ## Install what is needed and start the server (ARGS: options of `tasktracker serve`)
	@exec $(BIN)/tasktracker serve $(ARGS)

migrate: $(STAMP_RUN) ## Bring the database schema up to date (ARGS: options of `tasktracker migrate`)
	@exec $(BIN)/tasktracker migrate $(ARGS)

openapi: $(STAMP_RUN) ## Print the OpenAPI document
	@exec $(BIN)/tasktracker openapi $(ARGS)

test: $(STAMP_DEV) ## Run all tests (ARGS: options of pytest, such as ARGS="-n 0 tests/unit")
	@$(BIN)/python -m pytest $(PYTEST_WORKERS) -m "not alone" $(ARGS) || test $$? -eq $(NO_TESTS)
	@$(BIN)/python -m pytest -n 0 -m alone $(ARGS) || test $$? -eq $(NO_TESTS)

sync-demo: $(STAMP_RUN) ## Show two devices that stay in sync
	@exec $(BIN)/tasktracker sync-demo $(ARGS)

bench: $(STAMP_DEV) ## Measure the server beside hand-written code, or, with BASE=<commit>, beside an earlier commit
	@exec $(BIN)/python -m $(if $(BASE),benchmarks.compare $(BASE),benchmarks.bench) $(ARGS)

bench-scale: $(STAMP_DEV) ## Measure how pages of tasks grow to a million tasks (ARGS="--sqlite --tasks 100000" for SQLite)
	@exec $(BIN)/python -m benchmarks.scale $(ARGS)

bench-sync: $(STAMP_DEV) ## Measure how soon devices are told, and what deltas cost
	@exec $(BIN)/python -m benchmarks.sync $(ARGS)

bench-pool: $(STAMP_DEV) ## Show that the servers work behind PgBouncer, and what that costs
	@exec $(BIN)/python -m benchmarks.pooler $(ARGS)

bench-grow: $(STAMP_DEV) ## Measure what growth is reckoned with: bytes, rows and streams of a task, and commits
	@exec $(BIN)/python -m benchmarks.growth $(ARGS)

check: $(STAMP_DEV) ## Check style, types and the import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP_DEV) ## Format the code and apply safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: $(STAMP_VENV) ## Write requirements/*.txt anew from pyproject.toml (ARGS=--upgrade for newer versions)
	@$(PIP) install uv
	$(UV_COMPILE) $(ARGS) pyproject.toml -o requirements/runtime.txt
	$(UV_COMPILE) $(ARGS) --group build -o requirements/build.txt
	$(UV_COMPILE) $(ARGS) pyproject.toml --group build --group dev -c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt

clean: ## Delete .venv, caches and build results
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* coverage.xml
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

# ------------------------------------------------------------------- set-up

$(STAMP_VENV):
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1 \
		&& ! $(BIN)/python -m ensurepip >/dev/null 2>&1; then \
		command -v "$(PYTHON)" >/dev/null 2>&1 || { \
			echo "Cannot find '$(PYTHON)'. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; }; \
		"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
			echo "Task Tracker needs Python 3.11 or newer, but '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1)." >&2; \
			echo "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
			echo "'$(PYTHON)' cannot make virtual environments: its venv module is missing." >&2; \
			echo "On Debian and Ubuntu, install it with: apt-get install python3-venv" >&2; exit 1; }; \
		echo "Making $(VENV)"; \
		"$(PYTHON)" -m venv --clear "$(VENV)"; \
	fi
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(VENV) was made with a Python older than 3.11: run 'make clean' first." >&2; exit 1; }
	@touch $@

$(STAMP_RUN): requirements/runtime.txt requirements/build.txt $(PROJECTS) | $(STAMP_VENV)
	@echo "Installing dependencies"
	@$(PIP) install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(INSTALL_SELF)
	@touch $@

$(STAMP_DEV): requirements/dev.txt requirements/runtime.txt requirements/build.txt $(PROJECTS) | $(STAMP_VENV)
	@echo "Installing dependencies and development tools"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(INSTALL_SELF)
	@touch $(STAMP_RUN) $@
