# Task Tracker: `make help` lists the targets.
#
# Everything is installed in .venv, which is created on first use. Files named
# .stamp-* in it record what is installed: a target installs again when
# pyproject.toml or a lock in requirements/ is newer than its stamp.

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
# The packages that a set of locks installs on this system.
COUNT = $$(cat $(1) | grep -v "sys_platform == 'win32'" | grep -c '==')
# Many tests wait for processes: two workers more than the cores of a small machine. A worker takes 8 s to start.
PYTEST_WORKERS := -n 4 --dist worksteal
# Each worker would read these folders, to run none of their tests.
PYTEST_UNREAD := --ignore=tests/browser --ignore=tests/faults --ignore=tests/generated

# Several processes read the tests and the program: compile them once.
unexport PYTHONDONTWRITEBYTECODE

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run migrate openapi demo sync-demo test test-thorough test-faults test-web check-web vendor-web web-icons web-pictures web-sheet bench bench-scale bench-sync bench-web check check-openapi format lock clean

help: ## List the targets
	@echo "Usage: make <target> [ARGS=\"...\"]"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "PYTHON chooses the Python that .venv is created with: make PYTHON=python3.12 run"

run: $(STAMP_RUN) ## Install the server and start it (ARGS: options of `tasktracker serve`)
	@echo "Starting the server; Ctrl-C stops it"
	@exec $(BIN)/tasktracker serve $(ARGS)

migrate: $(STAMP_RUN) ## Upgrade the database schema (ARGS: options of `tasktracker migrate`)
	@exec $(BIN)/tasktracker migrate $(ARGS)

openapi: $(STAMP_RUN) ## Print the OpenAPI document
	@exec $(BIN)/tasktracker openapi $(ARGS)

test: $(STAMP_DEV) ## Run the tests, without those of other targets (ARGS: options of pytest, for example ARGS="-n 0 tests/unit")
	@$(BIN)/python -m pytest $(PYTEST_WORKERS) -m "not alone and not faults and not browser and not generated" $(PYTEST_UNREAD) $(ARGS)

# Both variables are set for the prerequisite, too.
test-thorough: export HYPOTHESIS_PROFILE := thorough
test-thorough: export PYTEST_TIMEOUT := 1200
test-thorough: test ## Run the same tests, with more generated examples and storages

# One test at a time: each starts several processes, and measures.
test-faults: export FAULTS := full
test-faults: $(STAMP_DEV) ## Run the tests of faults and of time, one after another; needs Linux, root, nginx, faketime and systemd
	@$(BIN)/python -m pytest -n 0 -m "faults or alone" $(or $(ARGS),tests)

