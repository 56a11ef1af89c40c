"""From the command line to a study, to an exit code; Hydra is in this folder alone."""

import contextlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from qtlrun import disk
from qtlrun.compose.check import check_models, check_words, folder
from qtlrun.compose.command import compose
from qtlrun.compose.stream import guarded
from qtlrun.mode import freshly
from qtlrun.plan import Plan, Refused, build

DONE = 0
FAILED = 1
REFUSED = 2
BUG = 3
RESOURCE = 4
STOPPED = 130
FOLDERS = (
    "HOME",
    "QTLRUN_HOME",
    "QTLRUN_DATA",
    "TMPDIR",
    "TORCH_HOME",
    "MPLCONFIGDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
)
LONG = 800  # characters of a line of an error
SWALLOWS = (
    "__del__",
    "_xla_gc_callback",
)  # functions whose exceptions Python drops; the second is JAX's, which PennyLane loads


def main(words: list[str] | None = None) -> int:
    """Run a command line and return its exit code.

    0 done, 1 something failed, 2 the user's error and nothing started, 3 a bug, 4 disk, memory or
    time, 129, 130, 141 and 143 a signal (141: whoever read what is printed has gone): what was
    finished is kept.
    """
    with _variables(), guarded() as out:
        code = _ended(sys.argv[1:] if words is None else words)
        out.flush()
        if out.broken:
            return code or 128 + signal.SIGPIPE
        if out.error:
            return _say(
                f"qtlrun: standard output: {out.error.strerror}; what is written to files is"
                " whole.",
                code or RESOURCE,
            )
        return code


def frame(overrides: tuple):
    """The rows of a command line as a data frame; what `qtlrun.run` calls."""
    for word in overrides:
        if not isinstance(word, str):
            raise Refused(
                f"qtlrun.run({word!r}): each word of a command line is a text by itself, as"
                " qtlrun.run('seeds=1', 'compare=[]')."
            )
    with _variables(), guarded():
        plans = compose(list(overrides))
        if not plans:
            raise Refused(
                f"{' '.join(overrides)}: this prints and trains nothing; qtlrun.run gives rows, and"
                " the command line prints."
            )
        return _run_study(plans)[0]


def _ended(words: list[str]) -> int:
    """The exit code that a command line ends with; why it is not 0 stands in the errors."""
    stop = _listen()
    try:
        os.getcwd()
    except FileNotFoundError as error:
        return _say("qtlrun: the current folder was removed; change to another.", REFUSED, error)
    try:
        plans = compose(words)
        return DONE if not plans or _run_study(plans)[1] else FAILED
    except Refused as error:
        return _say(f"qtlrun: {error}", REFUSED, error)
    except KeyboardInterrupt:
        return _say(
            "qtlrun: stopped; what was finished is in the store, and the same command goes on from"
            " there.",
            stop[0],
        )
    except MemoryError as error:
        return _say(
            "qtlrun: out of memory; a smaller batch, fewer seeds or fewer qubits need less.",
            RESOURCE,
            error,
        )
    except disk.Unwritable as error:
        return _say(f"qtlrun: {error}", RESOURCE, error)
    except OSError as error:
        return _say(
            f"qtlrun: {error.filename or 'disk'}: {error.strerror or error}.", RESOURCE, error
        )
    except Exception as error:
        return _say(
            f"qtlrun: a bug: {type(error).__name__}: {error}\nHYDRA_FULL_ERROR=1 shows where.",
            BUG,
            error,
        )


@contextlib.contextmanager
def _variables():
    """Take a variable of the environment that names a folder, and is empty, for one that is not
    set.
    """
    empty = {name: os.environ.pop(name) for name in FOLDERS if os.environ.get(name) == ""}
    try:
        yield
    finally:
        os.environ.update(empty)


@freshly
def _run_study(plans: list[Plan]):
    """Check all plans, then run their study; gives its rows, and whether all went well."""
    check_words(plans)
    from rich.console import Console

    from qtlrun.experiment import Experiment
    from qtlrun.report.progress import Progress
    from qtlrun.report.report import Report

    settings = plans[0].settings
    progress = Progress(Console() if sys.stdout.isatty() else Console(width=100))
    experiment = Experiment(settings.home, settings.fresh, progress)
    plans = check_models(plans, experiment)
    study = build("study", plans[0].study, settings.plugins)
    report = Report(_new_folder(plans[0]), progress)
    with report:
        return study.run(plans, experiment, report)


def _new_folder(plan: Plan) -> Path:
    """New folder OUTPUTS/DATE/TIME-NAME, tried to be writable before anything is trained."""
    outputs = folder("outputs", plan.settings.outputs)
    try:
        disk.clean_outputs(outputs)
        return disk.new_folder(
            outputs / time.strftime("%Y-%m-%d"), time.strftime("%H-%M-%S-") + plan.name
        )
    except OSError as error:
        if error.errno in disk.FULL:
            raise
        raise Refused(
            f"outputs={plan.settings.outputs}: no folder can be made there ({error.strerror}); name"
            " another with outputs=FOLDER."
        ) from error


def _listen() -> list[int]:
    """Let these signals stop the run as Ctrl-C does, even where the shell had them ignored; gives
    the exit code to be.

    The end of a terminal alone stays ignored where it was: that is what nohup asks for.
    """
    stop = [STOPPED]

    def heard(number, frame):
        stop[0] = 128 + number if number != signal.SIGALRM else stop[0]
        if frame is not None and frame.f_code.co_name in SWALLOWS:
            signal.signal(signal.SIGALRM, heard)
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            return
        signal.signal(number, signal.SIG_DFL)  # a second one stops at once
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError):  # not in the main thread
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, heard)
    return stop


def _say(words: str, code: int, error: Exception | None = None) -> int:
    if error is not None and os.environ.get("HYDRA_FULL_ERROR") == "1":
        traceback.print_exception(error)
    print("\n".join(map(_cut, words.split("\n"))), file=sys.stderr)
    return code


def _cut(line: str) -> str:
    """A line without its middle where a value of the user's makes it very long."""
    return line if len(line) <= LONG else f"{line[: LONG // 2]} ... {line[-LONG // 4 :]}"
