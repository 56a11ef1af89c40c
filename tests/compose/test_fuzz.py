"""A thousand command lines that are a little or very wrong: each is done or refused in a sentence,
soon and in little room.
"""

import importlib
import os
import pkgutil
import random
import resource
import signal
import tempfile

import pandas as pd
import pytest
import yaml
from hydra._internal.hydra import Hydra

from qtlrun import study
from qtlrun.compose import main, point

SECONDS = 10  # of computing that a line may take; most take .1
CLOCKS = {
    signal.ITIMER_PROF: SECONDS,
    signal.ITIMER_REAL: 12 * SECONDS,
}  # a busy machine stretches the second
MEMORY = 1 << 30  # bytes that all lines together may add
CORPUS = [
    line.split()
    for line in (
        "seeds=3",
        "compare=[B,C,twin]",
        "compare=[]",
        "compare=[twin] +compare.twin.head.layout=null",
        "+compare=unentangled seeds=[3,7]",
        "+compare.B.recipe.epochs=3 compare=[B]",
        "~compare.twin",
        "circuit.qubits=3 circuit.depth=2 seeds=20 tune=4 compare=[B,C,twin,unentangled]",
        "-m circuit.qubits=2,3 circuit.depth=1,2",
        "-m circuit.qubits=range(2,5) recipe.lr=choice(0.1,0.01)",
        "-m head=quantum,twin",
        "--multirun freeze=glob(*)",
        "head=twin backbone=identity recipe.epochs=1",
        "head=quantum device=lightning.qubit",
        "device=default.qubit device.shots=100 device.diff_method=parameter-shift",
        "experiment=smoke compare=[C] seeds=[0,3]",
        "experiment=smoke recipe.optimizer=sgd recipe.momentum=0.9",
        "dataset=moons backbone=identity recipe.space.lr=[0.001,0.1] tune=2",
        "dataset=folder dataset.root=pictures",
        "dataset.classes=[6,7,8,9] dataset.train=20 splits=3",
        "folds=3 dataset.train=0.5",
        "recipe={lr:0.1}",
        "freeze=stages freeze.frozen=2",
        "backbone.weights=none backbone.size=16",
        "backbone.pretrain.recipe.epochs=3",
        "study=power study.margin=0.1",
        (
            "study=trend compare=[twin] seeds=3 study.runs=['circuit.qubits=2,3','head=twin"
            " recipe.lr=0.01,0.02']"
        ),
        "study=trend compare=[twin] seeds=3 -m circuit.qubits=2,3",
        "dtype=float64 accelerator=cpu fresh=true",
        "outputs=results home=store plugins=[]",
        "--cfg job seeds=7",
        "--cfg hydra --resolve",
        "--cfg all -p recipe",
        "--info defaults",
        "--info searchpath seeds=2",
        "--config-dir options head=mine",
        "--shell-completion install=bash",
        "--hydra-help seeds=3",
        "--help head=twin",
        "hydra/launcher=joblib -m circuit.depth=1,2",
        "hydra/sweeper=optuna -m circuit.depth=1,2",
        "hydra.run.dir=elsewhere",
        "hydra.verbose=true hydra.job.chdir=true",
        "hydra.sweeper.params={circuit.depth:1}",
    )
]
VALUES = (
    "",
    "null",
    "nan",
    "inf",
    "-inf",
    "true",
    "0",
    "-1",
    "1e999",
    "1e-320",
    str(2**31),
    str(2**64),
    "9" * 60,
    "9" * 5000,
    "[]",
    "{}",
    "[1]",
    "[null]",
    "[[1,2],[3]]",
    "{a:1}",
    "{a:{b:[c]}}",
    "[{}]",
    "'x'",
    '"x"',
    "'",
    '"',
    "x y",
    "x,y",
    ",",
    "a,,b",
    "???",
    "${x}",
    "${seeds}",
    "${.}",
    "${oc.env:NOPE}",
    "${oc.env:HOME}",
    "${",
    "$",
    "~",
    "~/x",
    "~nobody/x",
    "#1",
    "a=b",
    "x(1)",
    "choice()",
    "choice(1)",
    "interval(0,1)",
    "range(0,10**9)",
    "range(0,1000000000)",
    "range(0,1,0)",
    "range(3,1)",
    "range(0,inf)",
    "glob(*)",
    "glob(zzz)",
    "sort(3,1)",
    "shuffle(range(9))",
    "tag(a,1)",
    "int(x)",
    "float(1,2)",
    "extend_list(1)",
    "json_str(1)",
    "é",
    "中",
    "\u200b",
    "\U0001d6fc",
    "\t",
    "\n",
    "[" * 30,
    "[" * 30 + "]" * 30,
    "../..",
    "x" * 300,
    "%s",
    "007",
    "2024",
    "1_000",
    "0x10",
    "08",
    "on",
    "yes",
    "B",
    "os.system",
    "[B,[C]]",
    "/dev/null",
    "-m",
)
FLAGS = (
    "-m",
    "--multirun",
    "--run",
    "-r",
    "--cfg",
    "-c",
    "--cfg=job",
    "-cjob",
    "--resolve",
    "--package",
    "-p",
    "--info",
    "-i",
    "--info=plugins",
    "--config-path",
    "-cp",
    "--config-name",
    "-cn",
    "--config-name=x",
    "--config-dir",
    "-cd",
    "--config-dir=.",
    "--shell-completion",
    "-sc",
    "--help",
    "-h",
    "--hydra-help",
    "--version",
    "--experimental-rerun",
    "--experimental-rerun=x",
    "--",
    "-",
    "---",
    "--nope",
    "--multi",
    "-x",
    "-mr",
    "--seeds=3",
)
CHARACTERS = "[]{}()'\"\\,=:~+@$#%&;*?!<>|/. \t\n-_0123456789abcxyzé中\u200b\U0001d6fc"


