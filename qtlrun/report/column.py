"""Columns and schemas of frames: each column's name, dtype, unit and meaning."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

Kind = Literal["text", "int64", "Int64", "float64", "bool", "boolean", "any"]


@dataclass(frozen=True)
class Column:
    """Column of a frame: its name, dtype, unit and what it holds.

    `dtype` is that of pandas, Int64 and boolean where a line may have no value; `text` is checked
    and left as pandas has it, `any` holds numbers and texts alike. Without a unit the column is a
    count or a name. An optional column may be absent, from a line or from the frame.
    """

    name: str
    dtype: Kind
    unit: str
    about: str
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """Columns of a frame, in their order."""

    columns: tuple[Column, ...]

    def with_keys(self, keys: Iterable[str]) -> "Schema":
        """Schema with the swept keys in front."""
        return Schema((*(Column(key, "any", "", "a swept key") for key in keys), *self.columns))

    def with_family(self, family: Column, names: Iterable[str]) -> "Schema":
        """Schema with columns of these names in place of a family that stands for them."""
        index = self.columns.index(family)
        members = tuple(replace(family, name=name) for name in names)
        return Schema((*self.columns[:index], *members, *self.columns[index + 1 :]))

    def frame(self, lines: Sequence[dict[str, object]]) -> pd.DataFrame:
        """Frame of lines, each with its columns in the order of the schema.

        A column that only later lines have stands behind those of the lines before. Raises
        ValueError for a line with a column that is not declared or without one that is required.
        """
        if not lines:
            return pd.DataFrame(columns=self._required)
        shapes = {tuple(line) for line in lines}
        for names in shapes:
            self._check_names(names)
        positions: dict[str, int] = {}
        for index, column in enumerate(self.columns):
            positions.setdefault(column.name, index)
        ordered = [
            dict(sorted(line.items(), key=lambda item: positions[item[0]])) for line in lines
        ]
        return self.check(pd.DataFrame(ordered))

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Frame with the declared dtypes.

        Raises ValueError for a column that is not declared, for one that is required and absent,
        and for values of another kind.
        """
        self._check_names(frame.columns)
        dtypes = {}
        for column in self.columns:
            if column.name not in frame or column.dtype == "any":
                continue
            if column.dtype == "text":
                _check_text(frame[column.name])
            else:
                dtypes[column.name] = column.dtype
        return frame.astype(dtypes)

    @property
    def _required(self) -> list[str]:
        return [column.name for column in self.columns if not column.optional]

    def _check_names(self, names: Iterable[str]) -> None:
        undeclared = set(names) - {column.name for column in self.columns}
        if undeclared:
            raise ValueError(f"columns {sorted(undeclared)} are in no schema.")
        absent = set(self._required) - set(names)
        if absent:
            raise ValueError(f"columns {sorted(absent)} are absent, and not optional.")


def _check_text(values: pd.Series) -> None:
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in ("string", "empty"):
        raise ValueError(f"column {values.name!r}: texts were declared, and there are {kind}.")


def columns(*columns: tuple[str, Kind, str, str], optional: bool = False) -> tuple[Column, ...]:
    """Columns from (name, dtype, unit, about)."""
    return tuple(Column(*column, optional=optional) for column in columns)
