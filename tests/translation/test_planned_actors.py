"""What ``--dry-run`` says of the actors of a machine that does not grow."""

from collections import Counter

import pytest
from outputs import SEARCH
from ray._private import utils

from nmt import bundle
from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.translation import preview
from nmt.translation.checks import check
from nmt.translation.input.corpus import inspect
from nmt.translation.job import work_of
from nmt.translation.request import TranslateRequest, identify


def plan(saved_models, tmp_path, monkeypatch, **options) -> list[str]:
    monkeypatch.setattr(preview, "_sample", lambda corpus, work: (0, Counter(), 0, 0.0))
    # Ray counts what a container may use, also where it sees the cores of the whole machine.
    monkeypatch.setattr(utils, "get_num_cpus", lambda **_: 4)
    (tmp_path / "in.txt").write_text("A dog sleeps.\n" * 30)
    models, out = (Location(saved_models[0]),), Location(tmp_path / "out")
    request = TranslateRequest(models, str(tmp_path / "in.txt"), out, search=SEARCH, **options)
    info, corpus = bundle.check_all(models), inspect(request.input, "source")
    check(request, info, corpus)
    work = work_of(request, info, identify(request, info, corpus), corpus)
    return list(preview.plan_of(request, info, corpus, work))


def test_the_cores_are_those_that_ray_will_count(saved_models, tmp_path, monkeypatch) -> None:
    lines = plan(saved_models, tmp_path, monkeypatch)
    assert "actors    1 actor with 4 CPUs" in lines


def test_what_the_job_would_refuse_is_refused(saved_models, tmp_path, monkeypatch) -> None:
    with pytest.raises(UnusableInput, match=r"no room for an actor with 5 CPUs: .* has 4 CPUs"):
        plan(saved_models, tmp_path, monkeypatch, cpus_per_actor=5)


def test_several_texts_of_a_row_are_counted_as_texts(tmp_path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("title,body\na,b\nc,d\n")
    one, both = (inspect(str(file), "title", more_columns=more) for more in ((), ("body",)))
    assert (one.rows, one.things, both.rows, both.things) == (2, "row", 4, "text")
