"""OUT: where translations lie, and what makes a job on it resumable.

    _job.json           what this output is for: model, inputs, settings
    _units/00000.json   the record of a committed unit, written after its files
    manifest.json       names the files that count
    _SUCCESS            written last

A unit's files have fixed names and are stored whole; its record comes after them. So a unit
without a record is simply translated again, to the same files.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from nmt.configuration import changed
from nmt.errors import UnusableInput
from nmt.evaluation.sentences import read_table
from nmt.storage import Location
from nmt.translation.corpus import Unit


class Output:
    """An OUT folder.

    Args:
        location: the folder.
    """

    def __init__(self, location: Location) -> None:
        self.location = location

    def begin(self, job: dict[str, Any], overwrite: bool) -> dict[str, Any] | None:
        """Claim the folder for a job, or recognise the job as begun or finished.

        Args:
            job: everything that decides about the contents.
            overwrite: remove what a job with other settings left.

        Returns:
            The manifest if this very job is finished, else None.

        Raises:
            UnusableInput: the folder holds something else, or was begun with other settings.
        """
        self.check(job, overwrite)
        if self._marker.is_file() and changed(self._marker.read_json(), job):
            self._clear()
        if (self.location / "_SUCCESS").is_file():
            return (self.location / "manifest.json").read_json()
        if not self._marker.is_file():
            self._marker.write_json(job)
        return None

    @property
    def _marker(self) -> Location:
        return self.location / "_job.json"

    def _clear(self) -> None:
        """Remove another job's files: first what says that they are whole, last what says
        whose they are, so that an interrupted removal can be continued."""
        (self.location / "_SUCCESS").delete()
        (self.location / "manifest.json").delete()
        for file in self.location.files(recursive=True):
            if file != self._marker:
                file.delete()
        self._marker.delete()

    def check(self, job: dict[str, Any], overwrite: bool) -> None:
        """Refuse a folder in other use; see `begin`. Writes nothing."""
        if not self._marker.is_file():
            if self.location.is_file() or self.location.files(recursive=True):
                raise UnusableInput(
                    f"{self.location}: holds something that is no translation; give another "
                    "--output"
                )
        elif not overwrite and (differences := changed(self._marker.read_json(), job)):
            raise UnusableInput(
                f"{self.location}: in use with other settings or inputs "
                f"({'; '.join(differences[:4])}); give another --output, or --overwrite"
            )

    def commit(
        self, unit: Unit, files: dict[str, pa.Table], record: dict[str, Any]
    ) -> dict[str, Any]:
        """Store a unit's files, then its record; returns the record."""
        written = {name: (self.location / name).write_table(table) for name, table in files.items()}
        record = {**record, "files": written}
        (self.location / "_units" / f"{unit.number:05d}.json").write_json(record)
        return record

    def finish(self, manifest: dict[str, Any]) -> None:
        """Store the manifest, and the mark that everything it names is there."""
        (self.location / "manifest.json").write_json(manifest)
        (self.location / "_SUCCESS").write_bytes(b"")

    def records(self) -> dict[int, dict[str, Any]]:
        """The records of all committed units, by number."""
        files = (self.location / "_units").files(".json")
        return {record["unit"]: record for record in (file.read_json() for file in files)}

    def write_heatmap(self, row: int, image: bytes) -> None:
        """Store a row's heatmap."""
        (self.location / "report" / "heatmaps" / f"row-{row:09d}.png").write_bytes(image)

    def heatmaps(self) -> dict[int, bytes]:
        """The heatmaps by row number."""
        files = (self.location / "report" / "heatmaps").files(".png")
        return {int(file.name[4:-4]): file.read_bytes() for file in files}

    def write_attention(self, unit: int, looked: list[dict[str, Any]]) -> None:
        """Store where the words of some rows of a unit looked, each with its ``row``."""
        (self.location / "report" / "heatmaps" / f"words-{unit:05d}.json").write_json(looked)

    def attention(self) -> dict[int, dict[str, Any]]:
        """Where the words of rows looked, by row number."""
        files = (self.location / "report" / "heatmaps").files(".json")
        return {looked.pop("row"): looked for file in files for looked in file.read_json()}

    def read(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Read one of the job's Parquet files."""
        return read_table(self.location / name, columns)
