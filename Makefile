# `make all` runs the main job on the sample data, `make test` the tests. Each sets up .venv first.
PYTHON ?= python3.11
VENV := .venv/bin/python

.PHONY: install install-test all test clean

install: .venv/installed

install-test: .venv/installed-test

all: install
	$(VENV) -m spacy project run all .

test: install-test
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	$(VENV) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.venv/installed: requirements.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(VENV) -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	touch $@

# The tests want more: Ray, pytest, ruff, mypy.
.venv/installed-test: .venv/installed requirements-ray.txt requirements-test.txt
	$(VENV) -m pip install --quiet --disable-pip-version-check -r requirements-test.txt -c constraints.txt
	touch $@

clean:
	rm -rf .venv training metrics reports project.lock
