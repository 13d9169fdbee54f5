"""Fixtures of the tests of pictures and pages."""

from tiny_fonts import only_fonts

__all__ = ["only_fonts"]
