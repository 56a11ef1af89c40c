"""Files that are installed with other packages, found without running any code of these."""

from importlib import metadata
from pathlib import Path

from qtlrun import disk
from qtlrun.error import UsageError


def find_file(distribution: str, path: str, digest: str, extra: str) -> Path:
    """Find a file of an installed distribution, of this path and SHA-256 (hexadecimal).

    `extra` is the extra of qtlrun that installs it. Raises UsageError, missing, where it is not
    there or is another file.
    """
    command = f"pip install 'qtlrun[{extra}]'"
    try:
        installed = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        raise UsageError(
            f"the package {distribution} is not installed", command, missing=True
        ) from None
    file = Path(str(installed.locate_file(path)))
    if not file.is_file():
        raise UsageError(
            f"{distribution} {installed.version} has no {path}",
            command.replace("install", "install --force-reinstall"),
            missing=True,
        )
    if disk.file_digest(file) != digest:
        raise UsageError(
            f"{file} is not the file whose SHA-256 begins with {digest[:12]}",
            command.replace("install", "install --force-reinstall"),
            missing=True,
        )
    return file
