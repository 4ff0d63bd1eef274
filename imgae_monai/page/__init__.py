"""What the HTML pages share: one look, and pictures inside the page."""

from .data_uri import data_uri, jpeg_uri
from .style import STYLE

__all__ = ["STYLE", "data_uri", "jpeg_uri"]
