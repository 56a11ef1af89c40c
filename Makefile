# Two commands: `make compare` trains and prints the default table, `make test` runs the tests. Both install first.
PYTHON ?= python3
BIN := .venv/bin

RESULTS := default spirals states reproduce nonlinearity calibrate reproduce-all pictures quantum-train fair splits reliability \
	pools torture bench bench-generator mutation circuits circuits-textures photos interpret gradients diagnose \
	credit surrogate robustness robustness-trained shots low-data
.PHONY: help compare check format test test-all options peers clean $(RESULTS)

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qtlrun needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,photos]'
	@touch $@

compare: .venv/installed  ## install, then the default experiment: variants A, B, C and controls in one table
	$(BIN)/qtlrun

# A file's tests share what they train, so a file stays in one process; the longest begin (tests/conftest.py).
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder
test: .venv/installed  ## install, then the tests (offline, twenty minutes)
	$(BIN)/python -m pytest $(PARALLEL)

test-all: .venv/installed  ## the tests that take long, too
	$(BIN)/python -m pytest $(PARALLEL) -m 'not gpu'

check: .venv/installed  ## format, lint, types, the rules of the tree and of the style (a minute)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layering.py tests/test_style.py

format: .venv/installed  ## put the code into its format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

# Each target below writes outputs/results/TARGET.md, but for the reading at its end.
RESULT = $(BIN)/python tests/documents/result.py $@
FEATURES := backbone=mobilenet_v2 'backbone.mean=[.5,.5,.5]' 'backbone.std=[.5,.5,.5]' backbone.weights=$(WEIGHTS)
LAYER3 := backbone=resnet18 backbone.layer=layer3 backbone.weights=$(RESNET18)
PAIRS := dataset=folder dataset.root=$(QTLRUN_DATA)/cifar10_pairs
CONTROLS := 'compare=[C,twin,frozen_circuit]'
$(RESULTS): export QTLRUN_DATA := $(QTLRUN_DATA)
$(RESULTS): export WEIGHTS := $(WEIGHTS)
$(RESULTS): export RESNET18 := $(RESNET18)

default: .venv/installed  ## the default experiment (a minute)
	$(RESULT) 'The default experiment' qtlrun

spirals: .venv/installed  ## two spirals in the plane, with controls (a minute)
	$(RESULT) 'Two spirals' "qtlrun experiment=spirals"

states: .venv/installed  ## states of light, with controls (2 min)
	$(RESULT) 'States of light' "qtlrun experiment=qc_states" "qtlrun experiment=qc_states backbone.layers=25" \
		"qtlrun experiment=qq_states"

reproduce: .venv/installed  ## published figures beside ours (2 min)
	$(RESULT) 'Published figures beside ours' "qtlrun study=reproduce"

nonlinearity: .venv/installed  ## do hybrid networks gain where data are more nonlinear? (5 min)
	$(RESULT) 'Differences along the nonlinearity of the data' "qtlrun experiment=nonlinearity"

calibrate: .venv/installed  ## is the instrument honest? equal models, planted effects, coverage (10 min)
	$(RESULT) 'Calibration' "qtlrun study=calibrate" "python tests/multiplicity.py 2000"

reproduce-all: export QTLRUN_FEATURES = $(FEATURES)
reproduce-all: export QTLRUN_PAIRS = $(PAIRS)
reproduce-all: .venv/installed  ## on pictures: make reproduce-all QTLRUN_DATA=FOLDER WEIGHTS=FILE (10 min)
	$(RESULT) 'Published figures on pictures beside ours' "qtlrun study=reproduce_all"

pictures: .venv/installed  ## make pictures QTLRUN_DATA=FOLDER WEIGHTS=FILE RESNET18=FILE (20 min)
	$(RESULT) 'Pictures on two frozen backbones' \
		"qtlrun experiment=ants_bees $(FEATURES) $(CONTROLS)" \
		"qtlrun experiment=ants_bees $(FEATURES) recipe.epochs=3 seeds=[0] compare=[B,D]" \
		"qtlrun experiment=ants_bees $(LAYER3) $(CONTROLS)" \
		"qtlrun experiment=cifar_cat_dog $(FEATURES) $(PAIRS)" "qtlrun experiment=cifar_cat_dog $(LAYER3) $(PAIRS)" \
		"qtlrun experiment=cifar_plane_car $(FEATURES) $(PAIRS)" "qtlrun experiment=cifar_plane_car $(LAYER3) $(PAIRS)"

