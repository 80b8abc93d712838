# make demo   the whole workflow on the embedded (synthetic) data set, ending with the report
# make test   lint and all tests
# make venv   the environment alone

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export SNAKEMAKE_PROFILE := $(CURDIR)/workflow/profiles/default
# Libraries that look for news on the network have no business to.
export DVC_NO_ANALYTICS := 1

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint venv clean

demo: venv
	snakemake
	snakemake --report results/demo/report.html --quiet all
	ferflow results results/demo

# Two at a time, each file's tests together: what they share is made once.
test: venv lint
	pytest --numprocesses 2 --dist loadfile

lint: venv
	ruff check .
	ruff format --check .

venv: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@echo "installing the packages of requirements.lock into $(VENV) (some minutes)"
	$(PIP) -r requirements.lock
	$(PIP) --no-deps --editable .
	touch $@

clean:
	rm -rf results runs logs benchmarks data/interim data/features .snakemake
