# `make all` runs the main job on the sample data, `make test` the tests. Each sets up .venv first.
PYTHON ?= python3.11
VENV := .venv/bin/python

.PHONY: all test clean

all: .venv/installed
	$(VENV) -m spacy project run all .

test: .venv/installed
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	$(VENV) -m pytest

.venv/installed: requirements.txt requirements-test.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(VENV) -m pip install --quiet --disable-pip-version-check -r requirements-test.txt -c constraints.txt
	touch $@

clean:
	rm -rf .venv training metrics reports project.lock
