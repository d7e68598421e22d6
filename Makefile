# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs, in .venv.
# Where there is no GPU, PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu saves 5 GB of CUDA (on Linux): there pip
# finds the version of constraints.txt as X+cpu, which it takes rather than X.
PYTHON ?= python3
VENV   ?= .venv
PIP     = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint scripts/constraints.txt

.PHONY: help setup demo demo-train real experiments quick test test-all check man upgrade
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## the commands alone, in .venv
demo: $(VENV)/.report-installed ## choose from text every machine has, through the real commands
	PATH="$(abspath $(VENV))/bin:$$PATH" sh scripts/demo/demo.sh
POOL ?=
demo-train: $(VENV)/.train-installed ## a small model from scratch, warmed up on the choice and on random documents
	PATH="$(abspath $(VENV))/bin:$$PATH" sh scripts/demo/train.sh build/demo-train$(if $(POOL),-$(TASK) $(POOL) $(TASK))
DATA  ?= ../shared/data
TASK  ?= chemprot
K     ?= 5000
MODEL ?= hash
JOBS  ?= 2
WORK  ?= build/real-$(notdir $(MODEL))
real: $(VENV)/.report-installed ## choose K from DATA/pool for DATA/tasks/TASK with MODEL, in WORK, JOBS shards at once
	+PATH="$(abspath $(VENV))/bin:$$PATH" $(MAKE) --no-print-directory -f scripts/pipeline.mk report \
	    $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS)) POOL=$(DATA)/pool TARGET=$(DATA)/tasks/$(TASK)/train.jsonl.zst \
	    NAME=$(TASK) K=$(K) MODEL=$(MODEL) WORK=$(WORK)
SCALE ?= tiny
STUDY ?= domain
ARGS  ?=
experiments: $(VENV)/.test-installed ## a STUDY of scripts/experiments on DATA, at a SCALE, in build/experiments, with ARGS
	$(VENV)/bin/python scripts/experiments/$(STUDY).py $(DATA) build/experiments --scale $(SCALE) $(ARGS)
WORKERS ?= $$(($$(nproc) + 1)) # one more than CPUs: some tests wait for a scheduler, a signal or a server
PYTEST = $(VENV)/bin/python -m pytest -q -n $(WORKERS) --dist loadgroup
QUICK ?= tests/ot tests/streams tests/methods tests/probing tests/test_chunking.py tests/choice/test_ranking.py tests/test_imports.py
quick: WORKERS = $$(nproc)
quick: $(VENV)/.test-installed ## the tests in QUICK: the mathematics, the formats, the rules; no neural network, no study
	$(PYTEST) -m "not slow and not heavy and not long" $(QUICK)
MARKS ?= not slow and not heavy
test: $(VENV)/.test-installed ## the tests, without the slow and the heavy ones (MARKS="not slow": with the heavy ones)
	$(PYTEST) -m "$(MARKS)"
test-all: $(VENV)/.test-installed ## every test
	$(PYTEST)
check: $(VENV)/.test-installed ## lint and types
	$(PIP) ruff mypy  # constraints.txt has their versions
	$(VENV)/bin/ruff check tools tests scripts
	$(VENV)/bin/mypy
man: $(VENV)/.installed ## the man pages, from what --help says
	$(VENV)/bin/python tools/man/make.py
upgrade: $(VENV)/.test-installed ## the newest version of everything but torch, into scripts/constraints.txt
	$(VENV)/bin/python -m pip install --upgrade --upgrade-strategy eager --editable '.[dev]' \
	    "$$(grep '^torch==' scripts/constraints.txt)"
	{ grep '^#' scripts/constraints.txt; $(VENV)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > $@.txt
	mv $@.txt scripts/constraints.txt

$(VENV)/.installed: pyproject.toml scripts/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@
$(VENV)/.report-installed: $(VENV)/.installed
	$(PIP) --editable '.[report]'
	touch $@
$(VENV)/.train-installed: $(VENV)/.installed
	$(PIP) --editable '.[train]'
	touch $@
$(VENV)/.test-installed: $(VENV)/.installed
	$(PIP) --editable '.[test]'
	touch $@
