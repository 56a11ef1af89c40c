"""The installed command, each run a process of its own; they share a home, so the backbone is
pre-trained once.
"""

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from figures import leave_undrawn
from PIL import Image
from safetensors.numpy import load_file

import qtlrun
from qtlrun import compose, disk
from qtlrun.compose import DONE, main
from qtlrun.error import UsageError

COMMAND = Path(sys.executable).with_name("qtlrun")
SMOKE = [
    "experiment=smoke",
    "recipe.epochs=2",
    "backbone.width=4",
    "backbone.pretrain.recipe.epochs=1",
]
STOPPED = (
    "qtlrun: stopped; what was finished is in the store, and the same command goes on from there.\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def start(home, tmp_path_factory):
    """Start a command in an empty folder."""

    def begin(*words, command=(COMMAND,), folder=None, **options):
        variables = os.environ | {"QTLRUN_HOME": str(home)} | options.pop("variables", {})
        folder = folder or tmp_path_factory.mktemp("run")
        process = subprocess.Popen(
            [*command, *words],
            cwd=folder,
            env=variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        process.folder = folder
        return process

    return begin


def end(process):
    """Wait for a command; gives its output folder, exit code, output and errors."""
    out, err = process.communicate(timeout=300)
    last = out.splitlines()[-1] if out else ""
    written = last.removeprefix("Written to ").partition(";")[0]
    return (
        process.folder / written if written.startswith("outputs/") else None,
        process.returncode,
        out,
        err,
    )


def ignore_interrupts():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


LONG = [
    *SMOKE,
    "seeds=[7]",
    "compare=[B]",
    "+compare.B.recipe.epochs=100000",
]  # A takes a moment, and B takes hours


def stop(process, number):
    """Signal a long command once B is trained."""
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("B: training takes about"):
                break
        process.send_signal(number)
        out, code, said, err = end(process)
    finally:
        process.kill()
    return out, code, "".join(lines) + said, err


@pytest.fixture(scope="module")
def single(start):
    return end(start(*SMOKE, "compare=[C]", "seeds=[0,3]", "splits=1"))


@pytest.fixture(scope="module")
def pair(single, start, tmp_path_factory):
    """Two runs at once in one folder: a sweep, from a module and with every warning an error, and
    one that is interrupted.
    """
    folder = tmp_path_factory.mktemp("pair")
    sweep = start(
        "-m",
        "circuit.qubits=2,3",
        "circuit.depth=1,2",
        *SMOKE,
        "compare=[B,C]",
        "seeds=[1]",
        folder=folder,
        command=(sys.executable, "-m", "qtlrun"),
        variables={"PYTHONWARNINGS": "error"},
    )
    long = start(*LONG, folder=folder, preexec_fn=ignore_interrupts)
    return stop(long, signal.SIGINT), end(sweep)


@pytest.fixture(scope="module")
def interrupted(pair):
    return pair[0]


@pytest.fixture(scope="module")
def sweep(pair):
    return pair[1]


def table(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def trained(said):
    """The rows whose training is reported, two epochs each."""
    return re.findall(r"^(\w+)[^:\n]*: 2 in [\d.]+ s$", said, re.MULTILINE)


def test_a_run_ends_well_and_says_where_its_files_are(single):
    out, code, said, err = single
    assert (code, err) == (0, "")
    folder = out.relative_to(out.parents[2])
    assert said.splitlines()[-1] == f"Written to {folder}; details in table.md"
    assert (out / "table.md").is_file()
    assert "A - C, the whole head against one linear layer" in said
    assert max(map(len, said.splitlines())) <= 100


def test_a_run_leaves_these_files_and_no_other(single):
    out = single[0]
    figures = {
        f"figures/{name}.{kind}"
        for name in ("accuracy", "circuit", "confusion", "learning_curves")
        for kind in ("png", "svg")
    }
    weights = {f"weights/{row}-seed{seed}.safetensors" for row in "AC" for seed in (0, 3)}
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    (backbone,) = {name for name in files if name.startswith("weights/backbone-")}
    assert files == figures | weights | {
        backbone,
        "weights.json",
        "plan.yaml",
        "rows.csv",
        "contrasts.csv",
        "epochs.csv",
        "table.csv",
        "table.md",
        "predictions.csv",
        "environment.json",
        "log.txt",
    }
    assert {path.name for path in out.parents[2].iterdir()} == {"outputs"}


def test_the_files_of_a_run_can_be_read(single):
    out = single[0]
    (plan,) = yaml.safe_load_all((out / "plan.yaml").read_text())
    assert (
        plan["overrides"] == [*SMOKE, "compare=[C]", "seeds=[0,3]", "splits=1"]
        and plan["recipe"]["epochs"] == 2
    )
    assert json.loads((out / "environment.json").read_text())["command"] == [
        "qtlrun",
        *plan["overrides"],
    ]
    lines = table(out / "rows.csv")
    assert list(lines[0]) == ["row", "seed", "metric", "value"]
    assert {(line["row"], line["seed"]) for line in lines} == {
        (row, seed) for row in "AC" for seed in ("0", "3")
    }
    assert [line["row"] for line in table(out / "table.csv")] == ["A", "C"]
    assert len(table(out / "predictions.csv")) == 4 * 308
    assert load_file(out / "weights/A-seed0.safetensors")["head.angles"].shape == (6, 4)
    for path in out.glob("figures/*.png"):
        with Image.open(path) as image:
            image.load()
    assert all("</svg>" in path.read_text() for path in out.glob("figures/*.svg"))
    lines = [line.split(" ", 1)[1] for line in (out / "log.txt").read_text().splitlines()]
    assert [re.match(r"\w+", line)[0] for line in lines[-3:]] == ["features", "A", "C"]


def test_a_sweep_trains_once_what_its_points_share(sweep):
    _, code, said, err = sweep
    assert (code, err) == (0, "")
    assert sorted(trained(said)) == ["A"] * 4 + ["B", "C"]


def test_a_sweep_is_one_table_and_one_heat_map(sweep):
    out = sweep[0]
    lines = table(out / "table.csv")
    assert [(line["circuit.qubits"], line["circuit.depth"]) for line in lines] == [
        ("2", "1"),
        ("2", "2"),
        ("3", "1"),
        ("3", "2"),
    ]
    assert {"validation NLL", "minus B", "minus C", "chosen"} <= set(lines[0])
    with Image.open(out / "figures/sweep.png") as image:
        assert min(image.size) > 200
    assert len(list(yaml.safe_load_all((out / "plan.yaml").read_text()))) == 4
    assert {path.name for path in out.glob("point-*")} == {f"point-{number}" for number in range(4)}


def test_an_interrupt_keeps_what_is_finished_even_where_the_parent_ignored_it(interrupted):
    out, code, said, err = interrupted
    assert (code, err) == (130, STOPPED)
    assert trained(said) == ["A"] and said.splitlines()[-1].startswith("Written to outputs/")
    assert [line["row"] for line in table(out / "table.csv")] == ["A"]
    assert (out / "weights/A-seed7.safetensors").is_file() and not (
        out / "weights/B-seed7.safetensors"
    ).exists()


def test_two_runs_at_once_in_one_folder_get_folders_of_their_own(interrupted, sweep):
    assert interrupted[0] != sweep[0] and interrupted[0].parents[1] == sweep[0].parents[1]
    assert len(list(sweep[0].parents[1].glob("*/*"))) == 2


def test_the_same_command_goes_on_from_there_and_termination_is_a_stop_too(interrupted, start):
    out, code, said, err = stop(start(*LONG), signal.SIGTERM)
    assert (code, err) == (143, STOPPED)
    assert not trained(said) and "† found in the store, not trained again." in said
    (line,) = table(out / "table.csv")
    assert line["row"] == "A" and line["from the store"] == "True"
    assert line["NLL"] == table(interrupted[0] / "table.csv")[0]["NLL"]


def test_a_mistake_costs_two_lines_and_leaves_nothing(start):
    process = start("circuit.qbits=3")
    out, code, said, err = end(process)
    assert (out, code, said) == (None, 2, "") and not list(process.folder.iterdir())
    assert (
        err
        == "qtlrun: circuit.qbits: there is no such key; did you mean qubits? It is one of copies,"
        " depth, qubits, readout.\n"
    )


def test_where_an_error_comes_from_is_shown_on_demand(start):
    _, code, _, err = end(start("seeds=0", variables={"HYDRA_FULL_ERROR": "1"}))
    assert (
        code == 2
        and err.startswith("Traceback (most recent call last):")
        and "\nqtlrun: seeds=0: a number from 1 up" in err
    )


def test_a_reader_that_goes_away_is_no_error(start):
    process = start("--help")
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 128 + signal.SIGPIPE
    process.stderr.close()


def test_a_reader_that_goes_away_costs_no_file_and_has_its_exit_code(single, start):
    process = start(*SMOKE, "compare=[C]", "seeds=[0,3]", "splits=1")
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 128 + signal.SIGPIPE
    process.stderr.close()
    (out,) = process.folder.glob("outputs/*/*")
    files = [
        {path.name for path in folder.rglob("*") if path.is_file()} - {"log.txt"}
        for folder in (out, single[0])
    ]  # nothing was trained
    assert files[0] == files[1] > {"rows.csv", "table.md", "predictions.csv"}
    assert "found in the store" in (out / "table.md").read_text()


def test_a_run_is_on_the_disk_before_it_is_printed(here, undrawn, monkeypatch):
    """The table is held back until the last file is whole, and comes also where that one cannot be
    written.
    """
    from qtlrun.report import output

    seen = []

    def write(out, plans, comparisons):
        seen.append((sorted(path.name for path in out.glob("*.csv")), sys.stdout.stream.getvalue()))
        raise disk.Unwritable(OSError(28, "No space left on device"), out / "environment.json", 10)

    monkeypatch.setattr(output, "write_environment", write)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert main([*SMOKE, "compare=[C]", "seeds=[0,3]", "splits=1"]) == 4
    ((files, before),) = seen
    assert files == ["contrasts.csv", "epochs.csv", "predictions.csv", "rows.csv", "table.csv"]
    sentence = "A - C, the whole head against one linear layer"
    assert sentence not in before and sentence in sys.stdout.getvalue()


@pytest.mark.slow
def test_a_closed_terminal_stops_a_run_unless_it_was_told_to_outlive_it(start):
    out, code, _said, err = stop(start(*LONG), signal.SIGHUP)
    assert (code, err) == (129, STOPPED) and [line["row"] for line in table(out / "table.csv")] == [
        "A"
    ]


def test_a_command_that_nohup_starts_does_not_hear_the_end_of_its_terminal():
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        compose._listen()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN and callable(
            signal.getsignal(signal.SIGTERM)
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_full_disk_of_the_store_ends_a_run_with_what_is_finished(
    here, undrawn, monkeypatch, capsys
):
    """The second row cannot be kept: the first is in the table, and the words name folder, need and
    room.
    """
    from qtlrun.store import Store

    put = Store.put

    def full(self, kind, key, entry):
        if kind == "row" and "head.angles" not in str(entry.arrays.keys()):
            raise disk.Unwritable(
                OSError(28, "No space left on device"), Path("/store/row/key"), 2_500_000
            )
        put(self, kind, key, entry)

    monkeypatch.setattr(Store, "put", full)
    assert main([*SMOKE, "compare=[C]", "seeds=[5]"]) == 4
    out, err = capsys.readouterr()
    assert re.fullmatch(
        r"qtlrun: /store/row/key: No space left on device; 2\.5 MB are needed and [\d.]+ GB are"
        r" free; make room, or name another "
        r"folder with outputs=FOLDER or home=FOLDER\.\n",
        err,
    )
    (folder,) = here.glob("outputs/*/*")
    assert [line["row"] for line in table(folder / "table.csv")] == [
        "A"
    ] and f"Written to {folder.relative_to(here)}" in out


@contextlib.contextmanager
def same_signals():
    """What the command line does to signals within is undone."""
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def here(single, home, tmp_path, monkeypatch):
    """This process in an empty folder, with the shared home."""
    monkeypatch.setenv("QTLRUN_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    with same_signals():
        yield tmp_path


def test_a_point_that_diverges_is_marked_and_costs_that_point(here, undrawn, capsys):
    words = "the loss is not finite from epoch 1 on; recipe.lr=1e+30 may be too large"
    assert main(["-m", "recipe.lr=.01,1e30", *SMOKE, "compare=[]", "seeds=1"]) == 1
    said, err = capsys.readouterr()
    assert not err and f"A at recipe.lr=1e+30, seed 0: error: {words}." in " ".join(said.split())
    (out,) = here.glob("outputs/*/*")
    failed = [line for line in table(out / "rows.csv") if line["metric"] == "error"]
    assert [(float(line["recipe.lr"]), line["row"], line["seed"]) for line in failed] == [
        (1e30, "A", "0")
    ]
    assert [line["error"] for line in table(out / "errors.csv")] == [words]
    assert {
        float(line["recipe.lr"]) for line in table(out / "rows.csv") if line["metric"] == "test_nll"
    } == {0.01}


def test_from_python_a_run_has_its_frame_its_folder_and_its_verdicts(here, undrawn, single):
    result = qtlrun.run(*SMOKE, "compare=[]", "seeds=[0]")
    frame = result.frame
    assert result.succeeded and (result.folder / "rows.csv").is_file() and not len(result.verdicts)
    assert result.table == (result.folder / "table.md").read_text() in result._repr_markdown_()
    assert (
        list(frame.columns) == ["row", "seed", "metric", "value"]
        and set(frame["row"]) == {"A"}
        and set(frame["seed"]) == {0}
    )
    nll = frame.loc[frame["metric"] == "test_nll", "value"].item()
    kept = [
        line["value"]
        for line in table(single[0] / "rows.csv")
        if (line["row"], line["seed"], line["metric"]) == ("A", "0", "test_nll")
    ]
    assert [nll] == [
        float(value) for value in kept
    ]  # the very row of the command, found in the store


def test_from_python_a_mistake_is_an_exception(here):
    with pytest.raises(UsageError, match="^seeds=0: a number from 1 up"):
        qtlrun.run("seeds=0")


def train_points(folder, monkeypatch, *words):
    """Rows of a small sweep in this process, without their seconds, and what it printed."""
    leave_undrawn(monkeypatch)
    monkeypatch.setenv("QTLRUN_HOME", str(folder / "home"))
    monkeypatch.chdir(folder)
    more = ["compare=[]", "head=classical", "seeds=[11]", "splits=1", "backbone=identity"]
    with same_signals():
        assert main(["-m", *SMOKE[:2], *more, "recipe.lr=0.1,0.2", *words]) == DONE
    (rows,) = folder.glob("outputs/*/*/rows.csv")
    return [line for line in table(rows) if not line["metric"].startswith("seconds")]


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return train_points(tmp_path_factory.mktemp("serial"), patch)


@pytest.mark.parametrize(
    "launcher", ["joblib", pytest.param("submitit_local", marks=pytest.mark.slow)]
)
def test_a_parallel_launcher_trains_the_points_of_a_sweep_to_the_bits_of_a_serial_one(
    serial, launcher, tmp_path, monkeypatch, capsys
):
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    rows = train_points(tmp_path, monkeypatch, f"hydra/launcher={launcher}")
    assert {line["recipe.lr"] for line in rows} == {"0.1", "0.2"}
    assert rows == serial
    out = capsys.readouterr().out
    assert not trained(out) and "† found in the store" in out  # the parent only makes the table
    assert not list((tmp_path / "home/scratch").iterdir())


def test_a_signal_that_a_destructor_would_swallow_stops_the_run_after_it():
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    }

    class Last:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            sum(range(10))  # the signal is heard here, where what it raises is dropped

    try:
        stop = compose._listen()
        last = Last()
        with pytest.raises(KeyboardInterrupt):
            del last
            time.sleep(10)
        assert stop == [128 + signal.SIGTERM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
