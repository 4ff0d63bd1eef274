from __future__ import annotations

from .double_conv import DoubleConv

__all__ = ["DoubleConv"]
