# `make` lists the targets. Only Python, make and the package registries are needed:
# pip reads the user's own index configuration, npm comes with a wheel, apt is asked for Chromium.
# Another Python: `make test PYTHON=python3.12`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
WORKERS ?= 2
CRASH_MOMENTS ?= 200
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format unit crash bench browser web web-check web-test chromium lock clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
