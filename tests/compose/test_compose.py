import copy
import functools
import logging
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import zlib
from importlib import metadata
from pathlib import Path

import hydra
import numpy as np
import pytest
import torch
import yaml
from composition import compose_plan, options, part
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from PIL import Image

from qtlrun import disk
from qtlrun.compose import compose as compose_plans
from qtlrun.compose import main, run_words
from qtlrun.compose.check import check_models, check_words
from qtlrun.contract.part import build_part
from qtlrun.error import UsageError
from qtlrun.plan import Plan


def compose(words):
    """The values of each plan that a command line asks for."""
    return [plan.values for plan in compose_plans(words)]


def checked(*points):
    """The plans of these values, as they are after their checks."""
    from qtlrun.experiment import Experiment

    plans = list(map(Plan, points))
    check_words(plans)
    settings = plans[0].settings
    study = build_part("study", plans[0].study, settings.plugins)
    return check_models(plans, study, Experiment(settings.home, settings.fresh))


QUICK = ["experiment=smoke", "backbone=identity", "compare=[]", "seeds=1", "recipe.epochs=1"]
TOP = (
    "accelerator, backbone, circuit, compare, dataset, device, dtype, experiment, folds, freeze,"
    " fresh, head, home, lens, outputs, parametrization, plan, plugins, recipe, run, runs, seal,"
    " seeds, splits, study, tune."
)
KEYS = (
    "seeds, splits, folds, tune, dtype, home, outputs, accelerator, fresh, plugins, seal, plan,"
    " run, runs, dataset, backbone, freeze, recipe, circuit, head, parametrization, device, study."
)


def listed(names):
    """Names as a refusal lists them, the first twelve of many."""
    return ", ".join(names if len(names) <= 30 else [*names[:12], f"{len(names) - 12} more"]) + "."


WITH_MINE = listed(sorted([*options("head"), "mine"]))
HEADS, REFERENCES, CIRCUITS, PRESETS, DATASETS = (
    listed(options(group)) for group in ("head", "compare", "circuit", "experiment", "dataset")
)
ANGLES = "angles, entangle, spread, state, product, layout, pre, post."
FORM = (
    "this is no override; an override is KEY=VALUE, its brackets and quotes closed, in quotes for"
    " the shell where it has brackets or spaces."
)
WHOLE = "a whole number is needed here"
PART = "a part is a class or function of qtlrun.head, or of a file named in plugins=[FILE.py]."
SEEDS = "a number from 1 up (5 is seeds 0 to 4), or a list of different seeds from 0 up."
RATE = "a finite number of 0 or more is needed here."
COUNT = "a whole number from 1 up is needed here."
FLAGS = "an override is KEY=VALUE, and --hydra-help lists the flags."


@pytest.fixture(autouse=True)
def place(tmp_path, home, monkeypatch):
    """A folder to run in and one for temporary files, both empty; what the command line does to
    signals is undone.
    """
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    for name in ("work", "scratch"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    yield tmp_path / "work"
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def refusal(tmp_path, capsys):
    """What a command line is refused with, in words; nothing of it is left on disk."""

    def refuse(*words):
        code, (out, err) = main(list(words)), capsys.readouterr()
        assert code == 2, err
        assert not out and err.startswith("qtlrun: ") and err.count("\n") <= 2
        kept = {path.relative_to(tmp_path).parts[:3] for path in tmp_path.glob("home/*/*")}
        assert kept <= {("home", "store", "verified"), ("home", "store", "checks")} and not list(
            tmp_path.glob("work/outputs")
        )
        assert not list((tmp_path / "scratch").glob("qtlrun-*"))
        return err.removeprefix("qtlrun: ").rstrip("\n")

    return refuse


@pytest.mark.parametrize(
    "word, said",
    [
        (
            "hed=quantum",
            f"hed: there is no such group or key; did you mean head? It is one of {TOP}",
        ),
        ("+sed=3", f"sed: there is no such key; did you mean seeds? It is one of {KEYS}"),
        ("+name=mine", "name: there is no such key."),
        ("lr=.1", "lr: there is no such group or key; did you mean recipe.lr?"),
        ("qubits=3", "qubits: there is no such group or key; did you mean circuit.qubits?"),
        (
            "circut.qubits=3",
            f"circut.qubits: there is no such key; did you mean circuit? It is one of {TOP}",
        ),
        (
            "circuit.qbits=3",
            "circuit.qbits: there is no such key; did you mean qubits? It is one of copies,"
            " depth, qubits, readout.",
        ),
        (
            "head.angels=zero",
            (
                "head.angels: there is no such key; did you mean angles? It is one of angles,"
                " entangle, layout, post, pre, product, space, spread, state."
            ),
        ),
        (
            "backbone.pretrain.recipe.epoch=3",
            (
                "backbone.pretrain.recipe.epoch: there is no such key; did you mean epochs? It is"
                " one of augment, backbone_lr, batch_size, class_weights, epochs, eps, gamma,"
                " label_smoothing, lr, momentum, optimizer, patience, reduction, scale, schedule,"
                " schedule_step, select, sequential, space, step_size, weight_decay."
            ),
        ),
        (
            "device.name=a",
            (
                "device.name: the option chosen has no such key; device=default.qubit,"
                " device=lightning.gpu, device=lightning.kokkos, device=lightning.qubit,"
                " device=pennylane, device=qiskit.aer have it."
            ),
        ),
        (
            "dataset.root=/here",
            "dataset.root: the option chosen has no such key; dataset=csv, dataset=folder have it.",
        ),
        (
            "device.shot=0",
            (
                "device.shot: there is no such key; did you mean shots? It is one of method, seed,"
                " shots."
            ),
        ),
        ("++head.foo=3", f"head.foo: there is no such key; it is one of {ANGLES}"),
        (
            "hydra.foo=3",
            "hydra.foo: there is no such key; qtlrun --cfg hydra prints those of Hydra.",
        ),
        ("head@foo=classical", "head@foo: no option stands there; head=OPTION chooses one."),
    ],
)
def test_a_key_that_is_not_there_is_refused_with_the_right_one(refusal, word, said):
    assert refusal(word) == said


def test_the_right_keys_are_those_of_the_options_chosen(refusal):
    assert (
        refusal("device.shot=3", "device=default.qubit")
        == "device.shot: there is no such key; did you mean shots? It is one of"
        " allow_remote, diff_method, name, noise, options, remote, seed, shots."
    )
    assert (
        refusal("head=classical", "head.foo=zero")
        == "head.foo: there is no such key; head takes none."
    )
    assert (
        refusal("head=twin", "head.angles=zero")
        == "head.angles: the option chosen has no such key; head=quantum has it."
    )
    assert refusal("lens=[tsne]", "lens.tsne.item=3").startswith(
        "lens.tsne.item: there is no such key; did you mean items?"
    )
    assert (
        refusal("lens.tsne.items=3")
        == "lens.tsne.items: tsne is not chosen; lens=[tsne] chooses it."
    )


@pytest.mark.parametrize(
    "word, said",
    [
        (
            "head=quantun",
            f"head=quantun: there is no such option; did you mean quantum? It is one of {HEADS}",
        ),
        ("head=", f"head=: there is no such option; it is one of {HEADS}"),
        ("head=null", f"head=null: a group takes the name of an option; it is one of {HEADS}"),
        ("circuit=3", f"circuit=3: a group takes the name of an option; it is one of {CIRCUITS}"),
        (
            "device=default.qubi",
            (
                "device=default.qubi: there is no such option; did you mean default.qubit? It is"
                " one of default.qubit, lightning.gpu, lightning.kokkos, lightning.qubit,"
                " mixed, pennylane, qiskit.aer, statevector."
            ),
        ),
        (
            "experiment=smok",
            "experiment=smok: there is no such option; did you mean smoke? It is one of " + PRESETS,
        ),
        (
            "experiment=null",
            "experiment=null: a group takes the name of an option; it is one of "
            + PRESETS
            + " Leave it out for none.",
        ),
        ("compare=[Z]", f"compare=Z: there is no such option; it is one of {REFERENCES}"),
        ("compare=Z", f"compare=Z: there is no such option; it is one of {REFERENCES}"),
        (
            "compare=[B,twins]",
            f"compare=twins: there is no such option; did you mean twin? It is one of {REFERENCES}",
        ),
        ("+compare=Z", f"compare=Z: there is no such option; it is one of {REFERENCES}"),
        ("compare=[B,B]", "compare: B is named twice."),
        ("+head=twin", "head: it is there already; head=VALUE, without the +, changes it."),
        (
            "hydra/launcher=joblibs",
            (
                "hydra/launcher=joblibs: Hydra has no such launcher; did you mean joblib? It is one"
                " of basic, joblib, submitit_local, submitit_slurm, ray, ray_aws, rq."
            ),
        ),
        (
            "hydra/launcher=ray_aws",
            (
                "hydra/launcher=ray_aws: Hydra has no such option here; pip install"
                " 'hydra-ray-launcher' 'hydra-core<1.4' brings it."
            ),
        ),
        (
            "hydra/launcher=[ray]",
            (
                "hydra/launcher=[ray]: Hydra has no such launcher; did you mean ray? It is one of"
                " basic, joblib, submitit_local, submitit_slurm, ray, ray_aws, rq."
            ),
        ),
        (
            "+compare=null",
            "+compare=null: a group takes the name of an option; did you mean full? It is one of "
            + REFERENCES,
        ),
        (
            "+compare=[1]",
            f"+compare=[1]: a group takes the name of an option; it is one of {REFERENCES}",
        ),
        ("head=[quantum,twin]", "head=[quantum,twin]: one option is chosen here, as head=adapter."),
        ("head=" + "x" * 300, f"head={'x' * 300}: there is no such option; it is one of {HEADS}"),
    ],
)
def test_an_option_that_is_not_there_is_refused_with_the_right_one(refusal, word, said):
    assert refusal(word) == said


@pytest.mark.parametrize(
    "word, said",
    [
        ("~head", "head: every run needs it, and it is taken away."),
        ("~seeds", "seeds: every run needs it, and it is taken away."),
        (
            "~head.anglez",
            "~head.anglez: there is no such key, or it is null and need not be taken away.",
        ),
        ("~compare", "~compare: its options cannot be taken away so; compare=[] chooses none."),
        (
            "~compare=[x]",
            "~compare: its options cannot be taken away so; compare=[] chooses none.",
        ),
        (
            "+compare.B=3",
            "compare.B: it is there already; compare.B=VALUE, without the +, changes it.",
        ),
        (
            "+compare.Z.head.angles=zero",
            "compare.Z: it is changed, but not among the references; choose it with +compare=Z.",
        ),
        (
            "compare.frozen_circuit.head.angles=frosen",
            (
                "compare.frozen_circuit.head.angles=frosen: did you mean frozen? It is one of"
                " trained, frozen, random, zero."
            ),
        ),
    ],
)
def test_what_cannot_be_taken_away_or_added_is_refused(refusal, word, said):
    assert refusal(word) == said


@pytest.mark.parametrize(
    "word", ["foo", "compare=[B", "=3", "recipe.lr='", "home={a", "+", "seeds=[1,,2]"]
)
def test_a_word_that_is_no_override_is_refused_with_the_form_of_one(refusal, word):
    assert refusal(word) == f"{word}: {FORM}"


def test_an_empty_word_is_refused(refusal):
    assert refusal("") == f"an empty word: {FORM}"


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["circuit.qubits=2,3"],
            "circuit.qubits=2,3: several values are a sweep; add -m to the command.",
        ),
        (
            ["head=quantum,classical"],
            "head=quantum,classical: several values are a sweep; add -m to the command.",
        ),
        (
            ["seeds=1,2"],
            (
                "seeds=1,2: several values are a sweep; add -m to the command, or write a list as"
                " seeds=[1,2]."
            ),
        ),
        (["tune=4,8"], "tune=4,8: several values are a sweep; add -m to the command."),
        (
            ["circuit.shape=2,3"],
            (
                "circuit.shape=2,3: several values are a sweep; add -m to the command, or write a"
                " list as circuit.shape=[2,3]."
            ),
        ),
        (
            ["nowhere.key=a,b"],
            (
                "nowhere.key=a,b: several values are a sweep; add -m to the command, or write a"
                " list as nowhere.key=[a,b]."
            ),
        ),
        (
            ["compare=B,C"],
            (
                "compare=B,C: several values are a sweep; add -m to the command, or write a list"
                " as compare=[B,C]."
            ),
        ),
        (["home=${nope}"], "home: Interpolation key 'nope' not found."),
        (["home=${oc.env:NOPE}"], "home: Environment variable 'NOPE' not found."),
        (["dataset=folder"], "dataset.root: it has no default; give it, as dataset.root=VALUE."),
        (
            ["backbone=torchvision"],
            "backbone.name: it has no default; give it, as backbone.name=VALUE.",
        ),
        (["--nope"], f"no such flag: --nope; {FLAGS}"),
        (["--config-dir"], f"argument --config-dir/-cd: expected one argument; {FLAGS}"),
        (
            ["--cfg", "all of it"],
            "argument --cfg/-c: invalid choice: 'all of it' (choose from 'job', 'hydra', 'all'); "
            + FLAGS,
        ),
        (["--config-dir", "/nowhere"], "--config-dir /nowhere: there is no such folder."),
    ],
)
def test_a_command_line_that_cannot_be_read_is_refused(refusal, words, said):
    assert refusal(*words) == said


