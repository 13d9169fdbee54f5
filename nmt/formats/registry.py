"""The formats whose rows have named columns. A new one is a file with a class, and a line here."""

from __future__ import annotations

from nmt.formats.comma_separated import CommaSeparated
from nmt.formats.json_lines import JsonLines
from nmt.formats.rows import RowFormat
from nmt.formats.tmx import Tmx

ROW_FORMATS: dict[str, RowFormat] = {
    one.name: one for one in (CommaSeparated(), JsonLines(), Tmx())
}
