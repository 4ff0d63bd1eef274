"""An image that has no file here: its encoded bytes, as a stream hands them over."""

from __future__ import annotations

import dataclasses

STREAM_SCHEME = "hf://"


@dataclasses.dataclass(frozen=True)
class EncodedImage:
    """A PNG, JPEG or BMP file's bytes with a name; :py:func:`imgae_monai.data.read_image` takes it for a path.

    Args:
        data: the file's bytes.
        name: what to call it in messages and results.
    """

    data: bytes = dataclasses.field(repr=False)
    name: str

    def __str__(self) -> str:
        return self.name


def is_streamed(image: object) -> bool:
    """Whether an item's ``image`` names an example of a stream (``hf://...#train/17``), which no file here holds."""
    return str(image).startswith(STREAM_SCHEME)