FED = (
    "a sweep here gives no value to go by; tune=K does the same: it draws K values of each row's"
    " space and chooses by validation; -m circuit.qubits=2,4 trains every point of a grid."
)
OUTPUTS = "results go to OUTPUTS/DATE/TIME-NAME; name another folder with outputs=FOLDER."
LOG = "a run writes log.txt into its folder; HYDRA_FULL_ERROR=1 shows where an error comes from."


@pytest.mark.parametrize(
    "words, said",
    [
        (["hydra/sweeper=optuna", "-m"], f"hydra/sweeper=optuna: {FED}"),
        (["hydra/sweeper=ax"], f"hydra/sweeper=ax: {FED}"),
        (
            ["-m", "hydra/sweeper=list"],
            (
                "hydra/sweeper=list: a sweep's values stand on the command line, as -m"
                " circuit.qubits=2,4; tune=K draws K values of each row's space."
            ),
        ),
        (
            ["hydra.sweeper.params={a:1}"],
            (
                "hydra.sweeper.params={a:1}: a sweep's values stand on the command line, as -m"
                " circuit.qubits=2,4; tune=K draws K values of each row's space."
            ),
        ),
        (["hydra.run.dir=x"], f"hydra.run.dir=x: {OUTPUTS}"),
        (["-m", "hydra.sweep.dir=x"], f"hydra.sweep.dir=x: {OUTPUTS}"),
        (["hydra.output_subdir=x"], f"hydra.output_subdir=x: {OUTPUTS}"),
        (["hydra.verbose=true"], f"hydra.verbose=true: {LOG}"),
        (["hydra/job_logging=colorlog"], f"hydra/job_logging=colorlog: {LOG}"),
        (
            ["hydra.job.chdir=true"],
            (
                "hydra.job.chdir=true: a run stays in the folder that it is started in and is named"
                " by its preset; outputs=FOLDER names another for results."
            ),
        ),
        (["hydra.mode=MULTIRUN"], "hydra.mode=MULTIRUN: a sweep is asked for with the flag -m."),
        (["hydra.searchpath=[x]"], "hydra.searchpath=[x]: --config-dir DIR adds options of yours."),
        (
            ["+hydra.callbacks.x._target_=joblib.load"],
            "+hydra.callbacks.x._target_=joblib.load: none is called here; leave it out.",
        ),
        (
            ["hydra=null"],
            "hydra=null: Hydra's settings are given one by one, as hydra/launcher=joblib.",
        ),
        (
            ["+hydra.foo=3"],
            "hydra.foo: there is no such key; qtlrun --cfg hydra prints those of Hydra.",
        ),
    ],
)
def test_a_setting_of_hydra_that_would_change_nothing_is_refused_with_what_does_the_same(
    refusal, words, said
):
    assert refusal(*words) == said


@pytest.mark.parametrize(
    "words, said",
    [
        (["-m", "--cfg", "job"], "--cfg and -m do not go together; leave one out."),
        (["--info", "-m"], "--info and -m do not go together; leave one out."),
        (["--cfg=all", "--info"], "--cfg and --info do not go together; leave one out."),
        (["--resolve"], "--resolve: it goes with --cfg, which prints the composed values."),
        (
            ["--package", "recipe"],
            "--package: it goes with --cfg, and names the part that is printed.",
        ),
        (
            ["--cfg", "job", "-p", "nope"],
            (
                "--package nope: the composed values have no such part; qtlrun --cfg job prints"
                " them all."
            ),
        ),
        (
            ["-sc", "x"],
            (
                "--shell-completion: install=SHELL or uninstall=SHELL goes with it, as"
                " install=bash; SHELL is bash, fish or zsh."
            ),
        ),
        (
            ["--experimental-rerun", "x"],
            (
                "--experimental-rerun: it would execute what a pickled file holds; give the run's"
                " command again, which its environment.json has, and rows are found in the store."
            ),
        ),
        (
            ["--config-name", "x"],
            (
                "--config-name: qtlrun composes its own config.yaml; --config-dir DIR adds options"
                " of yours, and a preset DIR/experiment/NAME.yaml is chosen with experiment=NAME."
            ),
        ),
        (
            ["--config-path", "x"],
            (
                "--config-path: qtlrun composes its own config.yaml; --config-dir DIR adds options"
                " of yours, and a preset DIR/experiment/NAME.yaml is chosen with experiment=NAME."
            ),
        ),
        (
            ["--config-dir", ".", "--config-dir=."],
            (
                "--config-dir: it is given twice, and one folder can be added; put the options into"
                " one."
            ),
        ),
        (["--config-dir="], "--config-dir : there is no such folder."),
        (["--multi"], f"no such flag: --multi; {FLAGS}"),
        (["-"], f"no such flag: -; {FLAGS}"),
    ],
)
def test_flags_that_say_nothing_together_are_refused(capsys, words, said):
    assert main(words) == 2
    assert capsys.readouterr() == ("", f"qtlrun: {said}\n")


