# Accord on one machine. `make run` is all that a fresh clone needs: Python 3.11 or newer and a network for the packages.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/installed
# Tests that run at the same time; `make test TESTS_AT_ONCE=8` on a larger machine.
TESTS_AT_ONCE ?= 2

.DEFAULT_GOAL := help
.PHONY: help install run stop reset loop manage test check

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED) ## make .venv and install every package at its pinned version

$(INSTALLED): pyproject.toml constraints.txt supervisor/install.sh
	@bash supervisor/install.sh $(VENV)
	@touch $@

run: $(INSTALLED) ## start everything; Ctrl-C ends it
	@$(PYTHON) -m supervisor run

stop: $(INSTALLED) ## end the running application, or what a killed one left
	@$(PYTHON) -m supervisor stop

reset: $(INSTALLED) ## delete all data, after asking
	@$(PYTHON) -m supervisor reset

loop: $(INSTALLED) ## the whole loop without a person, in var/loop
	@$(PYTHON) -m supervisor loop

manage: $(INSTALLED) ## a command of manage.py on the running application: make manage DO="createsuperuser"
	@$(PYTHON) -m supervisor manage $(DO)

test: check ## check, then the tests
	$(PYTHON) -m pytest -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder

check: $(INSTALLED) ## lint, format, types, import contracts, house rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PYTHON) -m mypy .
	$(VENV)/bin/lint-imports
	$(PYTHON) -m pytest -q -n0 tests/house