def mutated(draw):
    """A line of the corpus, changed from one to four times."""
    words = list(draw.choice(CORPUS))
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4))):
        draw.choice(MUTATIONS)(draw, words)
    return [word.replace("\0", "") for word in words]


def changed(change):
    """The mutation of a line that changes one of its words."""

    def mutate(draw, words):
        if words:
            place = draw.randrange(len(words))
            words[place] = change(draw, words[place])

    return mutate


@changed
def drop_a_character(draw, word):
    place = draw.randrange(len(word) + 1)
    return word[:place] + word[place + 1 :]


@changed
def double_a_part(draw, word):
    first, last = sorted(draw.randrange(len(word) + 1) for _ in range(2))
    return word[:last] + word[first:]


@changed
def insert_a_character(draw, word):
    place = draw.randrange(len(word) + 1)
    return word[:place] + draw.choice(CHARACTERS) + word[place:]


@changed
def give_another_value(draw, word):
    return f"{word.partition('=')[0]}={draw.choice(VALUES)}"


@changed
def give_several_values(draw, word):
    return f"{word},{draw.choice(VALUES)}"


@changed
def put_into_brackets(draw, word):
    key, _, value = word.partition("=")
    begin, end = draw.choice(("[]", "{}", "()", "''", '""', "[[", "]]"))
    return f"{key}={begin}{value}{end}"


@changed
def change_the_prefix(draw, word):
    return (
        draw.choice(
            ("+", "++", "+++", "~", "~~", "-", "--", "@", ".", "=", " ", "hydra.", "hydra/")
        )
        + word
    )


@changed
def change_the_key(draw, word):
    key, equals, value = word.partition("=")
    names = key.split(".")
    other = draw.choice(
        (
            names[1:],
            names[:-1],
            names * 2,
            [*names, "x"],
            names[::-1],
            [f"{key}@x"],
            [f"{key}:x"],
            [f"{key}/x"],
        )
    )
    return ".".join(other) + equals + value


@changed
def shout(draw, word):
    return draw.choice((word.upper(), word.title(), word[::-1], word.strip("="), word + "="))


def give_the_value_of_another(draw, words):
    other = draw.choice([word for line in CORPUS for word in line if "=" in word])
    if words:
        place = draw.randrange(len(words))
        words[place] = f"{words[place].partition('=')[0]}={other.partition('=')[2]}"


