# make demo and make test do all set-up themselves; Python 3.11, 3.12 or 3.13 and git are enough to begin with.
FITS := 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
ifndef PYTHON
PYTHON := $(shell for one in python3.13 python3.12 python3.11 python3; do \
	if "$$one" -c $(FITS) 2>/dev/null; then echo "$$one"; break; fi; done)
endif
# Many processes are started: each would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
READY := .venv/ready
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps
# Slipcover says in a warning that it does not measure the tests themselves. To take away what has been seen often takes
# it a look at everything that is loaded: more than it saves when that is done after fifty times.
COVERED := -W ignore::RuntimeWarning:slipcover.importer -m slipcover --branch --threshold 2000 --json --out .venv/covered.json \
	--source models,tasks,flows,deployments --omit 'models/migrations/*'

.PHONY: help demo up test suite quick test-long promises check format bench audit lock clean
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

demo: $(READY)  ## set up, run the whole way of one firm on sample data, and show the result; KEEP=1 leaves it running
	@$(BIN)/provision demo $(if $(KEEP),--keep)

up: $(READY)  ## start the product on this machine, with sample modules to order; Ctrl-C ends it
	@$(BIN)/provision up --samples

test: $(READY) .venv/ready-tests  ## set up and run everything that must hold
	@$(MAKE) --no-print-directory --jobs=2 check suite

# One process more than there are cores, as some wait for servers and browsers.
suite:
	$(BIN)/python $(COVERED) -m pytest -n $$(($$(nproc) + 1)) --no-loadscope-reorder
	@$(BIN)/python -m tests.covered .venv/covered.json

# Without what draws, prints, seals, sends, migrates or opens strangers' files.
SLOW := $(addprefix --ignore tests/tasks/,logos $(addprefix test_,$(addsuffix .py,\
	mail_templates uploaded_copy rendering seal signatures confinement verification finalize export contract_texts year \
	publish_logo bounce_reports i18n delivery locks))) --ignore tests/models/test_migrate.py
quick: $(READY) .venv/ready-tests  ## rules and tasks on SQLite, while you write
	$(BIN)/pytest -n auto -q --sqlite $(SLOW) tests/models tests/tasks

test-long: $(READY) .venv/ready-tests  ## everything once more, with many examples of what is described rather than listed
	HYPOTHESIS_PROFILE=many $(BIN)/pytest -n auto --no-loadscope-reorder

promises: $(READY)  ## each sentence that describes such products, and the test that says the same here
	@$(BIN)/python -m tests.promises

check: $(READY)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)  ## put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) .venv/ready-tests  ## measure: figures, not tests
	$(BIN)/pytest tests/benchmarks -m benchmark -q -s

audit: $(READY)  ## ask whether a dependency has a known weakness (needs a network); fails if one was not looked at
	@test -x .venv/audit/bin/pip-audit || { $(PYTHON) -m venv .venv/audit && .venv/audit/bin/pip install --quiet pip-audit; }
	.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

lock:  ## choose newer versions of the dependencies (needs uv)
	uv pip compile pyproject.toml --extra test --upgrade --generate-hashes --universal --python-version 3.11 --no-annotate --no-strip-extras --no-emit-index-url -o requirements.lock

$(READY): requirements.lock pyproject.toml deployments/install
	@"$(PYTHON)" -c $(FITS) 2>/dev/null || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python3.13"; exit 1; }
	@PYTHON=$(PYTHON) sh deployments/install
	@! test -e .venv || $(BIN)/python -c $(FITS) || { echo "The Python in .venv is another one: make clean, and again"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@# The lock is whole, so pip need not resolve anything; older pips stumble over extras when they do.
	@echo "Installing the Python packages (a minute or two the first time)"
	@# Half of the time is pip's own reckoning, and newer ones reckon less: so first pip, then two halves at once. Python
	@# compiles what it loads, which is a small part of what is there.
	@awk 'BEGIN { part = half = 1 } /^[a-z0-9]/ { half = 3 - half; part = /^pip==/ ? "pip" : half } \
		{ print > ".venv/lock-" part }' requirements.lock
	@$(PIP) --require-hashes -r .venv/lock-pip
	@printf '%s\n' .venv/lock-1 .venv/lock-2 | xargs -n 1 -P 2 $(PIP) --no-compile --require-hashes -r
	@$(PIP) --no-build-isolation -e .
	@touch $@

.venv/ready-tests: $(READY)
	@sh deployments/install tests
	@touch $@

clean:  ## remove what was made here
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .hypothesis
