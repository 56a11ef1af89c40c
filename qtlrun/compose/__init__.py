"""Command line to study to exit code; Hydra is in this folder alone."""

import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from qtlrun import disk, temporary
from qtlrun.compose.check import check_models, check_words, folder
from qtlrun.compose.command import compose
from qtlrun.compose.finished import find_runs, take_run
from qtlrun.compose.stream import guarded
from qtlrun.error import UsageError
from qtlrun.mode import freshly
from qtlrun.plan import Plan, is_plugin, plugin

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
# Objects after which Python looks for cycles of garbage; after its own 700 it would look some 800
# times in a short run, each time through more of what is loaded
GARBAGE_THRESHOLD = 100_000
MAX_LINE = 800  # characters of a line of an error
# Functions whose exceptions Python drops; the second is JAX's, which PennyLane loads.
SILENT_FUNCTIONS = ("__del__", "_xla_gc_callback")
RETRY_S = 0.01  # from a signal within one of these to the next try


def main(words: list[str] | None = None) -> int:
    """Run a command line and return its exit code.

    0 done, 1 something failed, 2 the user's error and nothing started, 3 a bug, 4 disk, memory or
    time, 129, 130, 141 and 143 a signal (141: whoever read what is printed has gone): what was
    finished is kept. Without words it runs those of the process, and the process should end then.
    """
    if words is not None:
        return _guard_command(words)
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        return _guard_command(sys.argv[1:])
    finally:
        gc.freeze()  # else Python goes through all that was loaded once more at its end


def _guard_command(words: list[str]) -> int:
    """Run a command line and return its exit code, whatever becomes of what it prints to."""
    with _without_empty_folders(), guarded() as out:
        code = _run_command(words)
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


def run_words(overrides: tuple):
    """Result of a command line; `qtlrun.run` calls it."""
    for word in overrides:
        if not isinstance(word, str):
            raise UsageError(
                f"qtlrun.run({word!r}): each word of a command line is a text by"
                " itself, as qtlrun.run('seeds=1', 'compare=[]')"
            )
    with _without_empty_folders(), guarded():
        plans = compose(list(overrides))
        if not plans:
            raise UsageError(
                "this prints and trains nothing",
                "qtlrun.run gives a result, and the command line prints",
                key=" ".join(overrides),
            )
        return _run_study(plans)


def _run_command(words: list[str]) -> int:
    """Run a command line and return its exit code; why it is not 0 is printed to standard error."""
    stop = _listen()
    try:
        os.getcwd()
    except FileNotFoundError as error:
        return _say("qtlrun: the current folder was removed; change to another.", REFUSED, error)
    try:
        plans = compose(words)
        return DONE if not plans or _run_study(plans).succeeded else FAILED
    except UsageError as error:
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
def _without_empty_folders():
    """Unset, within, the environment variables that name a folder and are empty."""
    empty = {name: os.environ.pop(name) for name in FOLDERS if os.environ.get(name) == ""}
    try:
        yield
    finally:
        os.environ.update(empty)


@freshly
def _run_study(plans: list[Plan]):
    """Check all plans, then run their study; return its result."""
    plans = find_runs(take_run(plans))
    check_words(plans)
    from qtlrun.compose.seal import check_seal

    plans = check_seal(plans)
    from rich.console import Console

    from qtlrun.comparison.comparison import Stopped
    from qtlrun.contract.part import build_part
    from qtlrun.experiment import Experiment
    from qtlrun.report.progress import Progress
    from qtlrun.report.report import Report
    from qtlrun.report.result import Result

    settings = plans[0].settings
    progress = Progress(Console() if sys.stdout.isatty() else Console(width=100))
    experiment = Experiment(settings.home, settings.fresh, progress)
    study = build_part("study", plans[0].study, settings.plugins)
    plans = check_models(plans, study, experiment)
    report = Report(_new_folder(plans[0]), progress)
    target = plans[0].study["_target_"]
    blamed = plugin.blamed("study", target) if is_plugin(target) else contextlib.nullcontext()
    with report, blamed:
        try:
            frame, succeeded = study.run(plans, experiment, report)
        except Stopped as stop:
            raise stop.reason from None
    written = report.folder.absolute() if report.folder.is_dir() else None
    return Result(frame, written, succeeded)


def _new_folder(plan: Plan) -> Path:
    """New folder OUTPUTS/DATE/TIME-NAME, tried to be writable before anything is trained."""
    outputs = folder("outputs", plan.settings.outputs)
    try:
        temporary.clean_outputs(outputs)
        return disk.new_folder(
            outputs / time.strftime("%Y-%m-%d"), time.strftime("%H-%M-%S-") + plan.name
        )
    except OSError as error:
        if error.errno in disk.FULL:
            raise
        raise UsageError(
            f"no folder can be made there ({error.strerror})",
            "name another with outputs=FOLDER",
            key="outputs",
            value=plan.settings.outputs,
        ) from error


def _listen() -> list[int]:
    """Let signals stop the run as Ctrl-C does; return a list with the exit code of the last one.

    They stop it even where the shell had them ignored. The end of a terminal alone stays ignored
    where it was: that is what nohup asks for.
    """
    stop = [STOPPED]

    def stop_run(number, frame):
        stop[0] = 128 + number if number != signal.SIGALRM else stop[0]
        if frame is not None and frame.f_code.co_name in SILENT_FUNCTIONS:
            signal.signal(signal.SIGALRM, stop_run)
            signal.setitimer(signal.ITIMER_REAL, RETRY_S)
            return
        signal.signal(number, signal.SIG_DFL)  # a second one stops at once
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError):  # not in the main thread
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, stop_run)
    return stop


def _say(message: str, code: int, error: Exception | None = None) -> int:
    """Print a message to standard error, after a traceback where asked for; return the code."""
    if error is not None and os.environ.get("HYDRA_FULL_ERROR") == "1":
        traceback.print_exception(error)
    print("\n".join(map(_cut, message.split("\n"))), file=sys.stderr)
    return code


def _cut(line: str) -> str:
    """Line without its middle where a value of the user's makes it very long."""
    return (
        line if len(line) <= MAX_LINE else f"{line[: MAX_LINE // 2]} ... {line[-MAX_LINE // 4 :]}"
    )
