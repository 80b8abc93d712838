# make demo   the whole workflow on the embedded (synthetic) data set, ending with the report
# make test   lint and all tests
# make venv   the environment alone

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || echo 2)
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Libraries that look for news on the network have no business to.
export DVC_NO_ANALYTICS := 1

.PHONY: demo test lint venv clean

demo: venv
	snakemake --cores $(CORES) --logger rich
	snakemake --report results/demo/report.html --quiet all
	ferflow results results/demo

test: venv lint
	pytest

lint: venv
	ruff check .
	ruff format --check .

venv: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

clean:
	rm -rf results logs benchmarks data/interim data/features .snakemake
