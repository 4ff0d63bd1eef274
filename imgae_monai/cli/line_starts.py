"""Know whether standard error stands at the beginning of a line."""

from __future__ import annotations

from typing import Any, TextIO


class LineStarts:
    """A text stream that remembers whether its last character ended a line.

    A progress bar ends its line when it is closed. A signal that comes while it is being closed (a loader's worker has
    died, Ctrl-C) leaves the line open, and what is printed next would stand behind the bar.

    Args:
        stream: where everything goes.

    Example:
        >>> import io
        >>> stream = LineStarts(io.StringIO())
        >>> stream.write("67 %")
        4
        >>> stream.start_line()
        >>> stream.getvalue()
        '67 %\\n'
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = "\n"

    def write(self, text: str) -> int:
        """Args: text: as of any text stream."""
        self._last = text[-1:] or self._last  # first: a signal may end the write before it returns
        return self._stream.write(text)

    def start_line(self) -> None:
        """End the line that was begun, if one was."""
        if self._last not in "\r\n":
            self.write("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
