"""A process that was stopped after its look at the lease changes nothing of what took over."""

import pickle
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nmt.errors import JobFailed, LeaseLost
from nmt.records.output import Lease
from nmt.storage import compare_and_swap, final, lease
from nmt.storage.compare_and_swap import versioned_file
from nmt.storage.final import FencedLocation, store_final
from nmt.storage.location import Location
from nmt.storage.retry import retry_storing

ON_S3 = pytest.param("s3", marks=pytest.mark.system)
CHANGES: dict[str, Callable[[Location], object]] = {
    "write": lambda run: (run / "metrics.jsonl").write_text("of the first"),
    "upload": lambda run: (run / "metrics.jsonl").upload(Path(__file__)),
    "delete": lambda run: (run / "metrics.jsonl").delete(),
    "tidy": lambda run: run.delete_own(re.compile("metrics.jsonl")),
}


@pytest.fixture
def run(request, tmp_path: Path) -> Location:
    if getattr(request, "param", "local") == "local":
        return Location(tmp_path / "run")
    request.getfixturevalue("s3")
    return Location(f"s3://nmt/fenced {tmp_path.name}")


def take_over(run: Location, text: str | None = "of the second") -> None:
    """Another job has the lease now, and has written its file."""
    now = time.time()
    holder = Lease(owner="second", holder="process 7 on b", heartbeat=now, expires=now + 60)
    (run / lease.NAME).write_json(holder)
    if text is not None:
        (run / "metrics.jsonl").write_text(text)


@pytest.mark.parametrize("run", ["local", ON_S3], indirect=True)
@pytest.mark.parametrize("change", CHANGES)
def test_who_has_lost_the_lease_changes_nothing(run, change) -> None:
    with lease.hold(run) as held:
        own = FencedLocation(run, held.owner)
        (own / "metrics.jsonl").write_text("before")
        assert (run / "metrics.jsonl").read_bytes() == b"before"
        take_over(run)
        with pytest.raises(LeaseLost, match="process 7 on b has taken over"):
            CHANGES[change](own)
        assert (run / "metrics.jsonl").read_bytes() == b"of the second"


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_takes_the_lease_of_a_local_output_while_it_is_changed(
    run, change, monkeypatch
) -> None:
    monkeypatch.setattr(compare_and_swap, "_LOCK_SECONDS", 0.0)
    with lease.hold(run) as held:
        own, tries = FencedLocation(run, held.owner), []
        (own / "metrics.jsonl").write_text("before")

        def look(output: Location, owner: str) -> None:
            file = versioned_file(output / lease.NAME)
            data, version = file.read()
            try:
                file.replace(data or b"", version)
                tries.append("taken")
            except JobFailed as error:
                tries.append(str(error))

        monkeypatch.setattr(final, "check_owner", look)
        CHANGES[change](own)
        assert "another process has held this lock" in tries[-1]


@pytest.mark.parametrize("run", [ON_S3], indirect=True)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("before", [None, "before"])
def test_who_loses_it_after_a_look_changes_nothing(run, before, change, monkeypatch) -> None:
    with lease.hold(run) as held:
        own, check = FencedLocation(run, held.owner), final.check_owner
        if before is not None:
            (own / "metrics.jsonl").write_text(before)
        looks = []

        def look(output: Location, owner: str) -> None:
            check(output, owner)
            looks.append(owner)
            take_over(run)

        monkeypatch.setattr(final, "check_owner", look)
        if change in ("write", "upload"):
            with pytest.raises(LeaseLost):
                CHANGES[change](own)
        else:  # what it wanted to remove is gone
            CHANGES[change](own)
        if looks:
            assert (run / "metrics.jsonl").read_bytes() == b"of the second"


@pytest.mark.parametrize("run", [ON_S3], indirect=True)
def test_what_is_final_is_not_replaced_by_who_lost_the_lease_after_a_look(run) -> None:
    """What a job left that was killed lies in the way, and the look comes just before the loss."""
    file = run / "part-00000.parquet"
    file.write_text("of one that was killed")
    looks: list[bool] = []

    def check() -> None:
        looks.append(True)
        if len(looks) > 1:
            raise LeaseLost("the second has it")
        file.write_text("of the second")

    with pytest.raises(LeaseLost):
        store_final(file, lambda mark: b"of the first" + mark.encode(), check, run / lease.NAME)
    assert file.read_bytes() == b"of the second"


def test_a_lease_that_is_lost_is_not_waited_for(run) -> None:
    with lease.hold(run) as held:
        take_over(run)
        own, attempts = FencedLocation(run, held.owner), []
        with pytest.raises(LeaseLost):
            retry_storing(
                "x", lambda: (attempts.append(1), (own / "metrics.jsonl").write_text("mine"))
            )
        assert len(attempts) == 1


def test_a_place_below_is_fenced_too(run) -> None:
    with lease.hold(run) as held:
        own = FencedLocation(run, held.owner)
        (own / "model" / "a").write_text("x")
        take_over(run, None)
        for place in (own / "best", (own / "model").parent, *(own / "model").files()):
            with pytest.raises(LeaseLost):
                place.write_text("y")
        with pytest.raises(LeaseLost):
            own.named("model/a").delete()
        with pytest.raises(TypeError, match="makes its own"):
            pickle.dumps(own)
