# `make` lists the targets. Only Python, make and the package registries are needed: pip reads the
# user's own index configuration, Node comes as a wheel, apt is asked for Chromium when it is missing.
# Another Python: `make test PYTHON=python3.12 VENV=.venv-3.12`.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
RUN := $(VENV)/bin/python
PYTEST := $(RUN) -m pytest
# A file stays with one worker: what its tests share (a server, the demo's data) is made once.
PARALLEL := -n $(WORKERS) --dist loadfile
INSTALLED := $(VENV)/.installed
MODULES := web/node_modules/.installed
WEB := src/holdfast/server/_web/index.html
WEB_SOURCES := $(shell find web -name node_modules -prune -o -name dist -prune -o -type f -print)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check lint format unit crash faults fuzz bench conformance browser web web-test chromium lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

demo: $(INSTALLED) $(WEB)  ## train three models offline, kill one, sync, verify, show the dashboard
	$(RUN) demo/demo.py

test: check web-test $(WEB) chromium  ## all that a change must pass (under 20 minutes on two cores)
	$(PYTEST) $(PARALLEL) --ignore=tests/house

check: lint  ## linters, types and house rules, in under a minute
	$(PYTEST) -q tests/house

lint: $(INSTALLED)
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check --quiet
	$(RUN) -m mypy
	@test ! -e $(MODULES) || $(RUN) hatch_build.py run --silent lint

format: $(INSTALLED)  ## let ruff lay out the code and mend what it can
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

unit: $(INSTALLED)  ## the Python tests without conformance, crash, browser and house tests
	$(PYTEST) $(PARALLEL) --ignore=tests/house --ignore=tests/conformance --ignore=tests/crash \
	  --ignore=tests/browser

crash: $(INSTALLED)  ## the long crash tables: 200 kills of each process, 10,000 simulated and 200 real schedules of faults
	$(PYTEST) -n $(WORKERS) tests/crash --crash-moments 200 --crash-schedules 10000

faults: $(INSTALLED)  ## the real `wandb sync` in the same faults: docs/guide/faults-beside-wandb.md
	PYTHONPATH=tests:. $(RUN) -m crash.beside_wandb --out docs/guide/faults-beside-wandb.md

fuzz: $(INSTALLED)  ## what wandb clients may send, and what they may not: 3,000 examples of each kind
	$(PYTEST) -n $(WORKERS) tests/server/gateway/test_fuzz.py --hypothesis-profile=long

browser: $(INSTALLED) $(WEB) chromium  ## the dashboard in a real browser
	$(PYTEST) tests/browser

bench: $(INSTALLED)  ## figures side by side with wandb and trackio
	$(RUN) -m bench

conformance: $(INSTALLED)  ## real wandb clients against a live server: docs/wandb-clients.md
	$(RUN) -m conformance --jobs $(WORKERS) --out docs/wandb-clients.md

web: $(WEB)  ## build the dashboard for this checkout

web-test: $(MODULES)
	$(RUN) hatch_build.py run lint
	$(RUN) hatch_build.py run test

chromium:
	@sh tools/chromium.sh

lock: $(INSTALLED)  ## choose the versions of all dependencies anew
	$(RUN) -m uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes \
	  --all-extras --group dev --no-header pyproject.toml --output-file requirements.lock
	@! grep -n '://' requirements.lock

clean:  ## remove all that was built or installed here
	rm -rf $(VENV) web/node_modules web/dist $(dir $(WEB)) dist build demo-data
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Holdfast needs Python 3.10 or newer: make ... PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --require-hashes -r requirements.lock
	$(RUN) -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(MODULES): web/package.json web/package-lock.json | $(INSTALLED)
	$(RUN) hatch_build.py ci --no-audit --no-fund
	@touch $@

$(WEB): $(WEB_SOURCES) $(MODULES) | $(INSTALLED)
	$(RUN) hatch_build.py
