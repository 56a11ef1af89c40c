# Two commands: `make compare` trains and prints the default table, `make test` runs the tests. Both install first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help compare check format test test-all mutation torture bench bench-generator reproduce reproduce-all quantum-train calibrate reliability fair clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qtlrun needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

compare: .venv/installed  ## install, then the default experiment: variants A, B, C and controls in one table
	$(BIN)/qtlrun

# A file's tests share what they train, so a file stays in one process.
PARALLEL := -n auto --dist loadfile
test: .venv/installed  ## install, then the tests (offline, minutes)
	$(BIN)/python -m pytest $(PARALLEL)

test-all: .venv/installed  ## the tests that take long, too
	$(BIN)/python -m pytest $(PARALLEL) -m 'not gpu'

mutation: .venv/installed  ## try the tests on 200 mutants of the package; outputs/results/mutation.md (30 min)
	$(BIN)/python tests/mutation

torture: .venv/installed  ## 10,000 random circuits of kinked and smooth angles on every engine and device (2 h)
	OMP_NUM_THREADS=1 $(BIN)/python tests/torture/circuits.py

check: .venv/installed  ## format, lint, types, the rules of the tree and of the style (a minute)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layering.py tests/test_style.py

format: .venv/installed  ## put the code into its format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

bench: .venv/installed  ## speed beside peers, which are installed first; tables in outputs/bench (10 min)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,bench]'
	for part in circuit training feature memory command; do OMP_NUM_THREADS= $(BIN)/python -W ignore tests/benchmarks/$$part.py || exit 1; done

bench-generator: .venv/installed  ## a circuit of 13 and 19 qubits without inputs beside peers (long)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,bench]'
	$(BIN)/python -W ignore tests/benchmarks/generator.py

FEATURES := backbone=mobilenet_v2 'backbone.mean=[.5,.5,.5]' 'backbone.std=[.5,.5,.5]' backbone.weights=$(WEIGHTS)
LAYER3 := backbone=resnet18 backbone.layer=layer3 backbone.weights=$(RESNET18)
PAIRS := dataset=folder dataset.root=$(QTLRUN_DATA)/cifar10_pairs
reproduce reproduce-all quantum-train fair: export QTLRUN_DATA := $(QTLRUN_DATA)

reproduce: .venv/installed  ## published figures beside ours, spirals and states of light with controls (3 min)
	$(BIN)/qtlrun study=reproduce
	$(BIN)/qtlrun experiment=spirals
	$(BIN)/qtlrun experiment=qc_states
	$(BIN)/qtlrun experiment=qc_states backbone.layers=25
	$(BIN)/qtlrun experiment=qq_states

reproduce-all: .venv/installed  ## on pictures: make reproduce-all QTLRUN_DATA=FOLDER WEIGHTS=FILE RESNET18=FILE (30 min)
	QTLRUN_FEATURES="$(FEATURES)" QTLRUN_PAIRS="$(PAIRS)" $(BIN)/qtlrun study=reproduce_all
	$(BIN)/qtlrun experiment=nonlinearity
	$(BIN)/qtlrun experiment=ants_bees $(FEATURES) 'compare=[C,twin,frozen_circuit]'
	$(BIN)/qtlrun experiment=ants_bees $(FEATURES) recipe.epochs=3 'seeds=[0]' 'compare=[B,D]'
	$(BIN)/qtlrun experiment=ants_bees $(LAYER3) 'compare=[C,twin,frozen_circuit]'
	for pair in cat_dog plane_car; do $(BIN)/qtlrun experiment=cifar_$$pair $(FEATURES) $(PAIRS) && \
		$(BIN)/qtlrun experiment=cifar_$$pair $(LAYER3) $(PAIRS) || exit 1; done

RIVALS := mapping_only,frozen_angles,hashing,low_rank
quantum-train: .venv/installed  ## weights that a circuit generates: make quantum-train QTLRUN_DATA=FOLDER WEIGHTS=FILE (40 min)
	$(BIN)/qtlrun experiment=qt_iris
	$(BIN)/qtlrun experiment=qt_mnist
	$(BIN)/qtlrun experiment=qt_mnist study=export
	$(BIN)/qtlrun experiment=qt_mnist_paper
	$(BIN)/qtlrun experiment=qt_ants_bees $(FEATURES) 'compare=[A,C,$(RIVALS)]'
	$(BIN)/qtlrun experiment=qt_ants_bees_adapter $(FEATURES) 'compare=[A,C,direct,$(RIVALS)]'
	$(BIN)/qtlrun experiment=qt_ants_bees $(FEATURES) recipe.epochs=3 'seeds=[0]' 'compare=[B]'

calibrate: .venv/installed  ## is the instrument honest? equal models, planted effects, coverage (10 min)
	$(BIN)/qtlrun study=calibrate

reliability: .venv/installed  ## how often the intervals of accuracies hold the truth; outputs/results/reliability.md (4 min)
	OMP_NUM_THREADS=1 $(BIN)/python tests/accuracy_coverage.py 1000

PAIR := recipe=mari2019 $(PAIRS) 'dataset.classes=[cat,dog]' dataset.validation=0.04
ROWS := 'compare=[C,twin,frozen_circuit]' tune=16
fair: .venv/installed  ## equal tuning and the multiverse: make fair QTLRUN_DATA=FOLDER WEIGHTS=FILE (40 min)
	$(BIN)/qtlrun experiment=ants_bees $(FEATURES) $(ROWS) seeds=10
	$(BIN)/qtlrun experiment=ants_bees $(FEATURES) study=multiverse
	$(BIN)/qtlrun $(PAIR) $(FEATURES) $(ROWS) dataset.train_size=400 seeds=10
	$(BIN)/qtlrun $(PAIR) $(FEATURES) $(ROWS) recipe.batch_size=32 recipe.epochs=10
	$(BIN)/qtlrun $(PAIR) $(FEATURES) study=multiverse dataset.train_size=400
	$(BIN)/qtlrun -m experiment=ants_bees $(FEATURES) $(ROWS) seeds=10 'dataset.split_seed=range(14)'

clean:  ## remove the environment and build folders; outputs and the store stay
	rm -rf .venv build dist *.egg-info
