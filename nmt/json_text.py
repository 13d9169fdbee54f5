"""The one way in which JSON is written: every reader can read it.

Python's own writes NaN and Infinity, which no standard knows (RFC 8259, section 6).
"""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(value: Any, **layout: Any) -> str:
    """A value as JSON; a number that is none or infinite is ``null``.

    Args:
        value: of what JSON knows.
        layout: options of `json.dumps`. Letters beyond ASCII stay as they are unless it says
            otherwise.
    """
    return json.dumps(_finite(value), **{"ensure_ascii": False, **layout}, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
