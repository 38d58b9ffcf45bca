# `make all` runs the main job on the sample data, `make test` the tests. Each sets up .venv first.
PYTHON ?= python3.11
VENV := .venv/bin/python

.PHONY: help install install-test all test clean

help: ## list these targets (default)
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

install: .venv/installed ## make .venv with what the project needs

install-test: .venv/installed-test ## make .venv with what the tests need, too

all: install ## run the main job on the sample: teacher, student and wheel
	$(VENV) -m spacy project run all .

test: install-test ## run linters, types and tests
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	$(VENV) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.venv/installed: requirements.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(VENV) -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	touch $@

# The tests want more: Ray, pytest, ruff, mypy.
.venv/installed-test: .venv/installed requirements-ray.txt requirements-service.txt requirements-test.txt
	$(VENV) -m pip install --quiet --disable-pip-version-check -r requirements-test.txt -c constraints.txt
	touch $@

clean: ## remove .venv and all that runs made, but for corpus/ and packages/
	rm -rf .venv assets/encoder training metrics reports project.lock .run.json .run.lock
