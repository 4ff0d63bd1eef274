"""Decode a DICOM's pixels in a child process, for decoders that may take their process down.

gdcm decodes JPEG lossless and JPEG-LS, which few others do, but over a damaged stream it can abort the whole process
(an exception of its own that nothing catches) where it ought to report an error. One child a process stays for all
files; one that dies or hangs is replaced, and its file is refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

TIMEOUT_S = 60.0
PROGRAM = Path(__file__).with_name("gdcm_child.py")


class _Child:
    """The child and its lock. Keyed by process id, since a forked worker must not talk to its parent's child."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, path: Path) -> tuple[np.ndarray, str]:
        process = self._running()
        timer = threading.Timer(TIMEOUT_S, process.kill)
        timer.start()
        try:
            _pipe(process.stdin).write(json.dumps(str(path)).encode() + b"\n")
            _pipe(process.stdin).flush()
            head, pixels = _answer(_pipe(process.stdout))
        except (EOFError, BrokenPipeError):
            hung = not timer.is_alive()
            self._stop()
            raise ValueError(
                f"its decoder {f'hung for {TIMEOUT_S:g} s' if hung else 'crashed'}: the pixel data are damaged"
            ) from None
        except BaseException:  # as Ctrl+C: half an answer must not be taken for the next file's
            self._stop()
            raise
        finally:
            timer.cancel()
        if "error" in head:
            raise ValueError(head["error"])
        return np.frombuffer(pixels, dtype=head["dtype"]).reshape(head["shape"]), head["photometric"]

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, str(PROGRAM), json.dumps(sys.path)]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        return self.process

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            for pipe in (self.process.stdin, self.process.stdout):
                try:
                    _pipe(pipe).close()
                except BrokenPipeError:
                    continue
            self.process.wait()
            self.process = None


_CHILDREN: dict[int, _Child] = {}


def decode_apart(path: Path) -> tuple[np.ndarray, str]:
    """Decode the first frame in a child process, with any decoder that pydicom finds there.

    Args:
        path: DICOM file.

    Returns:
        the array as pydicom decodes it (colour as RGB), read-only, and its photometric interpretation.

    Raises:
        ValueError: when it can't be decoded, or the decoder crashes or takes longer than a minute.
    """
    child = _CHILDREN.setdefault(os.getpid(), _Child())
    with child.lock:
        return child.ask(path.resolve())


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EOFError
    return pipe


def _answer(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    pixels = stream.read(head["size"])
    if len(pixels) < head["size"]:
        raise EOFError
    return head, pixels
