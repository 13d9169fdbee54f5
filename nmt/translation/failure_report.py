"""The report of a job that fails, where a finished job leaves its own."""

from __future__ import annotations

import contextlib
import datetime
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from nmt.errors import JobFailed, Stopped, UnusableInput
from nmt.evaluation.measures import added
from nmt.records.output import JobRecord
from nmt.records.report import FailureReport
from nmt.storage.location import Location
from nmt.storage.uri import without_home
from nmt.translation.notification import notify
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest

log = logging.getLogger(__name__)

_SAID = 2000  # characters of an error that a report holds


@contextmanager
def report_failure(request: TranslateRequest, output: Output, job: JobRecord) -> Iterator[None]:
    """Work on a job; when it fails or is stopped, write report/report.json as far as possible, and
    notify.

    The report of such a job holds ``title``, ``created``, ``verdict``, ``exit_status``, the
    ``counts`` of the units that are done, if they can be read, and ``settings``. The next attempt
    replaces it.

    Args:
        request: of the job.
        output: the OUT folder, which the job has begun: another's is not to be written to.
        job: what identifies it.
    """
    try:
        yield
    except Exception as error:
        known = isinstance(error, UnusableInput | JobFailed | Stopped)
        status = getattr(error, "exit_status", 1) if known else 1
        text = " ".join(str(error).split())[:_SAID] or type(error).__name__
        how = "stopped" if isinstance(error, Stopped) else "failed"
        reason = without_home(f"{how}: {text}")
        file = request.output / "report" / "report.json"
        try:
            output.guard()
            output.store_json(file, _report(request, output, job, status, reason))
        except Exception as second:  # perhaps the very reason of the failure
            log.warning(f"{file}: cannot be written: {' '.join(str(second).split())[:300]}")
        if request.notify is not None:
            notify(request.notify, file, status, reason)
        raise


def _report(
    request: TranslateRequest, output: Output, job: JobRecord, status: int, reason: str
) -> FailureReport:
    report = FailureReport(
        title=f"Translation of {Location(request.input).name}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        verdict=reason,
        exit_status=status,
        settings=job.settings,
    )
    with contextlib.suppress(UnusableInput):  # a damaged record, perhaps what the job failed of
        counts = added(record.counts.to_json() for record in output.records())
        report = report.model_copy(update={"counts": counts})
    return report
