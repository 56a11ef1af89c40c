"""Hydra's flags: those that qtlrun takes, alone or together, and what to use in place of the
others.
"""

from argparse import Namespace
from pathlib import Path

from qtlrun.plan import Refused
from qtlrun.plan.override import Override, parse

VALUED = (
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
)  # are followed by a value
MODES = {
    "cfg": "--cfg",
    "info": "--info",
    "multirun": "-m",
    "shell_completion": "--shell-completion",
    "run": "--run",
}
COMPLETION = (
    "--shell-completion: install=SHELL or uninstall=SHELL goes with it, as install=bash; SHELL is"
    " bash, fish or zsh."
)


def sort(words: list[str]) -> tuple[list[str], list[str]]:
    """Flags and overrides, which may stand in any order."""
    flags = []
    overrides = []
    for before, word in zip(["", *words], words, strict=False):
        named = word.replace("-", "_").isidentifier()  # the value of --info, which may be left out
        valued = before in VALUED or (before in ("--info", "-i") and named)
        (flags if word.startswith("-") or valued else overrides).append(word)
    return flags, overrides


def read(words: list[str], overrides: list[str]) -> Namespace:
    """The flags as Hydra's parser has them; refuses those that are none, lack a value, or do not go
    together.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    parser.allow_abbrev = False

    def refuse(reason: str) -> None:
        reason = reason.replace("unrecognized arguments: ", "no such flag: ")
        raise Refused(f"{reason}; an override is KEY=VALUE, and --hydra-help lists the flags.")

    parser.error = refuse
    flags = parser.parse_args([word for word in words if word != "--"])
    if flags.overrides:
        refuse(f"unrecognized arguments: {flags.overrides[0]}")
    _check_places(flags, words)
    if flags.help or flags.hydra_help:
        return flags
    _check_modes(flags, overrides)
    return flags


def written(flags: Namespace) -> list[str]:
    """Flags as words."""
    words = [f"--{name.replace('_', '-')}" for name, value in vars(flags).items() if value is True]
    valued = ("config_dir", "config_name", "cfg", "info", "package")
    return words + [
        f"--{name.replace('_', '-')}={vars(flags)[name]}"
        for name in valued
        if vars(flags)[name] is not None
    ]


def folders(flags: Namespace) -> list[Path]:
    """The folders of options that the command line adds."""
    return [Path(flags.config_dir)] if flags.config_dir is not None else []


def _check_places(flags: Namespace, words: list[str]) -> None:
    """Refuse to compose from elsewhere than the shipped options and one added folder; make that
    one's path whole.
    """
    if flags.experimental_rerun is not None:
        raise Refused(
            "--experimental-rerun: it would execute what a pickled file holds; give the run's"
            " command again, which its environment.json has, and rows are found in the store."
        )
    for name in ("config_path", "config_name"):
        if vars(flags)[name] is not None:
            raise Refused(
                f"--{name.replace('_', '-')}: qtlrun composes its own config.yaml; --config-dir DIR"
                " adds options of yours, and a preset DIR/experiment/NAME.yaml is chosen with"
                " experiment=NAME."
            )
    if flags.config_dir is None:
        return
    if sum(Override.of(word).key in ("--config-dir", "-cd") for word in words) > 1:
        raise Refused(
            "--config-dir: it is given twice, and one folder can be added; put the options into"
            " one."
        )
    try:
        place = Path(flags.config_dir).expanduser()
    except RuntimeError:  # of a user that there is not
        place = Path(flags.config_dir)
    if not flags.config_dir or not place.is_dir():
        raise Refused(f"--config-dir {flags.config_dir}: there is no such folder.")
    flags.config_dir = str(place.absolute())


def _check_modes(flags: Namespace, overrides: list[str]) -> None:
    """Refuse two flags that ask for different things, and one that changes nothing."""
    asked = [flag for name, flag in MODES.items() if vars(flags)[name] not in (None, False)]
    if len(asked) > 1:
        raise Refused(f"{asked[0]} and {asked[1]} do not go together; leave one out.")
    if flags.resolve and flags.cfg is None:
        raise Refused("--resolve: it goes with --cfg, which prints the composed values.")
    if flags.package is not None and flags.cfg is None:
        raise Refused("--package: it goes with --cfg, and names the part that is printed.")
    if flags.shell_completion:
        commands = parse(overrides)
        shells = [
            command.value
            for command in commands
            if command.text.startswith(("install=", "uninstall=", "query="))
        ]
        if len(commands) != 1 or shells not in (["bash"], ["fish"], ["zsh"]):
            raise Refused(COMPLETION)