RIVALS := mapping_only,frozen_angles,hashing,low_rank
quantum-train: .venv/installed  ## weights that a circuit generates: make quantum-train QTLRUN_DATA=FOLDER WEIGHTS=FILE (40 min)
	$(RESULT) 'Weights that a circuit generates' "qtlrun experiment=qt_iris" \
		"qtlrun experiment=qt_mnist" "qtlrun experiment=qt_mnist study=export" "qtlrun experiment=qt_mnist_paper" \
		"qtlrun experiment=qt_ants_bees $(FEATURES) compare=[A,C,$(RIVALS)]" \
		"qtlrun experiment=qt_ants_bees_adapter $(FEATURES) compare=[A,C,direct,$(RIVALS)]" \
		"qtlrun experiment=qt_ants_bees $(FEATURES) recipe.epochs=3 seeds=[0] compare=[B]"

PAIR := recipe=mari2019 $(PAIRS) dataset.classes=[cat,dog] dataset.validation=0.04
ROWS := $(CONTROLS) tune=16
fair: .venv/installed  ## equal tuning and the multiverse: make fair QTLRUN_DATA=FOLDER WEIGHTS=FILE (40 min)
	$(RESULT) 'Equal chances' "qtlrun experiment=ants_bees $(FEATURES) $(ROWS) seeds=10" \
		"qtlrun experiment=ants_bees $(FEATURES) study=multiverse" \
		"qtlrun $(PAIR) $(FEATURES) $(ROWS) dataset.train_size=400 seeds=10" \
		"qtlrun $(PAIR) $(FEATURES) $(ROWS) recipe.batch_size=32 recipe.epochs=10" \
		"qtlrun $(PAIR) $(FEATURES) study=multiverse dataset.train_size=400"

LIBRARY := 'compare=[twin,frozen_circuit]' tune=16 seeds=10
circuits: .venv/installed  ## each circuit of the library beside controls: make circuits QTLRUN_DATA=FOLDER WEIGHTS=FILE (30 min)
	$(RESULT) 'Circuits of the library on ants and bees' \
		"python tests/circuit_table.py 11 experiment=ants_bees $(FEATURES) $(LIBRARY)"

circuits-textures: .venv/installed  ## the same on crops of photographs (30 min)
	$(RESULT) 'Circuits of the library on textures' "python tests/circuit_table.py 11 experiment=textures $(LIBRARY)"

photos: .venv/installed  ## real photographs offline; with ants and bees: make photos QTLRUN_DATA=FOLDER (5 min)
	$(RESULT) 'Photographs under real ImageNet features' "qtlrun experiment=textures" \
		"qtlrun experiment=ants_bees backbone=efficientnet_lite0 $(CONTROLS)"

LENSES := 'compare=[B,C,D,twin]' 'lens=[saliency,dream,tsne,manifold,landscape]'
interpret: .venv/installed  ## looking inside three runs: make interpret QTLRUN_DATA=FOLDER (long)
	$(RESULT) 'Looking inside' "qtlrun seeds=5 $(LENSES)" "qtlrun experiment=textures seeds=3 $(LENSES)" \
		"qtlrun experiment=ants_bees backbone=efficientnet_lite0 seeds=3 recipe.epochs=3 $(LENSES)"

gradients: .venv/installed  ## each device and gradient method on the default, its plateaus (2 min)
	$(RESULT) 'Gradients of the default circuit' "qtlrun study=gradients"

STATES := study=shots 'compare=[heterodyne]' seeds=3
shots: .venv/installed  ## rows against the total of preparations: make shots QTLRUN_DATA=FOLDER (5 min)
	$(RESULT) 'Shots as a budget' "qtlrun study=shots" \
		"qtlrun experiment=qc_states $(STATES) study.budgets=[20000,50000,100000,300000,1000000,3000000]"

low-data: .venv/installed  ## does a circuit lose less with few training pictures? (3 min)
	$(RESULT) 'Retention with few training pictures' "qtlrun experiment=low_data"

STANDINS := 'compare=[twin,frozen_circuit,surrogate,logistic]'
surrogate: .venv/installed  ## classical surrogates of each quantum preset: make surrogate QTLRUN_DATA=FOLDER (10 min)
	$(RESULT) 'Classical surrogates of the circuits' "qtlrun $(STANDINS)" "python tests/surrogate_table.py"

