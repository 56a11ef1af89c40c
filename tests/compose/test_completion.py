"""Completion in shells: what bash gets, by its own protocol, and what each word may become."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import composition
import pytest

from qtlrun.compose import main
from qtlrun.compose.completion import complete

COMMAND = Path(sys.executable).with_name("qtlrun")
# Completes LINE as bash does at Tab: the words are split at = too.
TAB = """
eval "$(qtlrun --shell-completion install=bash)"
COMP_LINE="$1"; COMP_POINT=${#COMP_LINE}; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p qtlrun | sed -E 's/.*-F ([^ ]+).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(not (shutil.which("bash") and COMMAND.is_file()), reason="no bash, no command")
@pytest.mark.parametrize(
    "line, words, completed",
    [
        ("qtlrun circ", ["qtlrun", "circ"], ["circuit.", "circuit="]),
        ("qtlrun circuit=pro", ["qtlrun", "circuit", "=", "pro"], ["product"]),
        ("qtlrun dtype=", ["qtlrun", "dtype", "="], ["float32", "float64"]),
    ],
)
def test_bash_completes_a_word(line, words, completed):
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", TAB, "bash", line, *words],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_ask(capsys, shell):
    assert main(["--shell-completion", f"install={shell}"]) == 0
    script = capsys.readouterr().out
    assert f"qtlrun --shell-completion query={shell}" in script and "COMP_LINE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
    assert main(["-sc", f"uninstall={shell}"]) == 0


@pytest.mark.parametrize(
    "words, last, completed",
    [
        ([], "circuit=", [f"circuit={name}" for name in composition.options("circuit")]),
        ([], "circuit.q", ["circuit.qubits="]),
        (["circuit=product"], "circuit.m", ["circuit.more="]),
        (["experiment=ants_bees"], "dataset.va", ["dataset.validation="]),
        ([], "compare=[B,tw", ["compare=[B,twin"]),
        ([], "compare=[twin,tw", []),
        ([], "+compare=unt", ["+compare=untrained"]),
        ([], "head.space.", ["head.space.spread="]),
        ([], "fresh=", ["fresh=true", "fresh=false"]),
        ([], "freeze.batch_norm=t", ["freeze.batch_norm=train"]),
        ([], "--ver", ["--version"]),
        (["--config-dir"], "conf", []),
        ([], "nothing.of.this", []),
        ([], "nothing=x", []),
    ],
)
def test_a_word_is_completed_from_the_options(words, last, completed):
    assert complete(words, last) == completed


def test_options_of_an_added_folder_are_completed(tmp_path):
    (tmp_path / "circuit").mkdir()
    (tmp_path / "circuit" / "mine.yaml").write_text("# Mine.\n_target_: ring.Ring\nloops: 3\n")
    words = [f"--config-dir={tmp_path}"]
    assert complete(words, "circuit=mi") == ["circuit=mine"]
    assert complete([*words, "circuit=mine"], "circuit.") == ["circuit.loops="]
