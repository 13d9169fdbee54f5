"""What a unit asks a store for: its time goes into decoding, and not into waiting."""

from dataclasses import replace

from outputs import SEARCH, loaded
from requests_of import counting_proxy

from nmt import bundle
from nmt.storage.lease import hold
from nmt.storage.location import Location
from nmt.translation.checks import check
from nmt.translation.input.corpus import inspect
from nmt.translation.job import work_of
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest, identify
from nmt.translation.work import output_of
from nmt.translation.worker import translate_unit


def test_a_unit_asks_for_little(s3, saved_models, monkeypatch) -> None:
    text = b"The dog sleeps.\nA cat sees the old bird.\n\xff\n" * 200
    s3.client().put_object(Bucket="nmt", Key="few/in.txt", Body=text)
    with counting_proxy(s3.endpoint) as (endpoint, requests):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        output = Location("s3://nmt/few/out")
        request = TranslateRequest(
            (Location(saved_models[0]),), "s3://nmt/few/in.txt", output, search=SEARCH, heatmaps=0
        )
        info = bundle.check_all(request.models)
        corpus = inspect(request.input, request.text_column[0])
        check(request, info, corpus)
        with hold(output) as lease:
            job = identify(request, info, corpus)
            Output(output).begin(job, overwrite=False)
            work = work_of(request, info, job, corpus)
            work = replace(work, owner=lease.owner, page=frozenset())
            out, translator = output_of(work), loaded(work)
            for unit in corpus.units():
                requests.clear()
                translate_unit(unit, work, translator, out)
                own = [one for one in requests if "_lease.json" not in one or "GET" in one]
                rejected = [one for one in own if "/rejected/" in one]
                assert len(rejected) == 1
                assert len(own) - len(rejected) <= 8, own
