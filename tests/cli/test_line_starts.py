from __future__ import annotations

import io
import sys

import pytest
from tqdm import tqdm

from imgae_monai.__main__ import main
from imgae_monai.cli.line_starts import LineStarts
from imgae_monai.exceptions import InputError


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ([], ""),
        (["a line\n"], "a line\n"),
        (["a line\n", "half", ""], "a line\nhalf\n"),
        (["half", "   \r"], "half   \r"),  # a bar that was wiped out
    ],
)
def test_ends_a_line_that_was_begun(texts, shown):
    stream = LineStarts(io.StringIO())
    for text in texts:
        stream.write(text)
    stream.start_line()
    assert stream.getvalue() == shown


class _SignalWhileDrawn(io.StringIO):
    """Raises when the bar is drawn a second time, after its text was written."""

    def write(self, text: str) -> int:
        written = super().write(text)
        if "1/2" in text:
            raise ConnectionResetError
        return written


@pytest.mark.parametrize("error", [InputError("give more"), KeyboardInterrupt()])
def test_an_error_begins_a_line_behind_a_bar_that_was_being_closed(error, monkeypatch):
    def go() -> None:
        bar = tqdm(total=2)
        bar.n = 1
        try:
            bar.close()
        except ConnectionResetError:
            raise error from None

    stream = _SignalWhileDrawn()
    monkeypatch.setattr("imgae_monai.__main__.COMMANDS", {"go": go})
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(SystemExit):
        main(["go"])
    *_, bar, said = stream.getvalue().splitlines()
    assert "1/2" in bar
    assert said == ("error: give more" if isinstance(error, InputError) else "interrupted")
    assert sys.stderr is stream
