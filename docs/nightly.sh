#!/usr/bin/env bash
# One night: translate what has come in for a date, beside the last finished night; try twice.
#
#   docs/nightly.sh SETTINGS [DATE]
#
# SETTINGS is a file of shell variables (docs/nightly.md has one): MODEL; INPUT and OUTPUT, folders
# in which every night has one of its own, named by DATE (today, in UTC); ADDRESS, the dashboard of
# a Ray cluster to submit the job to, or empty to run it here; OPTIONS, more options of the job.
# What stands in the environment already need not stand there; /dev/null is a file for none.
# The exit status is the job's: 0 done, 1 failed, 2 unusable, 3 a gate says no.
set -euo pipefail

set -a; . "$1"; set +a
date=${2:-$(date -u +%F)}
cd "$(dirname "$0")/.."

# Whether a night is finished.
finished() {
    python - "$1" <<'END'
import sys
from nmt.storage.location import Location

sys.exit(not (Location(sys.argv[1]) / "_SUCCESS").is_file())
END
}

# Of a submitted job: its own exit status, as far as it is one; `ray job submit` ends with 0 or 1.
submitted() {
    python - "$1" <<'END' || echo 1
import sys
from ray.job_submission import JobSubmissionClient

code = JobSubmissionClient().get_job_info(sys.argv[1]).driver_exit_code
print(code if code in (2, 3) else 1)
END
}

# Ray lets RAY_ADDRESS, which jobs may need, go before an option; but not before this one.
if [ -n "${ADDRESS:-}" ]; then export RAY_API_SERVER_ADDRESS=$ADDRESS; fi

# A night that was begun keeps its baseline; else it is the latest night that is finished.
baseline=$(python - "$OUTPUT/$date" <<'END'
import sys
from nmt.storage.location import Location

begun = Location(sys.argv[1]) / "_job.json"
print(begun.read_json()["settings"].get("baseline", "none") if begun.is_file() else "")
END
)
for days in 1 2 3 4 5 6 7; do
    if [ -z "$baseline" ]; then
        night=$OUTPUT/$(date -u -d "$date - $days days" +%F)
        if finished "$night"; then baseline=$night; fi
    fi
done

command=(python jobs/translate.py --model "$MODEL" --input "$INPUT/$date" --output "$OUTPUT/$date" --gate)
if [ "${baseline:-none}" != none ]; then command+=(--baseline "$baseline"); fi
# shellcheck disable=SC2206  # several words are meant
command+=(${OPTIONS:-})

for attempt in 1 2; do
    code=0
    if [ -n "${ADDRESS:-}" ]; then
        # An id of its own for each attempt: Ray refuses one that it has seen.
        id=nightly-$date-$(date -u +%H%M%S)
        ray job submit --submission-id "$id" \
            --runtime-env-json '{"working_dir": ".", "excludes": [".venv", ".git", "demo", "runs"]}' \
            -- "${command[@]}" || code=$(submitted "$id")
    else
        "${command[@]}" || code=$?
    fi
    # Only a failure may pass if it is tried again; it goes on where it was.
    if [ "$code" != 1 ]; then break; fi
    echo "attempt $attempt failed" >&2
done
exit "$code"