def take_from_another_line(draw, words):
    words.insert(draw.randrange(len(words) + 1), draw.choice(draw.choice(CORPUS)))


def insert_a_flag(draw, words):
    words.insert(draw.randrange(len(words) + 1), draw.choice(FLAGS))


def double_a_word(draw, words):
    words.extend([draw.choice(words)] if words else [])


def drop_a_word(draw, words):
    del words[draw.randrange(len(words) + 1) :][:1]
    if words:
        words.pop(draw.randrange(len(words)))


def shuffle_the_words(draw, words):
    draw.shuffle(words)


def join_the_words(draw, words):
    words[:] = [draw.choice((" ", "", ",")).join(words)]


MUTATIONS = [
    drop_a_character,
    double_a_part,
    insert_a_character,
    give_another_value,
    give_another_value,
    give_another_value,
    give_several_values,
    put_into_brackets,
    change_the_prefix,
    change_the_key,
    shout,
    give_the_value_of_another,
    take_from_another_line,
    insert_a_flag,
    insert_a_flag,
    double_a_word,
    drop_a_word,
    shuffle_the_words,
    join_the_words,
]


class Hang(BaseException):
    """A line took too long."""


@pytest.fixture
def idle(tmp_path, monkeypatch):
    """A folder to run in, where no study starts and no sweep is long; signals are as they were
    afterwards.
    """
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGPROF)
    }
    for module in pkgutil.iter_modules(study.__path__):
        for kind in vars(importlib.import_module(f"qtlrun.study.{module.name}")).values():
            if (
                isinstance(kind, type)
                and kind.__module__.startswith("qtlrun.study")
                and "run" in vars(kind)
            ):
                monkeypatch.setattr(
                    kind, "run", lambda self, plans, experiment, report: (pd.DataFrame(), True)
                )
    (tmp_path / "options/head").mkdir(parents=True)
    (tmp_path / "options/head/mine.yaml").write_text(
        "# One's own.\n_target_: qtlrun.head.classical.Classical\n"
    )
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QTLRUN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr(point, "MAX_POINTS", 12)
    monkeypatch.setattr(
        Hydra, "get_mode", lambda self, config_name, overrides: None
    )  # it composes once only for that
    monkeypatch.setattr(
        yaml, "SafeLoader", yaml.CSafeLoader
    )  # the same grammar, a tenth of the time

    def hang(number, frame):
        raise Hang

    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, hang)
    assert main(["seeds=1"]) == 0  # what it imports is not to be interrupted
    yield tmp_path
    for number, handler in before.items():
        signal.signal(number, handler)


def fault(words, capsys):
    """What is wrong with the way a line ends, in words; nothing where it is right."""
    for clock, seconds in CLOCKS.items():
        signal.setitimer(clock, seconds)
    try:
        code = main(words)
    except Hang:
        return f"it took more than {SECONDS} s of computing"
    except BaseException as error:  # whatever escapes is a fault
        return f"{type(error).__name__}: {error}"
    finally:
        for clock in CLOCKS:
            signal.setitimer(clock, 0)
    err = capsys.readouterr().err
    if code not in (0, 2):
        return f"code {code}: {err}"
    if "Traceback" in err or (
        code == 2 and not (err.startswith("qtlrun: ") and err.count("\n") <= 2 and len(err) < 2000)
    ):
        return f"not in a sentence: {err}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [int(seed) for seed in os.environ.get("QTLRUN_FUZZ_SEEDS", "0").split(",")]
)
def test_a_thousand_wrong_command_lines_are_done_or_refused_in_a_sentence(idle, capsys, seed):
    draw, faults = random.Random(seed), []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1000):
        words = mutated(draw)
        if wrong := fault(words, capsys):
            faults.append(f"{words}: {wrong}")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert not faults, "\n".join(faults)
    assert grown < MEMORY, f"{grown / 2**20:.0f} MiB"
    assert not list((idle / "scratch").glob("qtlrun-*"))
