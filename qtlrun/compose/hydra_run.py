"""Calls of Hydra: to compose each point of a command line, or to print."""

import contextlib
import io
import os
import sys
from argparse import Namespace
from pathlib import Path

from qtlrun.compose import flag, grammar, reserved
from qtlrun.error import UsageError

HYDRA_VERSION = "1.3"  # whose behaviour is asked for
CONFIG_PATH = "pkg://qtlrun.conf"
CONFIG_NAME = "config"
# So that Hydra writes nothing and logs nothing.
FIXED_WORDS = (
    "hydra.sweep.subdir=.",
    "hydra.output_subdir=null",
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
)


def run(flags: Namespace, words: list[str], task, scratch: Path) -> None:
    """Let Hydra compose and call `task` for each point, or print.

    Raises ValueError with Hydra's complaint where it ends otherwise.
    """
    folders = [f"hydra.{key}.dir={grammar.quote(str(scratch))}" for key in ("run", "sweep")]
    words = [*words, *folders, *FIXED_WORDS]
    with _hydra_command([*flag.write(flags), *words]):
        if flags.run or flags.multirun:
            _compose(flags, words, task)
        else:
            _print(flags, task)


def _compose(flags: Namespace, words: list[str], task) -> None:
    """Let Hydra compose each point as `hydra.main` does.

    That would first compose everything once more, to ask whether this is a sweep; here it is one
    where `-m` says so.
    """
    from hydra import version
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery
    from hydra.core.global_hydra import GlobalHydra

    version.setbase(HYDRA_VERSION)
    search_path = create_config_search_path(CONFIG_PATH)
    for folder in flag.folders(flags):
        path = f"file://{folder.absolute()}"
        search_path.prepend("command-line", path, SearchPathQuery(provider="schema"))
    hydra = Hydra.create_main_hydra2("qtlrun", search_path)
    name = flags.config_name or CONFIG_NAME
    try:
        if flags.multirun:
            hydra.multirun(name, task, [*words, "hydra.mode=MULTIRUN"])
        else:
            _compose_point(hydra, name, task, words)
    finally:
        GlobalHydra.instance().clear()


def _compose_point(hydra, name: str, task, words: list[str]) -> None:
    """Let Hydra compose the only point; refused where a YAML asks for a sweep."""
    try:
        hydra.run(name, task, words)
    except AssertionError as error:  # Hydra's own, before it calls the task
        raise UsageError(reserved.ADVICE["mode"], key="hydra.mode", value="MULTIRUN") from error


def _print(flags: Namespace, task) -> None:
    """Let Hydra print what the command line asks for."""
    import hydra

    main = hydra.main(CONFIG_PATH, CONFIG_NAME, HYDRA_VERSION)(task)
    complaint = io.StringIO()
    listener = contextlib.redirect_stderr(complaint) if flags.cfg else contextlib.nullcontext()
    try:
        with listener:
            main()
    except SystemExit as stopped:  # it printed help or a listing
        if stopped.code:
            raise ValueError(complaint.getvalue().strip() or "Hydra ended.") from stopped


@contextlib.contextmanager
def _hydra_command(words: list[str]):
    """Give Hydra a command line within, and let its exceptions arrive here."""
    before = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["qtlrun", *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = before[0]
        os.environ.pop("HYDRA_FULL_ERROR")
        if before[1] is not None:
            os.environ["HYDRA_FULL_ERROR"] = before[1]