@pytest.mark.parametrize(
    "words, begins",
    [
        (["--hydra-help", "seeds=3"], "Hydra ("),
        (["--help", "-m"], "qtlrun - what"),
        (["--info", "seeds=3"], "Hydra 1."),
        (["--info=defaults"], "\nDefaults List"),
        (["--info", "defaults-tree"], "\nDefaults Tree"),
        (["--info", "searchpath"], "\nConfig search path"),
        (["-cjob", "seeds=3"], "backbone:"),
        (["--cfg", "hydra"], "hydra:"),
        (["--cfg", "all", "--resolve", "-p", "recipe"], "# @package recipe"),
        (["--", "--cfg=job"], "backbone:"),
        (["-sc", "install=bash"], "_qtlrun() {"),
        (["--version", "nonsense"], "qtlrun "),
    ],
)
def test_flags_that_print_print_and_leave_nothing(capsys, place, words, begins):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert not err and out.startswith(begins) and not list(place.iterdir())


AWKWARD = [
    "C&A (1)",
    "Ärzte",
    "007",
    "1e3",
    "true",
    "blank ",
    "a=b",
    "$5 {x",
    "a,b",
    "[old] p",
    "x'y",
    'x"y',
    "back\\slash",
    "(draft)",
    "#1",
    "tab{1}",
    "my pictures, 2",
    "{a}",
    "100%",
    "~",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_a_folder_may_have_any_name(name):
    values = compose([f"outputs={name}", f"home={name}"])[0]
    assert (values["outputs"], values["home"]) == (name, name)


def test_every_number_of_a_lens_can_be_typed():
    # lens.dream.outputs was taken for the folder of outputs
    names = options("lens")
    lenses = f"lens=[{','.join(names)}]"
    values = compose([lenses])[0]["lens"]
    words = []
    for name in names:
        numbers = {key: each for key, each in values[name].items() if isinstance(each, int | float)}
        words += [f"lens.{name}.{key}={each}" for key, each in numbers.items()]
    assert compose([lenses, *words])[0]["lens"] == values


@pytest.mark.parametrize("name", ["C&A (1)", "[old] p", "x'y", "back\\slash"])
def test_a_folder_is_named_as_it_was_typed(refusal, place, name):
    (place / name).mkdir()
    said = refusal("dataset=folder", f"dataset.root={name}")
    assert said.startswith(f"dataset.root={name}: root holds no class ")


@pytest.mark.parametrize(
    "word, key, value",
    [
        ("backbone.weights=~/a b.pt", "weights", "/home/me/a b.pt"),
        ("backbone.weights=~/x.pt", "weights", "/home/me/x.pt"),
        ("backbone.weights=null", "weights", None),
        ("backbone.weights=none", "weights", "none"),
    ],
)
def test_a_tilde_is_the_home_folder(monkeypatch, word, key, value):
    monkeypatch.setenv("HOME", "/home/me")
    assert compose([word])[0]["backbone"][key] == value


def test_a_tilde_is_the_home_folder_at_each_point_of_a_sweep(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    jobs = compose(["-m", "backbone.weights=~/a.pt,/b.pt,none"])
    assert [job["backbone"]["weights"] for job in jobs] == ["/home/me/a.pt", "/b.pt", "none"]


@pytest.mark.parametrize(
    "launcher, more, reason",
    [
        ("submitit_slurm", [], 'Could not detect "srun", are you indeed on a slurm cluster?'),
        ("joblib", ["hydra.launcher.n_jobs=0"], "n_jobs == 0 in Parallel has no meaning"),
    ],
)
def test_a_launcher_that_starts_no_job_is_refused_with_its_own_reason(
    refusal, monkeypatch, tmp_path, launcher, more, reason
):
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    monkeypatch.setenv("PATH", str(tmp_path))  # where no program of a cluster is
    words = refusal("-m", f"hydra/launcher={launcher}", *more, "circuit.qubits=2,3")
    assert words.startswith(f"hydra/launcher={launcher}: it starts no job here ({reason}); ")


def test_a_list_may_hold_names_that_hydra_does_not_take(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    (job,) = compose(["dataset.classes=[Ameise,Bär]", "plugins=[~/a b.py,c.py]"])
    assert job["dataset"]["classes"] == ["Ameise", "Bär"] and job["plugins"] == [
        "/home/me/a b.py",
        "c.py",
    ]


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["dataset=folder", "dataset.root=nowhere, x"],
            (
                "dataset.root=nowhere, x: several values are a sweep; add -m to the command, or"
                " write a text with a comma as dataset.root='nowhere, x'."
            ),
        ),
        (["circuit.qubits=4;"], f"circuit.qubits=4;: {WHOLE}, and this is a text."),
        (["seeds=range(0,10)"], "seeds=range(0,10): these are a sweep; add -m to the command."),
        (["-m", "circuit.qubits=rang(1,3)"], "circuit.qubits=rang(1,3): Unknown function 'rang'."),
        (["-m", "circuit.qubits=choice()"], "circuit.qubits=choice(): empty choice is not legal."),
        (
            ["-m", "circuit.qubits=range(3,1)"],
            "circuit.qubits=range(3,1): a sweep over no value; give one, as 2,4 or range(2,5).",
        ),
        (
            ["-m", "head=glob(zzz)"],
            "head=glob(zzz): a sweep over no value; give one, as 2,4 or range(2,5).",
        ),
        (
            ["-m", "recipe.lr=interval(0,1)"],
            (
                "recipe.lr=interval(0,1): an interval has no values of its own; name them, as 2,4"
                " or range(2,5), or draw from it with tune=K and a space, as"
                " recipe.space.lr=[0.0001,0.01]."
            ),
        ),
        (
            ["-m", "recipe.lr=range(0,1,0)"],
            "recipe.lr=range(0,1,0): a range has a first number, an end and a step that is not 0.",
        ),
        (
            ["-m", "recipe.lr=range(0,inf)"],
            "recipe.lr=range(0,inf): a range has a first number, an end and a step that is not 0.",
        ),
        (
            ["-m", "seeds=range(0,1000000000)"],
            (
                "seeds=range(0,1000000000): a sweep of 1,000,000,000 points; 1,000 at most, run"
                " several of them."
            ),
        ),
        (
            ["-m", "recipe.lr=range(0,1,1e-300)"],
            (
                "recipe.lr=range(0,1,1e-300): a sweep of too many points; 1,000 at most, run"
                " several of them."
            ),
        ),
        (
            ["-m", "seeds=range(0,1000)", "circuit.depth=shuffle(range(0,1000))"],
            (
                "seeds=range(0,1000) circuit.depth=shuffle(range(0,1000)): a sweep of 1,000,000"
                " points; 1,000 at most, run several of them."
            ),
        ),
        (
            ["recipe.lr=" + "9" * 5000],
            f"recipe.lr={'9' * 80} ... {'9' * 30}: the number has too many digits.",
        ),
        (
            ["seeds=" + "[" * 40 + "]" * 40],
            f"seeds={'[' * 40}{']' * 40}: 40 brackets in one another; 20 at most are read.",
        ),
        (
            ["a" * 30_000],
            f"{'a' * 90} ... {'a' * 30}: 30,000 characters; a word has 20,000 at most.",
        ),
        (["outputs="], "outputs=: a folder is needed here; . is the one that the command runs in."),
        (["home="], "home=: a folder is needed here; . is the one that the command runs in."),
        (
            ["home=~nobody9/x"],
            (
                "home=~nobody9/x: no home folder is known for ~nobody9; name a folder with"
                " home=FOLDER."
            ),
        ),
    ],
)
def test_words_that_hydra_would_split_refuse_or_count_for_ever_are_answered_at_once(
    refusal, words, said
):
    assert refusal(*words) == said


def test_an_option_that_ends_in_yml_is_said_to_be_passed_over(refusal, tmp_path):
    (tmp_path / "options/circuit").mkdir(parents=True)
    (tmp_path / "options/circuit/ring.yml").write_text("_target_: ring.Ring\n")
    assert (
        refusal("circuit=ring", "--config-dir", str(tmp_path / "options"))
        == f"circuit=ring: {tmp_path}/options/circuit/ring.yml ends in .yml, and Hydra reads .yaml"
        " alone; rename it."
    )


@pytest.mark.parametrize("name", ["QTLRUN_HOME", "HOME"])
def test_an_empty_variable_of_a_folder_counts_as_none(monkeypatch, place, capsys, name):
    monkeypatch.setenv(name, "")
    assert main(["--cfg", "job", "-p", "home"]) == 0
    assert capsys.readouterr().out == (
        "~/.cache/qtlrun\n" if name == "QTLRUN_HOME" else f"{os.environ['QTLRUN_HOME']}\n"
    )
    assert os.environ[name] == "" and not list(place.iterdir())


