# make demo        the whole workflow on the embedded (synthetic) data set, ending with the report
# make demo-full   the same with nested cross-validation and the named comparisons, twice as long
# make bench       the figures of speed, into results/bench
# make test        lint and the tests: one tiny study as users run it, the others in forks of one process
# make test-cluster  the smallest study on a real Slurm, started on this machine for the tests alone
# make test-all    what a release needs, in an hour on two cores: all tests, all of the cluster's, hostile, studies and
#                 faults; its table goes to docs/test-all.md; PARTS="faults cluster" runs some parts alone
# make hostile     thousands of bad files through everything that reads one, and a table of what became of them
# make studies    200 studies with random settings: does what `ferflow check` calls correct plan, is all else refused?
#                 Then studies of somebody's own clips, rendered, to their reports
# make faults      the tiny study killed, starved and damaged in many ways, and what became of it (half an hour)
# make venv        the environment alone

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export SNAKEMAKE_PROFILE := $(CURDIR)/workflow/profiles/default
# Libraries that look for news on the network have no business to.
export DVC_NO_ANALYTICS := 1

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo demo-full bench test test-cluster test-all hostile studies faults lint venv clean

demo: venv
	snakemake
	-ferflow overhead --study demo --out results/demo/overhead.json
	snakemake --report results/demo/report.html --quiet all
	ferflow results results/demo

FULL := --configfile workflow/studies/demo-full.yaml

demo-full: venv
	snakemake $(FULL)
	-ferflow overhead --study demo-full --out results/demo-full/overhead.json
	snakemake $(FULL) --report results/demo-full/report.html --quiet all
	ferflow results results/demo-full

# For figures to quote, on a machine that does nothing else; BENCH="--clips 60" and the like make it smaller.
bench: venv
	python -m ferflow.bench $(BENCH)

# Two at a time, each file's tests together: what they share is made once. The long ones begin.
TESTS := tests/workflow tests/faults tests/unit

test: venv lint
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(TESTS)

test-all: venv lint
	python tests/everything.py $(if $(PARTS),--only $(PARTS))

# Debian's packages are unpacked into .debian and never installed: Slurm's commands are on the PATH of these tests
# alone, and all daemons end with them. Where no Slurm can be had, the tests are skipped and say why.
test-cluster: venv
	pytest -m 'cluster and not full' tests/cluster

hostile: venv
	python tests/faults/hostile.py $(HOSTILE)

studies: venv
	python tests/workflow/random_studies.py $(STUDIES)
	ferflow weights fetch
	python tests/workflow/own_studies.py $(OWN)

faults: venv
	ferflow weights fetch
	python tests/faults/faults.py $(FAULTS)
	python tests/faults/killed_trainings.py

lint: venv
	ruff check .
	ruff format --check .
	lint-imports --no-cache

venv: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@echo "installing the packages of requirements.lock into $(VENV) (some minutes)"
	$(PIP) -r requirements.lock
	$(PIP) --no-deps --editable .
	touch $@

clean:
	rm -rf results runs logs benchmarks data/interim data/features .snakemake
