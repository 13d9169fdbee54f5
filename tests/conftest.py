"""Fixtures that tests of several packages share."""

from browser import browser

__all__ = ["browser"]