def test_a_run_inside_another_hydra_program_leaves_its_globals_alone():
    """After initialize, and in an error too: state, registered configs, version, logging, arguments
    are the caller's.
    """
    store, before = ConfigStore.instance(), list(sys.argv)
    store.store(group="head", name="foreign", node={"a": 1})
    store.store(name="config", node={"foreign": True})
    try:
        with hydra.initialize_config_module("qtlrun.conf", version_base="1.2"):
            mine, handlers, base = (
                GlobalHydra.instance().hydra,
                logging.getLogger().handlers[:],
                hydra.version.getbase(),
            )
            for words in (["seeds=7"], ["-m", "circuit.qubits=2,3"]):
                assert "foreign" not in compose(words)[0]
            for word in ("seed=7", "head=foreign", "hydra/launcher=nope"):
                with pytest.raises(UsageError):
                    compose([word])
            assert GlobalHydra.instance().hydra is mine and hydra.version.getbase() == base
            assert logging.getLogger().handlers == handlers and sys.argv == before
            assert hydra.compose("head/foreign").head.a == 1
            assert set(store.repo["head"]) == {"foreign.yaml"} and "config.yaml" in store.repo
    finally:
        del store.repo["head"], store.repo["config.yaml"]


PROGRAM = """
import hydra
from hydra.core.hydra_config import HydraConfig
from qtlrun.compose import compose

@hydra.main(version_base="1.3", config_path=None)
def main(config):
    assert compose(["seeds=7"])[0].seeds == list(range(7))
    print(HydraConfig.get().job.name)

main()
"""


def test_a_run_may_be_composed_within_a_hydra_main(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py", "hydra.run.dir=here"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "program\n"), done.stderr


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["--help"],
            (
                "--help: this prints and trains nothing; qtlrun.run gives a result, and the"
                " command line prints."
            ),
        ),
        (
            [["seeds=1"]],
            (
                "qtlrun.run(['seeds=1']): each word of a command line is a text by itself, as"
                " qtlrun.run('seeds=1', 'compare=[]')."
            ),
        ),
        (
            [None],
            (
                "qtlrun.run(None): each word of a command line is a text by itself, as"
                " qtlrun.run('seeds=1', 'compare=[]')."
            ),
        ),
    ],
)
def test_from_python_what_gives_no_rows_is_refused(words, said):
    with pytest.raises(UsageError) as error:
        run_words(tuple(words))
    assert str(error.value) == said


DATASET = """
from qtlrun.dataset.digits import digits

def fixed(classes: list[int]):
    return digits(classes, [.4, 1.], 10, 20)
"""
RATES = "two numbers are needed here, [LOW,HIGH]; draws are log-uniform between them."
ENDS = "draws are log-uniform; both ends must be finite and above 0."
LIST = "a list is needed here, [LOW,HIGH] of a number or the options of a word."
TAKEN = (
    "epochs, batch_size, lr, backbone_lr, optimizer, momentum, eps, weight_decay, schedule,"
    " step_size, gamma, patience, schedule_step, augment, scale, label_smoothing, reduction,"
    " class_weights, select, sequential."
)


def test_a_tuning_without_a_space_is_refused(refusal):
    assert (
        refusal("~recipe.space", "~head.space", "tune=4", "compare=[]")
        == "tune=4: no part has a space to draw from; give one, as recipe.space.lr=[0.0001,0.01]."
    )


def test_a_key_that_no_space_has_is_refused_with_the_right_one(refusal):
    assert (
        refusal("recipe.space.nothing=[1,2]")
        == "recipe.space.nothing: there is no such key; it is one of backbone_lr, lr, scale,"
        " weight_decay."
    )


@pytest.mark.parametrize("word, needs", [("splits=3", "split_seed"), ("folds=3", "fold")])
def test_a_dataset_that_draws_no_splits_of_its_own_is_not_redrawn(refusal, place, word, needs):
    (place / "mine.py").write_text(DATASET)
    (place / "options/dataset").mkdir(parents=True)
    (place / "options/dataset/fixed.yaml").write_text(
        "# One's own.\n_target_: mine.fixed\nclasses: [6, 7, 8, 9]\n"
    )
    words = [
        "--config-dir",
        str(place / "options"),
        f"plugins=[{place}/mine.py]",
        "dataset=fixed",
        "compare=[]",
        word,
    ]
    assert (
        refusal(*words) == f"{word}: this dataset draws no splits of its own (it has no {needs})."
    )


def test_folds_that_a_class_is_too_small_for_are_refused_with_the_counts(refusal):
    said = refusal("folds=500", "compare=[]")
    assert re.fullmatch(r"dataset\.fold=\[\d+, 500\]: .*\b(\d+)\b.*", said), said


def test_a_redraw_that_only_a_later_split_cannot_be_is_refused_before_the_first_is_trained(
    refusal, tmp_path
):
    """A fold leaves too few scans for so many to train on and look at."""
    said = refusal("folds=2", "dataset.train=40", "dataset.validation=40", "compare=[]")
    assert "dataset." in said and "fold=[" in said


def test_a_space_of_a_reference_is_checked_too(refusal):
    assert (
        refusal("compare=[C]", "+compare.C.recipe.space.lr=[.1]")
        == f"compare.C.recipe.space.lr=[0.1]: {RATES}"
    )
    assert (
        refusal("compare=[C]", "+compare.C.recipe.space=3")
        == "compare.C.recipe.space=3: a group of values stands here, each given as"
        " compare.C.recipe.space.KEY=[LOW,HIGH]."
    )
    assert (
        refusal("compare=[C]", "+compare.C.recipe.space.foo=[1,2]")
        == f"compare.C.recipe.space.foo: recipe takes no such value; it is one of {TAKEN}"
    )


def test_what_a_constructor_would_not_take_of_a_draw_is_refused_before_the_start(refusal):
    """Types are right, and both ends may be drawn; each draw is built."""
    said = refusal("tune=2", "+recipe.space.label_smoothing=[1.5,1.6]", "compare=[]")
    assert re.fullmatch(r"recipe\.label_smoothing=1\.[56]\d*: from 0 up, below 1\.", said)
    said = refusal("tune=4", "+recipe.space.epochs=[5,0]", "compare=[]")
    assert said == f"recipe.epochs=0: {COUNT}"
    said = refusal("tune=4", "compare=[twin]", "head=twin", "+compare.twin.head.space.qubits=[3,0]")
    assert said.startswith("compare.twin.head.space.qubits: head takes no such value")


def test_a_source_task_is_not_tuned(refusal):
    assert (
        refusal("backbone.pretrain.recipe.space={lr:[.1,.2]}")
        == "backbone.pretrain.recipe.space: a source task is not tuned; leave it null."
    )


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["circuit.qubits=0"],
            "circuit.qubits=0: a circuit needs at least one qubit; 4 is the published number.",
        ),
        (["circuit.qubits=four"], f"circuit.qubits=four: {WHOLE}, and this is a text."),
        (["circuit.qubits="], f"circuit.qubits=: {WHOLE}, and this is an empty text."),
        (["recipe.lr=nan"], f"recipe.lr=nan: {RATE}"),
        (["recipe.lr=1e-4x"], "recipe.lr=1e-4x: a number is needed here, and this is a text."),
        (["seeds=[1,1]"], f"seeds=[1, 1]: {SEEDS}"),
        (["head._target_=os.system"], f"head._target_=os.system: {PART}"),
        (["plugins=[mine.py]"], "plugins=[mine.py]: there is no such Python file."),
        (
            ["freeze=stages", "freeze.frozen=99"],
            "freeze.frozen=99: this backbone has 4 stages; use 4 or fewer, or all.",
        ),
        (
            ["head=twin", "compare=[frozen_circuit]"],
            (
                "compare=frozen_circuit: it changes head.angles, which the composed model does not "
                "have; leave it out."
            ),
        ),
    ],
)
def test_a_command_line_that_cannot_be_is_refused_with_its_key_the_reason_and_what_would_be_right(
    refusal, words, said
):
    assert refusal(*words) == said


@pytest.fixture(scope="module")
def default():
    return compose([])[0]


@pytest.fixture
def refused(default, home, place):
    """What a changed value of the default plan is refused with: a key and the value as YAML has it,
    as Hydra reads them.
    """

    def refuse(**changes):
        job = copy.deepcopy(default) | {"home": str(home)}
        for key, value in changes.items():
            *path, name = key.split("__")
            functools.reduce(dict.__getitem__, path, job)[name] = value
        with pytest.raises(UsageError) as error:
            checked(job)
        assert not list(place.iterdir()) and not home.exists()
        return str(error.value)

    return refuse