CREDIT := qtlrun study=credit
TWIN := 'compare=[twin]'
credit: .venv/installed  ## what each part of the head brings, on four tasks: make credit QTLRUN_DATA=FOLDER (10 min)
	$(RESULT) 'Credit of the parts of the head' "$(CREDIT) 'compare=[twin,D]'" "$(CREDIT) tune=8 $(TWIN)" \
		"$(CREDIT) experiment=ants_bees backbone=efficientnet_lite0 $(TWIN)" \
		"$(CREDIT) experiment=textures seeds=10 $(TWIN)" "$(CREDIT) experiment=spirals $(TWIN)" \
		"qtlrun 'compare=[sequential,frozen_circuit,twin]'"

FLAT := seeds=5 'compare=[C,twin]'
NOISY := "qtlrun study=robustness run=last"
robustness: .venv/installed  ## rows under noise, and mitigation: make robustness QTLRUN_DATA=FOLDER (5 min)
	$(RESULT) 'Rows under noise' "qtlrun $(FLAT)" $(NOISY) \
		"qtlrun experiment=ants_bees backbone=efficientnet_lite0 $(FLAT)" $(NOISY) \
		"qtlrun experiment=textures $(FLAT)" $(NOISY) "qtlrun experiment=spirals $(FLAT)" $(NOISY) \
		"qtlrun experiment=qcnn_noise" "qtlrun study=robustness_ahmed2025 run=last"

TRAINED := "qtlrun study=robustness run=last study.train=true study.mitigated=null"
robustness-trained: .venv/installed  ## rows trained under their noise: make robustness-trained QTLRUN_DATA=FOLDER (30 min)
	$(RESULT) 'Rows trained under noise' "qtlrun $(FLAT)" $(TRAINED) \
		"qtlrun experiment=ants_bees backbone=efficientnet_lite0 $(FLAT)" $(TRAINED) \
		"qtlrun experiment=textures $(FLAT)" $(TRAINED)

diagnose: .venv/installed  ## misses and false alarms of the checks: make diagnose QTLRUN_DATA=FOLDER (20 min)
	$(RESULT) 'Rates of the checks' "python tests/diagnosis_rates.py"

SETS := $(CONTROLS) seeds=10 'dataset.split_seed=range(0,100,10)'
PLANES := recipe=mari2019 $(PAIRS) dataset.classes=[airplane,automobile] dataset.validation=0.04
splits: .venv/installed  ## verdicts on ten sets of splits: make splits QTLRUN_DATA=FOLDER WEIGHTS=FILE (15 min)
	$(RESULT) 'Verdicts repeated on other splits' "qtlrun -m $(SETS)" \
		"qtlrun -m experiment=ants_bees $(FEATURES) $(SETS)" \
		"qtlrun -m $(PAIR) $(FEATURES) $(SETS) dataset.train_size=400" \
		"qtlrun -m $(PLANES) $(FEATURES) $(SETS) dataset.train_size=400"

reliability: .venv/installed  ## how often the intervals of accuracies hold the truth (4 min)
	OMP_NUM_THREADS=1 $(RESULT) 'Coverage of the intervals of accuracies' "python tests/accuracy_coverage.py 1000"

pools: .venv/installed  ## coverage of intervals over splits on a real pool: make pools QTLRUN_DATA=FOLDER WEIGHTS=FILE (7 min)
	OMP_NUM_THREADS=1 $(RESULT) 'Coverage over redrawn splits' "python tests/pool_coverage.py 500"

torture: .venv/installed  ## 10,000 random circuits of kinked and smooth angles on every engine and device (2 h)
	OMP_NUM_THREADS=1 $(RESULT) 'Random circuits on every engine' "python tests/torture/circuits.py"

mutation: .venv/installed  ## try the tests on 200 mutants of the package (30 min)
	$(RESULT) 'Mutants of the package' "python tests/mutation"

BENCHMARK := "python -W ignore tests/benchmarks/
bench: .venv/installed peers  ## speed beside peers, which are installed first (10 min)
	OMP_NUM_THREADS= $(RESULT) 'Speed beside peers' $(BENCHMARK)circuit.py" $(BENCHMARK)training.py" $(BENCHMARK)feature.py" \
		$(BENCHMARK)memory.py" $(BENCHMARK)command.py"

bench-generator: .venv/installed peers  ## a circuit of 13 and 19 qubits without inputs beside peers (long)
	OMP_NUM_THREADS= $(RESULT) 'Speed of generating circuits beside peers' $(BENCHMARK)generator.py"

peers: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,photos,bench]'

options: .venv/installed  ## write conf/README.md, the list of all options, from their files
	$(BIN)/python tests/documents/option.py

clean:  ## remove the environment and build folders; outputs and the store stay
	rm -rf .venv build dist *.egg-info
