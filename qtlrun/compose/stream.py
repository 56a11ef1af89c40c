"""Standard streams that may be closed, full or read by nobody.

The run goes on, and its exit code tells.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

STANDARD = ("stdin", "stdout", "stderr")  # in the order of their descriptors


class Stream(io.TextIOBase):
    """Text stream that goes silent at its first error of writing, which is its `error`."""

    def __init__(self, stream):
        self.stream = stream
        self.error = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a variable here
        return self.stream.encoding or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.stream.errors

    @property
    def broken(self) -> bool:
        """Whether the reader of a pipe has gone."""
        return isinstance(self.error, BrokenPipeError)

    def __getattr__(self, name: str) -> object:
        """Whatever else a text file has: reconfigure, buffer, name."""
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        try:
            self._try(lambda: self.stream.write(text))
        except UnicodeEncodeError:  # a terminal of another alphabet
            self._try(
                lambda: self.stream.write(
                    text.encode(self.encoding, "replace").decode(self.encoding)
                )
            )
        return len(text)

    def flush(self) -> None:
        self._try(self.stream.flush)

    def isatty(self) -> bool:
        return self.error is None and self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    def writable(self) -> bool:
        return True

    def _try(self, act) -> None:
        if self.error is not None:
            return
        try:
            act()
        except UnicodeEncodeError:
            raise
        except ValueError:  # the stream was closed in Python
            self.error = OSError(errno.EBADF, os.strerror(errno.EBADF))
        except OSError as error:
            self.error = error
            self._discard()

    def _discard(self) -> None:
        """Send what the stream still holds to nowhere; else Python complains at its end."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)
            self.stream.flush()


@contextlib.contextmanager
def guarded() -> Iterator[Stream]:
    """Guard standard output and errors within; yield the guard of the output."""
    _open_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(Stream, before)
    try:
        yield sys.stdout
        sys.stdout.flush()  # a full device or a reader that has gone may show itself here only
        sys.stderr.flush()
    finally:
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open an empty device for each standard stream that was closed before Python started.

    Its descriptor would else go to the next file that is opened, and what is printed would be
    written into that file.
    """
    for number, name in enumerate(STANDARD):
        if vars(sys)[name] is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor > number:  # another file has it already
                os.close(descriptor)
            else:
                os.set_inheritable(descriptor, True)
            mode = "w" if number else "r"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
