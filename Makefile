# `make all` runs the main job on the sample data, `make test` the tests. Each sets up .venv first.
PYTHON ?= python3.11
VENV := .venv/bin/python

.PHONY: install all test clean

install: .venv/installed

all: install
	$(VENV) -m spacy project run all .

test: install
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	$(VENV) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.venv/installed: requirements.txt requirements-test.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(VENV) -m pip install --quiet --disable-pip-version-check -r requirements-test.txt -c constraints.txt
	touch $@

clean:
	rm -rf .venv training metrics reports project.lock
