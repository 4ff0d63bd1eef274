"""Program of the child process that decodes for :py:mod:`imgae_monai.data.gdcm_decoder`; run as a script, not imported.

It reads a path a line from standard input, and answers each with a line of JSON and, on success, the array's bytes. It
imports neither torch nor MONAI, so that it starts in a fraction of a second.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import warnings
from typing import IO, Any

# libjpeg goes on after these, with whatever pixels come out; its other warnings are harmless
_DAMAGE = re.compile(rb"corrupt|premature|bogus|inconsistent", re.IGNORECASE)


def _decode(path: str, messages: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    import pydicom
    from pydicom.pixels import get_decoder

    messages.seek(0)
    messages.truncate()
    dataset = pydicom.dcmread(path)
    array, meta = get_decoder(dataset.file_meta.TransferSyntaxUID).as_array(dataset, index=0)
    messages.seek(0)
    said = messages.read()
    if _DAMAGE.search(said):
        raise ValueError(f"the decoder says: {' '.join(said.decode(errors='replace').split())[:200]}")
    head = {"shape": array.shape, "dtype": array.dtype.str, "photometric": str(meta["photometric_interpretation"])}
    return head, array.tobytes()


def main() -> None:
    """Answer until standard input ends."""
    sys.path[:] = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    with os.fdopen(os.dup(1), "wb") as answers, tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 1)  # what C++ prints must not stand between the answers
        os.dup2(messages.fileno(), 2)
        for line in sys.stdin:
            try:
                head, pixels = _decode(json.loads(line), messages)
            except Exception as e:  # told to the parent, whatever it is
                head, pixels = {"error": f"{type(e).__name__}: {e}"}, b""
            answers.write(json.dumps({**head, "size": len(pixels)}).encode() + b"\n" + pixels)
            answers.flush()


if __name__ == "__main__":
    main()
