"""Whatever a stranger has written into a stored folder, a command that reads it ends in one line.

`tamperings.problems` says what must hold. The fast tests try a few tamperings of every file with
every quick reader; the slow ones try all, or one of so many as the variable NMT_TAMPERINGS has.
"""

from __future__ import annotations

import os

import in_process
import pytest
from readers import READERS, Reader
from stored_folders import Site, make_site
from tamperings import examine, tamperings

QUICK = 4  # tamperings with a folder that each quick reader is tried with
CASES = [(folder, reader) for folder, readers in READERS.items() for reader in readers]
FAST = [case for case in CASES if not case[1].slow]
SHOWN = 30  # problems in a message


def names(cases: list[tuple[str, Reader]]) -> list[str]:
    return [f"{folder}-{reader.name}".replace(" ", "-") for folder, reader in cases]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("small"), whole=False)


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("whole"))


def examined(site: Site, folder: str, reader: Reader, every: int, first: int = 0) -> None:
    with in_process.without_ray():
        found = list(examine(site, reader, folder, every, first))
    assert not found, f"{len(found):,} problems:\n" + "\n".join(found[:SHOWN])


@pytest.mark.parametrize(("folder", "reader"), FAST, ids=names(FAST))
def test_some_tamperings_end_in_one_line(site: Site, folder: str, reader: Reader) -> None:
    count = sum(1 for _ in tamperings(site, folder))
    examined(site, folder, reader, count // QUICK, [*READERS[folder]].index(reader))


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "reader"), CASES, ids=names(CASES))
def test_all_tamperings_end_in_one_line(whole_site: Site, folder: str, reader: Reader) -> None:
    examined(whole_site, folder, reader, int(os.environ.get("NMT_TAMPERINGS", "1")))
