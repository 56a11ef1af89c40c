"""Numbers of things in words."""


def count(number: int, noun: str) -> str:
    """Number of things, with the noun in singular or plural."""
    return f"{number} {noun}{'s' * (number != 1)}"