@pytest.mark.parametrize(
    "key, value, said",
    [
        (
            "circuit__qubits",
            -1,
            "circuit.qubits=-1: a circuit needs at least one qubit; 4 is the published number.",
        ),
        ("circuit__qubits", None, f"circuit.qubits=null: {WHOLE}, and this is nothing (null)."),
        (
            "circuit__depth",
            -1,
            "circuit.depth=-1: layers are counted from 0 up; 6 is the published number.",
        ),
        ("recipe__epochs", 0, f"recipe.epochs=0: {COUNT}"),
        ("recipe__batch_size", 0, f"recipe.batch_size=0: {COUNT}"),
        ("recipe__lr", -1, f"recipe.lr=-1: {RATE}"),
        ("recipe__lr", math.inf, f"recipe.lr=inf: {RATE}"),
        ("recipe__lr", "abc", "recipe.lr=abc: a number is needed here, and this is a text."),
        ("recipe__label_smoothing", 1, "recipe.label_smoothing=1: from 0 up, below 1."),
        ("seeds", 0, f"seeds=0: {SEEDS}"),
        ("seeds", [-1], f"seeds=[-1]: {SEEDS}"),
        ("dtype", "float16", "dtype=float16: did you mean float64? It is one of float32, float64."),
        (
            "study__margin",
            0,
            "study.margin=0: nats of negative log-likelihood, above 0 and at most 0.5;"
            " or a share of the reference's, above 0% and at most 50%, as 5%.",
        ),
        (
            "study__margin",
            math.nan,
            "study.margin=nan: nats of negative log-likelihood, above 0 and at most 0.5;"
            " or a share of the reference's, above 0% and at most 50%, as 5%.",
        ),
        ("study__shots", 0, "study.shots=0: measurements of an execution, from 1 up."),
        ("head__spread", -1, "head.spread=-1: a standard deviation in radians, 0 or more."),
        ("head__state", "nowhere.pt", "head.state=nowhere.pt: there is no such file."),
        ("freeze__frozen", -1, "freeze.frozen=-1: all, or a number of stages from 0 up."),
        ("freeze__every", -1, "freeze.every=-1: a number of epochs, or 0 for never."),
        ("backbone__pretrain__recipe__epochs", 0, f"backbone.pretrain.recipe.epochs=0: {COUNT}"),
        (
            "backbone__pretrain__dataset__train",
            0,
            (
                "backbone.pretrain.dataset.train=0: scans a class, from 1 up, or their share,"
                " between 0 and 1."
            ),
        ),
        (
            "backbone__size",
            4,
            (
                "backbone.size=4: pixels, 8 to 64; larger pictures want a larger backbone, as"
                " resnet18."
            ),
        ),
        ("backbone__width", 0, "backbone.width=0: channels of the first block, from 1 up."),
        (
            "backbone__weights",
            "nofile.pth",
            (
                "backbone.weights=nofile.pth: there is no such file; give a file, a public name, or"
                " none for random weights."
            ),
        ),
        ("dataset__classes", [6], "dataset.classes=[6]: two or more different digits, 0 to 9."),
        (
            "dataset__classes",
            [6, 6],
            "dataset.classes=[6, 6]: two or more different digits, 0 to 9.",
        ),
        (
            "dataset__classes",
            [6, 12],
            "dataset.classes=[6, 12]: two or more different digits, 0 to 9.",
        ),
        (
            "dataset__share",
            [0.5, 0.4],
            "dataset.share=[0.5, 0.4]: from and to, 0 <= from < to <= 1.",
        ),
        (
            "dataset__train",
            0,
            "dataset.train=0: scans a class, from 1 up, or their share, between 0 and 1.",
        ),
        (
            "dataset__validation",
            1.5,
            "dataset.validation=1.5: scans a class, from 1 up, or their share, between 0 and 1.",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_key_the_reason_and_what_would_be_right(
    refused, key, value, said
):
    assert refused(**{key: value}) == said


@pytest.mark.parametrize(
    "values, said",
    [
        (
            {"tune": -1},
            (
                "tune=-1: how many draws of its values each row is given, from 1 up; 0 trains every"
                " row as it stands."
            ),
        ),
        ({"tune": 2.5}, f"tune=2.5: {WHOLE}, and this is a number."),
        ({"tune": True}, f"tune=true: {WHOLE}, and this is true or false."),
        (
            {"splits": 0},
            "splits=0: how often train and validation are drawn, from 1 up; each draws them for"
            " each seed.",
        ),
        (
            {"splits": -3},
            "splits=-3: how often train and validation are drawn, from 1 up; each draws them for"
            " each seed.",
        ),
        (
            {"splits": None},
            "splits=null: a whole number or each is needed here, and this is nothing (null).",
        ),
        ({"folds": 1}, "folds=1: the parts of a cross-validation, from 2 up; null for none."),
        ({"folds": 0}, "folds=0: the parts of a cross-validation, from 2 up; null for none."),
        ({"folds": 3, "splits": 2}, "splits=2, folds=3: choose one of the two."),
        (
            {"recipe__space": 3},
            "recipe.space=3: a group of values stands here, each given as"
            " recipe.space.KEY=[LOW,HIGH].",
        ),
    ],
)
def test_a_tuning_or_a_redraw_that_cannot_be_is_refused(refused, values, said):
    assert refused(compare={}, **values) == said


@pytest.mark.parametrize(
    "key, space, said",
    [
        (
            "lr",
            [0.1, 0.001],
            "=[0.1, 0.001]: its low end is above its high end; turn them round, [0.001,0.1].",
        ),
        ("lr", [0, 0.1], f"=[0, 0.1]: {ENDS}"),
        ("lr", [-0.1, 0.1], f"=[-0.1, 0.1]: {ENDS}"),
        ("lr", [0.1, math.inf], f"=[0.1, inf]: {ENDS}"),
        ("lr", [0.1, math.nan], f"=[0.1, nan]: {ENDS}"),
        ("lr", [0.1], f"=[0.1]: {RATES}"),
        ("lr", [0.1, 0.2, 0.3], f"=[0.1, 0.2, 0.3]: {RATES}"),
        ("lr", 5, f"=5: {LIST}"),
        ("lr", [], f"=[]: {LIST}"),
        ("scale", "none", f"=none: {LIST}"),
        ("lr", [0.1, "fast"], "=fast: a number is needed here, and this is a text."),
        ("foo", [1, 2], f": recipe takes no such value; it is one of {TAKEN}"),
        (
            "momentun",
            [0.1, 0.9],
            f": recipe takes no such value; did you mean momentum? It is one of {TAKEN}",
        ),
        (
            "scale",
            ["none", "standart"],
            "=standart: did you mean standard? It is one of auto, none, standard.",
        ),
    ],
)
def test_a_space_that_cannot_be_is_refused(refused, key, space, said):
    changes = {f"recipe__space__{key}": space}
    assert refused(compare={}, **changes) == f"recipe.space.{key}{said}"


def test_more_digits_than_there_are_are_refused(refused):
    assert (
        refused(dataset__train=1000, dataset__validation=20)
        == "dataset.train=1000: with validation=20, class 6 has 109 items, too few for parts of"
        " 1000 + 20 (items a class: 6 109, 7 107, 8 104, 9 108)."
    )
    assert (
        refused(
            dataset__classes=[7, 6],
            dataset__share=[0, 0.1],
            dataset__train=10,
            dataset__validation=8,
        )
        == "dataset.train=10: with validation=8, no scan is left for the test split; take fewer."
    )


def test_a_task_that_shares_items_with_the_source_task_is_refused(refused):
    """178 zeros and 181 sixes: from .3 on 125 and 127 are left, 18 of them zeros that the source
    task may have taken.
    """
    found = re.fullmatch(
        r"dataset: (\d+) of its 252 items are in the source task that the backbone is pre-trained"
        r" on; let their classes "
        r"or shares not overlap\.",
        refused(dataset__classes=[0, 6], dataset__share=[0.3, 1]),
    )
    assert found and 0 < int(found[1]) <= 18


METHODS = "parameter-shift, finite-diff, spsa, hadamard."


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["device=default.qubit", "device.name=nope"],
            (
                r"device\.name=nope: PennyLane has no such device here; it is one of"
                r" .*default\.qubit, .*"
            ),
        ),
        (
            ["device=default.qubit", "device.name=default.qubitt"],
            r"device\.name=default\.qubitt: PennyLane has no such device here; did you "
            r"mean default\.qubit\? It is one of .*",
        ),
        (
            ["device=lightning.qubit", "device.diff_method=backprop"],
            r"device\.diff_method=backprop: lightning\.qubit cannot differentiate this "
            rf"circuit so; use best, adjoint, {METHODS}",
        ),
        (
            ["device=default.qubit", "device.shots=100", "device.diff_method=backprop"],
            (
                r"device\.diff_method=backprop: default\.qubit with shots=100 cannot differentiate"
                rf" this circuit so; use best, {METHODS}"
            ),
        ),
        (
            ["device=default.qubit", "device.shots=0"],
            r"device\.shots=0: at least one, or null for exact expectation values\.",
        ),
        (["device.shots=0"], r"device\.shots=0: at least one, or null for exact values\."),
        (["device.seed=-1"], r"device\.seed=-1: a whole number from 0 up\."),
        (
            ["device.method=dense", "circuit.qubits=9"],
            (
                r"device\.method=dense: the matrices of 9 qubits are too large; use it up to 8,"
                r" grouped beyond\."
            ),
        ),
        (
            ["device=default.qubit", "device.seed=-1"],
            r"device\.seed=-1: a whole number from 0 up\.",
        ),
        (
            ["circuit.qubits=1000000"],
            (
                r"circuit\.qubits=1000000: a state of 2\*\*1000000 amplitudes needs 2\*\*999974"
                r" GiB, .* use \d+ or fewer\."
            ),
        ),
        (
            ["circuit.qubits=40"],
            (
                r"circuit\.qubits=40: a state of 2\*\*40 amplitudes needs 16,384 GiB, .* this"
                r" machine has [\d.]+; use \d+ or fewer\."
            ),
        ),
        (
            ["device=lightning.qubit", "circuit.qubits=60"],
            r"circuit\.qubits=60: a state of 2\*\*60 amplitudes .*; use \d+ or fewer\.",
        ),
    ],
)
def test_a_device_that_cannot_run_the_circuit_is_refused(refusal, words, said):
    assert re.fullmatch(said, refusal(*words))


