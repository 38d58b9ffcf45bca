# `make all` runs the main job on the sample data, `make test` the tests. Each sets up .venv first.
PYTHON ?= python3.11
VENV := .venv/bin/python
PIP := $(VENV) -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help install install-test all test coverage lock audit clean

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
	OMP_NUM_THREADS=1 $(VENV) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

coverage: install-test ## measure which lines of scripts/ the tests run, also in processes that they start
	OMP_NUM_THREADS=1 $(VENV) -m coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder
	$(VENV) -m coverage combine --quiet
	$(VENV) -m coverage report

.venv/installed: requirements.txt requirements-cpu.txt constraints.txt
	$(PYTHON) -m venv .venv
	sed -n '/^pip==/,/^ *#/p' constraints.txt | $(PIP) -r /dev/stdin
	$(PIP) --no-deps -r requirements-cpu.txt 2>/dev/null || echo "No torch for CPUs alone here: taking the one of PyPI"
	$(PIP) -r requirements.txt -c constraints.txt
	touch $@

# The tests want more: Ray, pytest, ruff, mypy. What makes cards for the Hub asks for a typer that is too old for spaCy,
# and works with that of spaCy.
.venv/installed-test: .venv/installed requirements-ray.txt requirements-service.txt requirements-test.txt requirements-hub.txt
	$(PIP) -r requirements-test.txt -c constraints.txt
	$(PIP) --no-deps -r requirements-hub.txt
	touch $@

lock: install-test ## pin all that requirements*.txt name, with hashes, in constraints.txt
	$(VENV) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" --output-file constraints.txt requirements-test.txt requirements-benchmark.txt

audit: install-test ## ask a service for known vulnerabilities of all that constraints.txt pins
	$(VENV) -m uv tool run pip-audit==2.10.1 --strict --disable-pip --require-hashes --requirement constraints.txt

clean: ## remove environments and all that runs made, but for corpus/, packages/ and experiments/
	rm -rf .venv .venv-spacy .venv-peers assets/encoder training metrics reports project.lock .run.json .run.lock
