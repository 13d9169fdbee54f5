"""Independent units of work, done in this process or spread over a Ray cluster.

A unit's function is pure: it reads what the unit names, writes files of fixed names, and
returns a small result. So a unit may be done twice, and both ways give the same files.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from nmt.console import activity
from nmt.errors import JobFailed, UnusableInput

U = TypeVar("U")
R = TypeVar("R")


def run_units(
    function: Callable[[U], R], units: Iterable[U], *, distributed: bool, title: str
) -> list[R]:
    """Do every unit.

    Args:
        function: does one unit; it and the units must be picklable.
        units: what to do; may be produced on the way if not distributed.
        distributed: as a Ray Data job (Ray must have been started) instead of in this process.
        title: what is shown while it runs.

    Returns:
        The results in the order of the units.

    Raises:
        UnusableInput, JobFailed: as the function raised it.
    """
    units = list(units)
    with activity(title, total=len(units)) as shown:
        if distributed and units:
            return _on_ray(function, units, shown.advance, title)
        results = []
        for unit in units:
            results.append(function(unit))
            shown.advance()
        return results


def _on_ray(
    function: Callable[[U], R], units: Sequence[U], advance: Callable[[], None], title: str
) -> list[R]:
    import ray.data

    # Importing ray.data sets its loggers up anew; what it says there is for developers.
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # The newer reader starts up to 32 actors for a handful of files.
    context.use_datasource_v2 = False

    def do(row: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = (True, function(pickle.loads(row["unit"])))
        except (UnusableInput, JobFailed) as error:  # Ray would wrap it beyond recognition
            answer = (False, error)  # type: ignore[assignment]
        return {"number": row["number"], "answer": pickle.dumps(answer)}

    rows = [{"number": number, "unit": pickle.dumps(unit)} for number, unit in enumerate(units)]
    results: dict[int, R] = {}
    try:
        dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map(do)
        for row in dataset.iter_rows():
            done, value = pickle.loads(row["answer"])
            if not done:
                raise value
            results[row["number"]] = value
            advance()
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1]
        raise JobFailed(f"{title}: a unit failed on the cluster: {last}") from error
    if len(results) != len(units):
        raise JobFailed(f"{title}: {len(units) - len(results)} units gave no result; run it again")
    return [results[number] for number in range(len(units))]
