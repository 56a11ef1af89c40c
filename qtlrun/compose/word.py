"""Words of the command line as messages show them."""


def show(word: str) -> str:
    """Word as a message shows it: printable, and cut where it is long."""
    shown = "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in word
    )
    return shown if len(shown) <= 200 else f"{shown[:90]} ... {shown[-30:]}"
