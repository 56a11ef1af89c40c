"""Modules of the user's and of qtlrun, by name and file; none is loaded."""

from dataclasses import dataclass
from pathlib import Path

SCOPE = "qtlrun_plugin_"  # begins the names of the user's modules in sys.modules
PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Module:
    """Module of the user's or of qtlrun: its name, its file, the folder of its imports."""

    name: str
    path: Path
    folder: Path | None  # None: a module of qtlrun's

    @property
    def package(self) -> str:
        """Package that its relative imports begin in."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def stem(path: str) -> str:
    """Name of a plugin as a module."""
    return Path(path).stem


def file(name: str, paths: tuple[str, ...]) -> Path | None:
    """File of the plugin of this name."""
    return next((Path(path).expanduser().resolve() for path in paths if stem(path) == name), None)


def begin(path: Path) -> Module:
    """Module of a plugin: its imports are looked for beside it first, as a script's are."""
    return Module(path.stem, path, path.parent)
