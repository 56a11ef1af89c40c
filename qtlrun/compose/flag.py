"""Hydra's flags: which qtlrun takes, which go together, and what replaces the others."""

from argparse import Namespace
from pathlib import Path
from typing import NoReturn

from qtlrun.error import UsageError
from qtlrun.plan.override import Override, parse

# Flags that are followed by a value.
VALUE_FLAGS = (
    "--config-dir",
    "-cd",
    "--config-name",
    "-cn",
    "--config-path",
    "-cp",
    "--cfg",
    "-c",
    "--package",
    "-p",
    "--experimental-rerun",
)
# Flags that exclude one another, by their names in Hydra's parser.
MODES = {
    "cfg": "--cfg",
    "info": "--info",
    "multirun": "-m",
    "shell_completion": "--shell-completion",
    "run": "--run",
}
COMPLETION_ADVICE = (
    "install=SHELL or uninstall=SHELL goes with it, as install=bash",
    "SHELL is bash, fish or zsh",
)


def sort(words: list[str]) -> tuple[list[str], list[str]]:
    """Sort words into flags and overrides, which may stand in any order."""
    flags: list[str] = []
    overrides: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        named = word.replace("-", "_").isidentifier()  # the value of --info, which may be left out
        valued = before in VALUE_FLAGS or (before in ("--info", "-i") and named)
        (flags if word.startswith("-") or valued else overrides).append(word)
    return flags, overrides


def read(words: list[str], overrides: list[str]) -> Namespace:
    """Parse flags as Hydra does.

    Refuses words that are no flags, and flags that lack a value or do not go together.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    parser.allow_abbrev = False

    def refuse(message: str) -> NoReturn:
        reason = message.replace("unrecognized arguments: ", "no such flag: ")
        raise UsageError(reason, "an override is KEY=VALUE, and --hydra-help lists the flags")

    parser.error = refuse  # type: ignore[method-assign]  # argparse says that it may be replaced
    flags = parser.parse_args([word for word in words if word != "--"])
    if flags.overrides:
        refuse(f"unrecognized arguments: {flags.overrides[0]}")
    _check_folders(flags, words)
    if flags.help or flags.hydra_help:
        return flags
    _check_modes(flags, overrides)
    return flags


def write(flags: Namespace) -> list[str]:
    """Words of flags."""
    words = [f"--{name.replace('_', '-')}" for name, value in vars(flags).items() if value is True]
    valued = ("config_dir", "config_name", "cfg", "info", "package")
    return words + [
        f"--{name.replace('_', '-')}={vars(flags)[name]}"
        for name in valued
        if vars(flags)[name] is not None
    ]


def folders(flags: Namespace) -> list[Path]:
    """Folders of options that the command line adds."""
    return [Path(flags.config_dir)] if flags.config_dir is not None else []


def _check_folders(flags: Namespace, words: list[str]) -> None:
    """Refuse other sources than the shipped options and one added folder.

    Makes the added folder's path absolute.
    """
    if flags.experimental_rerun is not None:
        raise UsageError(
            "it would execute what a pickled file holds",
            (
                "give the run's command again, which its environment.json has, and"
                " rows are found in the store"
            ),
            key="--experimental-rerun",
        )
    for name in ("config_path", "config_name"):
        if vars(flags)[name] is not None:
            raise UsageError(
                "qtlrun composes its own config.yaml",
                (
                    "--config-dir DIR adds options of yours, and a preset"
                    " DIR/experiment/NAME.yaml is chosen with experiment=NAME"
                ),
                key=f"--{name.replace('_', '-')}",
            )
    if flags.config_dir is None:
        return
    if sum(Override.of(word).key in ("--config-dir", "-cd") for word in words) > 1:
        raise UsageError(
            "it is given twice, and one folder can be added",
            "put the options into one",
            key="--config-dir",
        )
    try:
        folder = Path(flags.config_dir).expanduser()
    except RuntimeError:  # of a user that does not exist
        folder = Path(flags.config_dir)
    if not flags.config_dir or not folder.is_dir():
        raise UsageError("there is no such folder", key=f"--config-dir {flags.config_dir}")
    flags.config_dir = str(folder.absolute())


def _check_modes(flags: Namespace, overrides: list[str]) -> None:
    """Refuse two flags that exclude one another, and a flag that changes nothing."""
    asked = [flag for name, flag in MODES.items() if vars(flags)[name] not in (None, False)]
    if len(asked) > 1:
        raise UsageError(f"{asked[0]} and {asked[1]} do not go together", "leave one out")
    if flags.resolve and flags.cfg is None:
        raise UsageError("it goes with --cfg, which prints the composed values", key="--resolve")
    if flags.package is not None and flags.cfg is None:
        raise UsageError("it goes with --cfg, and names the part that is printed", key="--package")
    if flags.shell_completion:
        commands = parse(overrides)
        shells = [
            command.value
            for command in commands
            if command.text.startswith(("install=", "uninstall=", "query="))
        ]
        if len(commands) != 1 or shells not in (["bash"], ["fish"], ["zsh"]):
            raise UsageError(*COMPLETION_ADVICE, key="--shell-completion")
