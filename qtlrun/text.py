"""Data frames as text: CSV, Markdown, and the cells that a terminal shows."""
import numpy as np
import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t")  # a spreadsheet computes what begins with one of these


def csv(frame: pd.DataFrame) -> str:
    """A data frame as CSV; before a text that a spreadsheet would take for a formula stands an apostrophe."""
    texts = frame.select_dtypes(exclude="number")
    return frame.assign(**{name: texts[name].map(_inert) for name in texts}).to_csv(index=False)


def markdown(frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> str:
    """A data frame as a Markdown table; `exact` as in `cells`."""
    lines = [list(map(_one_line, line)) for line in (frame.columns, *cells(frame, exact))]
    lines.insert(1, ["---"] * len(frame.columns))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(frame: pd.DataFrame, exact: tuple[str, ...] = ()) -> list[list[str]]:
    """What is shown of a data frame: figures to three places, those of the columns `exact` as they are."""
    return [[str(value) if name in exact else _cell(value) for name, value in zip(frame.columns, values, strict=True)]
            for values in frame.itertuples(index=False)]


def number(text: str) -> int | float | str:
    """A number where the text is one; else the text, without quotes."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _cell(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    if pd.isna(value):
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _one_line(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")


def _inert(value: object) -> object:
    if not isinstance(value, str):
        return value
    formula = value.startswith(FORMULA) and isinstance(number(value), str)
    return "'" * formula + value.replace("\r", "\\r")  # unquoted, it would end the line
