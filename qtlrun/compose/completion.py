"""Completion of a word in a shell: groups, options and keys, read from the options' files."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qtlrun.error import UsageError
from qtlrun.plan import option
from qtlrun.plan.check import read_settings
from qtlrun.plan.override import Override, parse
from qtlrun.plan.part import parameters

COMMANDS = ("--shell-completion", "-sc")
FLAGS = (
    "--help",
    "--version",
    "--config-dir",
    "--multirun",
    "--cfg",
    "--hydra-help",
    "--shell-completion",
)
BASH = r"""_qtlrun() {
    local line="${COMP_LINE:0:COMP_POINT}" word="${COMP_WORDS[COMP_CWORD]}" IFS=$'\n'
    local typed="${line##* }"
    [[ "$word" == "=" ]] && word=""
    local before="${typed%"$word"}"
    COMPREPLY=($(COMP_LINE="$line" qtlrun --shell-completion query=bash 2>/dev/null))
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
complete -o nospace -o default -F _qtlrun qtlrun"""
ZSH = r"""_qtlrun() {
    local line="${(j: :)words[1,CURRENT-1]} $PREFIX"
    compadd -S '' -- ${(f)"$(COMP_LINE="$line" qtlrun --shell-completion query=zsh 2>/dev/null)"}
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _qtlrun qtlrun"""
FISH = r"""function _qtlrun
    set -lx COMP_LINE (commandline -cp)
    qtlrun --shell-completion query=fish 2>/dev/null
end
complete -c qtlrun -f -a '(_qtlrun)'"""
SCRIPTS = {
    "install": {"bash": BASH, "zsh": ZSH, "fish": FISH},
    "uninstall": {
        "bash": "complete -r qtlrun",
        "zsh": "compdef -d qtlrun",
        "fish": "complete -e -c qtlrun",
    },
}


def is_query(words: list[str]) -> bool:
    """Whether a shell asks how the last word of its line may go on."""
    return len(words) == 2 and words[0] in COMMANDS and words[1].startswith("query=")


def script(command: Override) -> str:
    """Text that a shell evaluates so that it completes `qtlrun`, or no longer does."""
    if command.key not in SCRIPTS:
        raise UsageError("a shell asks so, in a word of its own", key=command.text)
    return SCRIPTS[command.key][command.value]


def answer(environment: Mapping[str, str]) -> list[str]:
    """Words that the last one of COMP_LINE may become."""
    line = re.sub(r"[\\'\"]", "", environment.get("COMP_LINE", ""))
    _, *words = re.split(r"\s+", line)
    return complete(words[:-1], words[-1]) if words else []


def complete(words: list[str], last: str) -> list[str]:
    """Words that the last one may become, beside the words before it."""
    if last.startswith("-"):
        return [flag for flag in FLAGS if flag.startswith(last)]
    if words and words[-1] in option.FOLDER_FLAGS:
        return []  # the shell completes folders
    folders = option.added_folders(words)
    typed = Override.of(last)
    if typed.sets:
        return _complete_value(typed, words, folders)
    keys = _list_keys(typed.key, words, folders)
    return sorted(f"{typed.prefix}{key}" for key in keys if key.startswith(typed.key))


def _complete_value(typed: Override, words: list[str], folders: list[Path]) -> list[str]:
    """The word with each value that its own may become; in a list the last one of several."""
    before, item = re.fullmatch(r"(\[?(?:.*,)?)(.*)", typed.value).groups()
    chosen = re.findall(r"[\w.-]+", before)
    values = _list_values(typed.key, words, folders)
    return [
        typed.to(before + value)
        for value in values
        if value.startswith(item) and value not in chosen
    ]


def _list_values(key: str, words: list[str], folders: list[Path]) -> list[str]:
    """Values of a key, where they are options or named by a type."""
    if key in option.group_names(folders):
        return option.options(key, folders)
    group, _, name = key.rpartition(".")
    taken = _annotations(group, words, folders) if group else read_settings()
    return list(_list_choices(taken.get(name)))


def _list_keys(begin: str, words: list[str], folders: list[Path]) -> Iterator[str]:
    """Groups and top-level keys, or the keys of a group's chosen option."""
    group, dot, _ = begin.rpartition(".")
    if not dot:
        for name in option.group_names(folders):
            yield f"{name}="
            if name not in (*option.SEVERAL, "experiment"):
                yield f"{name}."
        yield from (f"{name}=" for name in read_settings())
        return
    for name, value in _values(group, words, folders).items():
        if name != "_target_":
            yield f"{group}.{name}" + ("." if isinstance(value, dict) else "=")


def _values(key: str, words: list[str], folders: list[Path]) -> dict[str, Any]:
    """Values below a key of the option that the words choose of its group."""
    group, *inner = key.split(".")
    choices = option.defaults() | _preset_choices(words, folders)
    typed = [word.options() for word in parse(words) if word.key == group and word.sets]
    names = [*choices.get(group, []), *(name for each in typed for name in each)]
    values: Any = option.read_values(group, names[-1], folders) if names else {}
    for name in inner:
        values = values.get(name) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def _preset_choices(words: list[str], folders: list[Path]) -> dict[str, list[str]]:
    """Options that a chosen preset puts in place of the defaults."""
    presets = [word.value for word in parse(words) if word.key == "experiment" and word.sets]
    choices: dict[str, list[str]] = {}
    for preset in presets:
        for entry in option.read_option("experiment", preset, folders).get("defaults", ()):
            names = entry.items() if isinstance(entry, dict) else ()
            choices |= {key.removeprefix("override /"): [str(name)] for key, name in names}
    return choices


def _annotations(group: str, words: list[str], folders: list[Path]) -> dict[str, ast.expr | None]:
    """Types of the values of a group's part; none of a part of the user's, which is not read."""
    try:
        taken = parameters(group, _values(group, words, folders).get("_target_"))
    except UsageError:
        return {}
    return {name: parameter.annotation for name, parameter in taken.items()}


def _list_choices(annotation: ast.expr | None) -> Iterator[str]:
    """Texts that a type names, and those of a truth value."""
    for node in ast.walk(annotation) if annotation else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name) and node.id == "bool":
            yield from ("true", "false")
