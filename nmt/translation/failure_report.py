"""A job that fails says so where a finished one leaves its report, and tells the hook."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nmt.console import say
from nmt.errors import JobFailed, UnusableInput
from nmt.storage.location import Location
from nmt.storage.uri import without_home
from nmt.translation.notification import notify
from nmt.translation.output import Output
from nmt.translation.report.summary import total_counts
from nmt.translation.request import TranslateRequest

_SAID = 2000  # characters of an error that a report holds


@contextmanager
def told(request: TranslateRequest, output: Output, job: dict[str, Any]) -> Iterator[None]:
    """Work on a job; when it fails write report/report.json as far as possible, and notify.

    The report of a failed job holds ``title``, ``created``, ``verdict``, ``exit_status``, the
    ``counts`` of the units that are done, if they can be read, and ``settings``. The next attempt
    replaces it.

    Args:
        request: what was asked for.
        output: the OUT folder, which the job has begun: another's is not to be written to.
        job: what identifies the job.
    """
    try:
        yield
    except Exception as error:
        known = isinstance(error, UnusableInput | JobFailed)
        status = getattr(error, "exit_status", 1) if known else 1
        text = " ".join(str(error).split())[:_SAID] or type(error).__name__
        reason = without_home(f"failed: {text}")
        file = request.output / "report" / "report.json"
        try:
            output.guard()
            file.write_json(_report(request, output, job, status, reason))
        except Exception as second:  # perhaps the very reason of the failure
            say(f"warning: {file}: cannot be written: {' '.join(str(second).split())[:300]}")
        if request.notify is not None:
            notify(request.notify, file, status, reason)
        raise


def _report(
    request: TranslateRequest, output: Output, job: dict[str, Any], status: int, reason: str
) -> dict[str, Any]:
    report = {
        "title": f"Translation of {Location(request.input).name}",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "verdict": reason,
        "exit_status": status,
        "settings": job["settings"],
    }
    with contextlib.suppress(UnusableInput):  # a damaged record, perhaps what the job failed of
        report["counts"] = total_counts(list(output.records().values()))
    return report