test-web: $(STAMP_DEV) ## Test the browser app, and the code for browsers in docs/sync.md; needs node and chromium
	@$(PIP) install --require-hashes -r requirements/browser.txt
	@$(BIN)/python -m tests.web.node_tools
	@BIN=$(BIN) node --test --test-timeout=300000 tests/web/*.test.js
	@$(BIN)/python -m pytest -n 0 $(or $(ARGS),tests/browser)

check-web: $(STAMP_DEV) ## Check the types of the browser app, and its vendored libraries; needs node
	@$(BIN)/python -m tests.web.check

vendor-web: $(STAMP_DEV) ## Copy the libraries of the browser app from their npm releases; needs node
	@$(BIN)/python -m tests.web.vendor

web-icons: $(STAMP_DEV) ## Draw the icons of the browser app; needs chromium
	@$(PIP) install --require-hashes -r requirements/browser.txt
	@$(BIN)/python -m tests.web.icons

web-sheet: $(STAMP_DEV) ## Take pictures of each view of the browser app, into build/web-sheet; needs chromium
	@$(PIP) install --require-hashes -r requirements/browser.txt
	@$(BIN)/python -m tests.web.sheet

web-pictures: $(STAMP_DEV) ## Take the pictures of the README from the running app; needs chromium
	@$(PIP) install --require-hashes -r requirements/browser.txt
	@$(BIN)/python -m tests.web.pictures

demo: $(STAMP_DEV) ## Serve a sample account with other people, a history and a conflict, to look at
	@$(BIN)/python -m tests.web.demo

sync-demo: $(STAMP_RUN) ## Show two devices that keep in sync
	@exec $(BIN)/tasktracker sync-demo $(ARGS)

bench: $(STAMP_DEV) ## Compare the server with a hand-written baseline or, with BASE=<commit>, with an earlier commit
	@exec $(BIN)/python -m $(if $(BASE),benchmarks.compare $(BASE),benchmarks.bench) $(ARGS)

bench-scale: $(STAMP_DEV) ## Measure pages of a list of up to a million tasks (ARGS="--sqlite --tasks 100000" for SQLite)
	@exec $(BIN)/python -m benchmarks.scale $(ARGS)

bench-sync: $(STAMP_DEV) ## Measure the delay of events and the cost of deltas
	@exec $(BIN)/python -m benchmarks.sync $(ARGS)

bench-web: $(STAMP_DEV) ## Measure the browser app with 10,000 tasks on a slow processor; needs chromium
	@$(PIP) install --require-hashes -r requirements/browser.txt
	@exec $(BIN)/python -m benchmarks.web $(ARGS)

check: $(STAMP_DEV) ## Check style, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check-openapi: $(STAMP_DEV) ## Check the OpenAPI document with linters, and with requests and clients generated from it; needs node
	@$(BIN)/python -m tests.generated.check $(ARGS)
	@$(BIN)/python -m pytest -n 0 -m generated tests/generated

format: $(STAMP_DEV) ## Format the code and apply safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: $(STAMP_VENV) ## Update the locks in requirements/ from pyproject.toml (ARGS=--upgrade for newer versions)
	@$(PIP) install uv
	$(UV_COMPILE) $(ARGS) pyproject.toml -o requirements/runtime.txt
	$(UV_COMPILE) $(ARGS) --group build -o requirements/build.txt
	$(UV_COMPILE) $(ARGS) --group openapi -o requirements/openapi.txt
	$(UV_COMPILE) $(ARGS) pyproject.toml --group build --group dev -c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt
	$(UV_COMPILE) $(ARGS) --group browser -c requirements/dev.txt -o requirements/browser.txt

clean: ## Delete .venv, caches and built packages
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* coverage.xml
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

# ------------------------------------------------------------------- set-up

$(STAMP_VENV):
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1 \
		&& ! $(BIN)/python -m ensurepip >/dev/null 2>&1; then \
		command -v "$(PYTHON)" >/dev/null 2>&1 || { \
			echo "Cannot find '$(PYTHON)'. Install Python 3.11 or newer, or give its path: make PYTHON=/path/to/python3 ..." >&2; exit 1; }; \
		"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
			echo "Task Tracker needs Python 3.11 or newer, but '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1)." >&2; \
			echo "Choose another one: make PYTHON=python3.12 ..." >&2; exit 1; }; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
			echo "'$(PYTHON)' cannot create virtual environments: its venv module is missing." >&2; \
			echo "On Debian and Ubuntu, install it with: apt-get install python3-venv" >&2; exit 1; }; \
		echo "Creating $(VENV) with $$("$(PYTHON)" -V)" >&2; \
		"$(PYTHON)" -m venv --clear "$(VENV)" || exit 1; \
	fi
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(VENV) was created with a Python older than 3.11: run 'make clean' first." >&2; exit 1; }
	@touch $@

$(STAMP_RUN): requirements/runtime.txt requirements/build.txt $(PROJECTS) | $(STAMP_VENV)
	@echo "Installing $(call COUNT,requirements/runtime.txt requirements/build.txt) packages in $(VENV); this takes one to two minutes the first time" >&2
	@$(PIP) install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@echo "Installing Task Tracker in $(VENV)" >&2
	@$(INSTALL_SELF)
	@touch $@

$(STAMP_DEV): requirements/dev.txt requirements/runtime.txt requirements/build.txt $(PROJECTS) | $(STAMP_VENV)
	@echo "Installing $(call COUNT,requirements/dev.txt) packages in $(VENV); this takes one to two minutes the first time" >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@echo "Installing Task Tracker in $(VENV)" >&2
	@$(INSTALL_SELF)
	@touch $(STAMP_RUN) $@