def test_a_point_of_a_sweep_that_cannot_be_ends_it_before_it_starts(refusal):
    assert refusal("-m", "circuit.qubits=2,40").startswith(
        "circuit.qubits=40: a state of 2**40 amplitudes"
    )
    assert (
        refusal("-m", "circuit.qubits=2,four")
        == f"circuit.qubits=four: {WHOLE}, and this is a text."
    )
    assert refusal("-m", "head=quantum,quantun").startswith(
        "head=quantun: there is no such option; did you mean quantum?"
    )


def test_a_sweep_over_what_its_points_share_or_with_a_point_twice_is_refused(refusal):
    assert (
        refusal("-m", "study.margin=.1,.2")
        == "study: all points of a sweep share it; run one sweep for each."
    )
    assert (
        refusal("-m", "outputs=here,there")
        == "outputs: all points of a sweep share it; run one sweep for each."
    )
    assert (
        refusal("-m", "circuit.qubits=2,3,2")
        == "circuit.qubits=2: this point stands twice in the sweep."
    )


def test_an_accelerator_that_is_not_there_is_refused(refused, monkeypatch):
    for name, library in (("cuda", torch.cuda), ("mps", torch.mps)):
        monkeypatch.setattr(library, "is_available", lambda: False)
        assert (
            refused(accelerator=name)
            == f"accelerator={name}: torch finds none on this machine; use cpu."
        )


