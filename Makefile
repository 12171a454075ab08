# Everything below sets itself up: .venv, .ansible and .cache in this folder, a container engine
# and the test images where they are missing. A second call skips all of that.

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
export PYTHON
export ANSIBLE_HOME := $(CURDIR)/.ansible
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.ansible/collections
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PYTHONDONTWRITEBYTECODE := 1
export PATH := $(CURDIR)/.venv/bin:$(PATH)

python := .venv/bin/python
ready := .venv/.ready .ansible/.ready

.PHONY: help setup demo demo-down test matrix molecule bench lint format unit lock engine-down clean

help: ## Explain every target
	@echo "Targets (PYTHON=… takes another interpreter to make the virtualenv with):"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(ready) ## Make the virtualenv and fetch the collections; the other targets do it themselves

.venv/.ready: requirements-dev.txt tools/locks/uv.txt
	@$(PYTHON) -B -m tools.bootstrap

.ansible/.ready: requirements.yml tools/locks/collections.txt | .venv/.ready
	@$(python) -m tools.fetch_collections

demo: $(ready) ## Deploy examples/hello to a container and print its URL and its answer, again after a change (PORT=…)
	@$(python) -m tools.demo up

demo-down: $(ready) ## Remove the demo's container
	@$(python) -m tools.demo down

test: $(ready) ## Lint, unit tests and all Molecule scenarios (S=default: that scenario alone; KEEP=1: its hosts stay)
	@$(python) -m tools.check $(S)

matrix: $(ready) ## The scenarios' wide sets, for two hours: faults at every step and task, each test on every host (S=faults)
	@$(python) -m tools.matrix $(S)

molecule: $(ready) ## One Molecule command, to work on a scenario: S=default C=converge (verify, login, destroy …)
	@$(python) -m tools.scenarios $(or $(S),default) $(or $(C),test)

bench: $(ready) ## What deploys cost visitors and how long they take, to bench/out (PARTS=, CELLS=, ROUNDS=, APPS=: CONTRIBUTING.md)
	@$(python) -m tools.bench

lint: $(ready) ## ansible-lint, yamllint, ruff, mypy, changelog and documentation checks
	@echo "==> Lint"
	ruff check
	ruff format --check
	yamllint --strict .
	ansible-lint --offline --strict
	mypy
	antsibull-changelog lint
	antsibull-docs lint-collection-docs --plugin-docs .

format: $(ready) ## Let ruff format the Python code and mend what it can
	ruff check --fix
	ruff format

unit: $(ready) ## Unit tests, without any host
	@echo "==> Unit tests"
	@mkdir -p .cache/junit
	pytest -o cache_dir=.cache/pytest --junitxml=.cache/junit/unit.xml tests/unit

lock: $(ready) ## Renew the locked versions of the development tools
	$(python) -m tools.lock

engine-down: $(ready) ## Stop the container engine, if these tools started it
	@$(python) -m tools.engine down

clean: ## Remove this checkout's containers, test images, virtualenv, collections and caches
	@$(PYTHON) -B -m tools.clean