def paint(path, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.random.default_rng(zlib.crc32(str(path).encode())).integers(
        0, 256, (8, 8, 4), dtype=np.uint8
    )
    pixels = {
        "RGB": numbers[..., :3],
        "F": numbers[..., 0].astype(np.float32),
    }[mode]
    Image.fromarray(pixels).save(path)


@pytest.fixture
def pictures(tmp_path):
    """A good folder: two classes of ten pictures."""
    for name in ("ants", "bees"):
        for number in range(10):
            paint(tmp_path / f"pictures/{name}/{number}.png")
    return tmp_path / "pictures"


def truncate(path):
    path.write_bytes(path.read_bytes()[:120])


@pytest.mark.parametrize(
    "spoil, said",
    [
        (
            lambda root: [path.unlink() for path in root.glob("ants/*")],
            (
                "class ants holds no pictures and nothing else; add or convert some, or remove the"
                " folder (JPEG, PNG, WebP, BMP, TIFF and PPM are taken)."
            ),
        ),
        (
            lambda root: (
                [path.rename(root / "bees" / f"more-{path.name}") for path in root.glob("ants/*")]
                and (root / "ants").rmdir()
            ),
            "it holds one class only, bees; add a folder for a second class.",
        ),
        (
            lambda root: truncate(root / "ants/3.png"),
            (
                "ants/3.png is damaged or cut off (image file is truncated); fetch it again or"
                " remove it."
            ),
        ),
        (
            lambda root: paint(root / "ants/3.tif", "F"),
            "ants/3.tif has signed, 32-bit or floating-point channels, whose white is unknown;"
            " convert it to 8 or 16 bits a channel.",
        ),
    ],
    ids=["empty class", "one class", "truncated", "32 bits"],
)
def test_a_folder_of_pictures_that_cannot_be_read_is_refused(refusal, pictures, spoil, said):
    spoil(pictures)
    assert (
        refusal("dataset=folder", f"dataset.root={pictures}", "backbone=small")
        == f"dataset.root={pictures}: {said}"
    )


def test_pictures_without_a_chosen_backbone_ask_for_one(refusal, pictures):
    folder = ("dataset=folder", f"dataset.root={pictures}")
    assert (
        refusal(*folder)
        == "dataset=folder: its backbone learns on digits of 8 x 8 pixels; choose one for these"
        " pictures, as backbone=efficientnet_lite0, or type backbone=small to keep it."
    )
    assert "choose one" in refusal(*folder, "backbone.pretrain.recipe.epochs=1")
    for words in (("backbone=small",), ("backbone.weights=none", "backbone.pretrain=null")):
        plan = compose_plan(*folder, *words, "compare=[]", f"home={pictures.parent}/home")
        assert checked(plan.values)


def test_a_folder_of_pictures_that_is_not_there_is_refused(refusal, pictures):
    assert (
        refusal("dataset=folder", "dataset.root=/nowhere")
        == "dataset.root=/nowhere: there is no such folder; give one that holds class folders."
    )
    near = pictures.with_name("pictues")
    assert (
        refusal("dataset=folder", f"dataset.root={near}")
        == f"dataset.root={near}: there is no such folder; is {pictures} meant?"
    )


def test_a_backbone_that_does_not_take_the_datasets_items_is_refused(refusal, pictures):
    assert (
        refusal("backbone=identity", "backbone.features=65")
        == "backbone.features=65: the dataset's items have 64 numbers."
    )
    assert (
        refusal(
            "backbone=identity",
            "backbone.features=64",
            "dataset=folder",
            f"dataset.root={pictures}",
        )
        == "backbone.features=64: the dataset's items have 192 numbers."
    )


def test_weights_that_cannot_be_downloaded_are_refused_with_file_hash_and_folder(
    refusal, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    name = "resnet18-f37072fd.pth"
    assert (
        refusal("backbone=resnet18")
        == f"backbone.weights=IMAGENET1K_V1: {name} could not be downloaded (no network); put"
        f" https://download.pytorch.org/models/{name} (its SHA-256 begins with f37072fd) into"
        f" {tmp_path}/torch/hub/checkpoints, or name a file with backbone.weights=FILE."
    )


def test_data_that_cannot_be_downloaded_are_refused_with_address_and_folder(
    refusal, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    said = refusal("experiment=ants_bees", "backbone.weights=none")
    assert said.startswith(
        f"dataset: data={tmp_path}/home/data: hymenoptera_data.zip could not be fetched (no"
        " network); fetch https://"
    )
    assert (
        f"unpack it, so that {tmp_path}/home/data/hymenoptera_data is there" in said
        and "QTLRUN_DATA" in said
    )


def test_outputs_that_cannot_be_written_are_refused(refusal, place):
    (place / "file").touch()
    assert (
        refusal(*QUICK, "outputs=file")
        == "outputs=file: no folder can be made there (Not a directory); name another with"
        " outputs=FOLDER."
    )


def test_a_home_that_cannot_be_written_is_refused(refusal, place):
    (place / "file").touch()
    for home in (place / "file", place / "file/below"):
        assert (
            refusal(*QUICK, f"home={home}")
            == f"home={home}: {place}/file is no folder; name another with home=FOLDER or"
            " QTLRUN_HOME."
        )


@pytest.fixture
def mine(tmp_path):
    """A folder of options of one's own."""
    folder = tmp_path / "mine"
    for name in ("head", "experiment"):
        (folder / name).mkdir(parents=True)
    (folder / "head/mine.yaml").write_text(
        "# One's own.\n_target_: qtlrun.head.dressed.Quantum\nspread: 0.3\n"
    )
    (folder / "experiment/tiny.yaml").write_text(
        "# @package _global_\n# One's own.\ndefaults:\n  - override /head: mine\nseeds: 1\n"
    )
    return folder


def test_an_option_of_ones_own_is_an_option(refusal, mine, capsys):
    (job,) = compose(["head=mine", "--config-dir", str(mine)])
    assert job["head"] == {"_target_": "qtlrun.head.dressed.Quantum", "spread": 0.3}
    (job,) = compose([f"--config-dir={mine}", "experiment=tiny"])
    assert job["head"]["spread"] == 0.3 and job["seeds"] == 1
    assert [
        job["head"].get("spread")
        for job in compose(["-cd", str(mine), "-m", "head=mine,classical"])
    ] == [0.3, None]
    assert not capsys.readouterr().err
    assert refusal("head=min", "-cd", str(mine)) == (
        "head=min: there is no such option; did you mean mine? It is one of " + WITH_MINE
    )
    assert (
        refusal("head=mine", "head.sprea=3", "-cd", str(mine))
        == "head.sprea: there is no such key; did you mean spread? It is one of spread."
    )


def test_a_sweep_in_an_option_of_ones_own_is_swept_with_the_flag_and_refused_without(refusal, mine):
    preset = mine / "experiment/swept.yaml"
    preset.write_text(
        "# @package _global_\n# One's own.\n"
        "hydra: {mode: MULTIRUN, sweeper: {params: {circuit.qubits: '2,3'}}}\n"
    )
    words = ["experiment=swept", "-cd", str(mine)]
    assert [job["circuit"]["qubits"] for job in compose(["-m", *words])] == [2, 3]
    assert refusal(*words) == "hydra.mode=MULTIRUN: a sweep is asked for with the flag -m."


def test_an_option_of_ones_own_runs(mine, place, undrawn, capsys):
    assert main([*QUICK, "head=mine", "--config-dir", str(mine)]) == 0
    assert "Written to outputs/" in capsys.readouterr().out
    (plan,) = yaml.safe_load_all(next(place.glob("outputs/*/*/plan.yaml")).read_text())
    assert plan["head"]["spread"] == 0.3 and plan["overrides"] == [*QUICK, "head=mine"]


def test_an_option_that_shadows_a_shipped_one_is_said_to_be_passed_over(mine, capsys):
    (mine / "head/twin.yaml").write_text(
        "# One's own.\n_target_: qtlrun.head.classical.Classical\n"
    )
    assert main(["--help", "--config-dir", str(mine)]) == 0
    assert "head/twin.yaml is not used" in capsys.readouterr().err
    (job,) = compose(["head=twin", "--config-dir", str(mine)])
    assert job["head"]["_target_"] == "qtlrun.head.dressed.Twin"
    assert (
        capsys.readouterr().err
        == f"qtlrun: {mine}/head/twin.yaml is not used: qtlrun ships an option of that name; rename"
        " it.\n"
    )


@pytest.mark.parametrize(
    "name, text, said",
    [
        (
            "head/mine",
            "a: [1\nb: 2\n",
            "{}/head/mine.yaml: line 2: expected ',' or ']', but got ':'.",
        ),
        ("head/mine", "_target_: nowhere.Head\n", "head._target_=nowhere.Head: " + PART),
        (
            "head/mine",
            "_target_: qtlrun.head.dressed.Twin\nqbits: 3\n",
            "head.qbits: there is no such key; it is one of reach, layout, pre, middle, post.",
        ),
        (
            "experiment/tiny",
            "# @package _global_\ndefaults:\n  - override /head: nowhere\n",
            "head=nowhere: there is no such option; it is one of " + WITH_MINE,
        ),
        (
            "experiment/tiny",
            "# @package _global_\nseed: 3\n",
            f"seed: there is no such key; did you mean seeds? It is one of {KEYS}",
        ),
    ],
)
def test_an_option_of_ones_own_that_cannot_be_is_refused(refusal, mine, name, text, said):
    (mine / f"{name}.yaml").write_text(text)
    assert refusal(name.replace("/", "="), "--config-dir", str(mine)) == said.format(mine)


CIRCUIT = """
import pennylane as qml

class Ring:
    def __init__(self, qubits: int, depth: int):
        self.qubits, self.depth, self.shape = qubits, depth, (depth, qubits)

    def __call__(self, inputs, weights):
        qml.AngleEmbedding(inputs, range(self.qubits), rotation="Y")
        for layer in weights:
            for wire in range(self.qubits):
                qml.CNOT([wire, (wire + 1) % self.qubits])
                qml.RY(layer[wire], wire)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(self.qubits)]
"""


def test_a_circuit_of_ones_own_runs_with_every_control(mine, place, undrawn, capsys):
    (place / "ring.py").write_text(CIRCUIT)
    (mine / "circuit").mkdir()
    (mine / "circuit/ring.yaml").write_text("# A ring.\n_target_: ring.Ring\nqubits: 3\ndepth: 1\n")
    assert (
        main(
            [
                *QUICK,
                "circuit=ring",
                "plugins=[ring.py]",
                "--config-dir",
                str(mine),
                "compare=[frozen_circuit,unentangled,zeroed,twin]",
            ]
        )
        == 0
    )
    table = next(place.glob("outputs/*/*/table.md")).read_text()
    assert "| composed | ring circuit (3 qubits, depth 1) |" in table
    assert "| unentangled | ring circuit (3 qubits, depth 1), unentangled |" in table


def test_flags_may_stand_anywhere_among_the_overrides():
    words = ["circuit.qubits=2,3", "seeds=1"]
    for place in range(3):
        jobs = compose([*words[:place], "-m", *words[place:]])
        assert [job["circuit"]["qubits"] for job in jobs] == [2, 3] and {
            job["seeds"] for job in jobs
        } == {1}


def test_a_sweep_is_a_plan_a_point(place):
    jobs = compose(["-m", "circuit.qubits=range(2,4)", "circuit.depth=1,2", "recipe.lr=0.1"])
    assert [(job["circuit"]["qubits"], job["circuit"]["depth"]) for job in jobs] == [
        (2, 1),
        (2, 2),
        (3, 1),
        (3, 2),
    ]
    assert jobs[1]["overrides"] == ["circuit.qubits=2", "circuit.depth=2", "recipe.lr=0.1"]
    assert not list(place.iterdir())


def test_a_reference_is_added_to_the_default_ones():
    assert list(compose(["+compare=unentangled"])[0]["compare"]) == [
        "B",
        "C",
        "twin",
        "frozen_circuit",
        "unentangled",
    ]
    assert list(compose(["compare=[D]"])[0]["compare"]) == ["D"] and not compose(["compare=[]"])[
        0
    ].get("compare")


@pytest.mark.parametrize(
    "words, name",
    [
        ([], "digits-quantum"),
        (["head=twin"], "digits-twin"),
        (["experiment=ants_bees"], "ants_bees"),
        (["study=power"], "power"),
        (["study=power", "experiment=ants_bees"], "ants_bees"),
        (["experiment=nonlinearity", "study.runs=null"], "nonlinearity"),
        (["study=trend", "-m", "circuit.qubits=2,3"], "trend"),
    ],
)
def test_a_run_is_named_for_its_preset_or_its_study_or_for_dataset_and_head(words, name):
    assert {job["name"] for job in compose(words)} == {name}


RUNS = ["study=trend", "compare=[twin]", "seeds=3"]


def test_a_study_that_names_runs_has_the_plans_of_each(place):
    words = [
        *RUNS,
        "circuit.depth=2",
        "study.runs=['circuit.qubits=2,3','head=twin recipe.lr=0.01,0.02,0.03']",
    ]
    jobs = compose(words)
    assert [job["line"] for job in jobs] == ["circuit.qubits=2,3"] * 2 + [
        "head=twin recipe.lr=0.01,0.02,0.03"
    ] * 3
    assert [job["circuit"]["qubits"] for job in jobs] == [2, 3, 4, 4, 4]
    assert [job["recipe"]["lr"] for job in jobs] == [0.01, 0.01, 0.01, 0.02, 0.03]
    assert {job["circuit"]["depth"] for job in jobs} == {2} and {job["seeds"] for job in jobs} == {
        3
    }
    assert jobs[0]["overrides"] == [*RUNS, "circuit.depth=2", "circuit.qubits=2", "study.runs=null"]
    for each in jobs:
        assert each["command"] == ["qtlrun", *words]
        assert each["name"] == "trend" and each["study"]["runs"] is None
    assert jobs[2]["head"]["_target_"].endswith("Twin") and not list(place.iterdir())


def test_a_run_of_a_study_is_what_its_words_would_be_alone():
    made, alone = (
        compose([*RUNS, "study.runs=['-m dataset.train=5,6']"]),
        compose([*RUNS, "-m", "dataset.train=5,6"]),
    )
    for mine, its in zip(made, alone, strict=True):
        assert {
            key: value for key, value in mine.items() if key not in ("line", "overrides", "command")
        } == {key: value for key, value in its.items() if key not in ("overrides", "command")}


def test_a_run_may_choose_a_preset_and_quote_as_a_shell_does():
    (job,) = compose(
        ["study=reproduce", "study.runs=['experiment=smoke \"compare=[twin, C]\" recipe.epochs=7']"]
    )
    assert (
        job["recipe"]["epochs"] == 7
        and job["recipe"]["batch_size"] == 16
        and list(job["compare"]) == ["twin", "C"]
    )
    assert job["name"] == "reproduce"


def test_a_run_takes_words_from_the_environment(monkeypatch):
    monkeypatch.setenv("QTLRUN_MORE", "circuit.qubits=3 dtype=float64")
    (job,) = compose([*RUNS, "study.runs=['recipe.lr=0.5 $QTLRUN_MORE']"])
    assert (
        job["circuit"]["qubits"] == 3
        and job["dtype"] == "float64"
        and job["line"] == "recipe.lr=0.5 circuit.qubits=3 dtype=float64"
    )
    monkeypatch.setenv("QTLRUN_MORE", "")
    (job,) = compose([*RUNS, "study.runs=['$QTLRUN_LESS recipe.lr=0.5 $QTLRUN_MORE']"])
    assert job["circuit"]["qubits"] == 4 and job["line"] == "recipe.lr=0.5"  # as it could be typed


def test_the_runs_of_a_preset_are_its_own_and_can_be_changed():
    jobs = compose(["experiment=nonlinearity", "seeds=3"])
    assert [job["dataset"].get("turns") for job in jobs][:6] == [0.25, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert len({job["line"] for job in jobs}) == 3
    assert {job["seeds"] for job in jobs} == {3} and {job["name"] for job in jobs} == {
        "nonlinearity"
    }
    (job,) = compose(["experiment=nonlinearity", "study.runs=['dataset.turns=3.0']"])
    assert job["dataset"]["turns"] == 3 and job["line"] == "dataset.turns=3.0"


TWICE = (
    ": this run says it otherwise; leave it out, or name runs of your own with study.runs=[...]."
)
LINES = "command lines are needed here, as study.runs=['experiment=spirals','experiment=moons']."


@pytest.mark.parametrize(
    "words, said",
    [
        (["study.runs=3"], f"study.runs=3: {LINES}"),
        (["study.runs=[]"], f"study.runs=[]: {LINES}"),
        (["study.runs=[3]"], f"study.runs=[3]: {LINES}"),
        (["study.runs=moons"], f"study.runs=moons: {LINES}"),
        (
            ["-m", "circuit.qubits=2,3", "study.runs=['seeds=4']"],
            "study.runs: this study has runs of its own; leave out -m.",
        ),
        (
            ["study.runs=['recipe.lr=.1','circuit.qbits=2,3']"],
            (
                "study.runs, circuit.qbits=2,3: circuit.qbits: there is no such key; did you mean"
                " qubits? It is one of copies, depth, qubits, readout."
            ),
        ),
        (
            ["study.runs=['dataset=spiral dataset.turns=1,2']"],
            "study.runs, dataset=spiral dataset.turns=1,2: dataset=spiral: there is no such option;"
            " did you mean spirals? It is one of " + DATASETS,
        ),
        (
            ['study.runs=["recipe.lr=.1 \'seeds=4"]'],
            (
                "study.runs, recipe.lr=.1 'seeds=4: it cannot be read as a command line (No closing"
                " quotation)."
            ),
        ),
        (
            ["dataset=moons", "study.runs=['dataset=spirals dataset.turns=1,2']"],
            "study.runs, dataset=spirals dataset.turns=1,2: dataset=moons" + TWICE,
        ),
        (
            [
                "circuit.qubits=2",
                "study.runs=['recipe.lr=.1,.2','recipe.lr=.1,.2 ++circuit.qubits=3']",
            ],
            "study.runs, recipe.lr=.1,.2 ++circuit.qubits=3: circuit.qubits=2" + TWICE,
        ),
        (
            ["study.runs=['circuit.qubits=2,3','circuit.qubits=3']"],
            (
                "study.runs, circuit.qubits=3: study=trend follows one number; sweep it, as -m"
                " dataset.turns=0.5,1,2 (here vary: none)."
            ),
        ),
        (
            ["study.runs=['circuit.qubits=2,3','circuit.depth=1,2 ~compare.twin']"],
            (
                "study.runs, circuit.depth=1,2 ~compare.twin: compare=[]: a trend is one of"
                " differences; choose a reference, as compare=[twin]."
            ),
        ),
    ],
)
def test_runs_that_cannot_be_are_refused_by_name(refusal, words, said):
    assert refusal(*RUNS, *words) == said


@pytest.mark.parametrize("key", ["line", "name", "command", "overrides"])
def test_what_a_plan_is_told_by_its_study_cannot_be_typed(refusal, key):
    assert refusal(f"+{key}=mine") == f"{key}: there is no such key."


STUDY = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Patient:
    # goes on without a plan that is refused
    excuses = True

    def run(self, plans, experiment, report): ...

@dataclass(frozen=True)
class Strict:
    def run(self, plans, experiment, report): ...
"""


@pytest.fixture
def jobs(default, home, place):
    """Plans of a study of one's own whose second lacks its data, and whose third its weights."""
    (place / "mine_study.py").write_text(STUDY)

    def make(study):
        shared = copy.deepcopy(default) | {
            "home": str(home),
            "plugins": [f"{place}/mine_study.py"],
            "compare": {},
        }
        shared["study"] = {"_target_": f"mine_study.{study}"}
        shared["backbone"] = {"_target_": "qtlrun.backbone.identity.Identity", "features": None}
        folder = part("dataset", "folder") | {"root": "/nowhere"}
        small = default["backbone"] | {"weights": "/nowhere.pt"}
        changes = ({"seeds": 1}, {"dataset": folder}, {"backbone": small})
        return [shared | change for change in changes]

    return make


FOLDER, FILE = (
    "dataset.root=/nowhere: there is no such folder; give one that holds class folders.",
    (
        "backbone.weights=/nowhere.pt: there is no such file; give a file, a public name, or none"
        " for random weights."
    ),
)


def test_a_study_that_excuses_goes_on_without_the_plans_whose_data_or_weights_are_not_here(jobs):
    assert [plan.refusal for plan in checked(*jobs("Patient"))] == ["", FOLDER, FILE]


QUBITS, NUMBERS = (
    "circuit.qubits=0: a circuit needs at least one qubit; 4 is the published number.",
    "backbone.features=65: the dataset's items have 64 numbers.",
)


@pytest.mark.parametrize(
    "group, values, said",
    [
        ("circuit", {"qubits": 0}, QUBITS),
        ("backbone", {"features": 65}, NUMBERS),
        (
            "dataset",
            {"root": __file__},
            (
                f"dataset.root={__file__}: this is a file; give a folder that holds class folders"
                " (unpack an archive first)."
            ),
        ),
    ],
)
def test_a_plan_that_no_data_would_mend_is_excused_by_no_study(jobs, group, values, said):
    made = jobs("Patient")
    plan = made[1] if group == "dataset" else made[0]
    plan[group] = plan[group] | values
    with pytest.raises(UsageError) as error:
        checked(plan)
    assert str(error.value) == said


@pytest.mark.parametrize("number, said", [(1, FOLDER), (2, FILE)])
def test_another_study_ends_at_the_first_plan_that_is_refused(jobs, number, said):
    made = jobs("Strict")
    with pytest.raises(UsageError) as error:
        checked(made[0], made[number])
    assert str(error.value) == said


def test_what_is_misspelt_is_excused_by_no_study(jobs):
    made = jobs("Patient")
    made[1]["circuit"] = made[1]["circuit"] | {"qubits": "four"}
    with pytest.raises(UsageError) as error:
        checked(*made)
    assert str(error.value) == f"circuit.qubits=four: {WHOLE}, and this is a text."


def test_a_plan_that_is_excused_downloads_nothing(jobs, monkeypatch):
    """Its data are not here, and its weights are of no use."""
    from qtlrun.experiment import Experiment

    loaded = []
    monkeypatch.setattr(
        Experiment,
        "load",
        lambda self, row: loaded.append(row.target("dataset").rpartition(".")[2]),
    )
    checked(*jobs("Patient")[:2])
    assert loaded == ["digits"]


@pytest.mark.parametrize(
    "word, said",
    [
        ("+published=3", "published=3"),
        ("+published.accuracy=3", "published.accuracy=3"),
        ("+published.accuracy.composed=abc", "published.accuracy.composed=abc"),
        ("+published.accuracy.composed=1.5", "published.accuracy.composed=1.5"),
    ],
)
def test_published_figures_of_another_form_are_refused(refusal, word, said):
    assert refusal(*QUICK, "study=reproduce", "study.runs=null", word).startswith(f"{said}: ")


def test_the_home_is_an_environment_variable(home, monkeypatch):
    assert compose([])[0]["home"] == str(home)
    monkeypatch.delenv("QTLRUN_HOME")
    assert compose([])[0]["home"] == "~/.cache/qtlrun"


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"qtlrun {metadata.version('qtlrun')}\n"


def test_help_names_every_group_and_what_the_exit_codes_mean(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert (
        f"dataset: {', '.join(options('dataset'))}" in " ".join(out.split())
        and "2 your error and nothing started" in out
    )


def test_the_composed_values_are_printed_and_nothing_is_left(capsys, place):
    assert main(["--cfg", "job", "seeds=7"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert (
        printed["seeds"] == 7 and printed["study"]["margin"] == 0.05 and not list(place.iterdir())
    )


@pytest.mark.parametrize(
    "error, code, said",
    [
        (
            OSError(28, "No space left on device", "/store"),
            4,
            "qtlrun: /store: No space left on device.\n",
        ),
        (
            disk.Unwritable(OSError(30, "Read-only file system"), Path("/store/row")),
            4,
            (
                "qtlrun: /store/row: Read-only file system; name another folder with outputs=FOLDER"
                " or home=FOLDER.\n"
            ),
        ),
        (
            KeyError("x" * 5000),
            3,
            (
                f"qtlrun: a bug: KeyError: '{'x' * 374} ... {'x' * 199}'\nHYDRA_FULL_ERROR=1 shows"
                " where.\n"
            ),
        ),
        (
            MemoryError(),
            4,
            "qtlrun: out of memory; a smaller batch, fewer seeds or fewer qubits need less.\n",
        ),
        (KeyError("x"), 3, "qtlrun: a bug: KeyError: 'x'\nHYDRA_FULL_ERROR=1 shows where.\n"),
        (
            KeyboardInterrupt(),
            130,
            (
                "qtlrun: stopped; what was finished is in the store, and the same command goes on"
                " from there.\n"
            ),
        ),
    ],
)
def test_what_ends_a_run_has_its_exit_code(monkeypatch, capsys, error, code, said):
    def fail(plans):
        raise error

    monkeypatch.setattr("qtlrun.compose.check_words", fail)
    assert main(QUICK) == code
    assert capsys.readouterr().err == said


def test_the_environment_is_as_it_was(monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    before = list(sys.argv)
    compose(["seeds=1"])
    assert os.environ["HYDRA_FULL_ERROR"] == "0" and sys.argv == before


def test_where_an_error_comes_from_is_shown_on_demand(monkeypatch, capsys):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    assert main(["seeds=0"]) == 2
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err and err.endswith(
        f"qtlrun: seeds=0: {SEEDS}\n"
    )


def test_a_bad_value_of_a_reference_is_named_in_the_reference(refusal):
    assert (
        refusal("+compare.mine={circuit:{qubits:0},isolates:the qubits}")
        == "compare.mine.circuit.qubits=0: a circuit needs at least one qubit; 4 is the published"
        " number."
    )
