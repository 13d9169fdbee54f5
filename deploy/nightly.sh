#!/usr/bin/env bash
# Translate the input of one night and compare it with the last finished night; retry once.
#
#   deploy/nightly.sh SETTINGS [DATE]
#
# SETTINGS is a file of shell variables; docs/how-to/nightly.md has an example. Variables of the
# environment count as well, and /dev/null is a file without settings.
#   MODEL    the model
#   INPUT    a folder with one folder per night, named by DATE (default: today, in UTC)
#   OUTPUT   the same for the outputs
#   ADDRESS  the dashboard of a Ray cluster to submit the job to; empty runs the job here
#   OPTIONS  more options of `nmt translate`
# The exit status is that of the job: 0 done, 1 failed, 2 unusable input, 3 a gate failed, 4 its time is over,
# 143 ended by SIGTERM.
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

# The exit status of a submitted job itself; `ray job submit` ends with 0 or 1.
submitted() {
    python - "$1" <<'END' || echo 1
import sys
from ray.job_submission import JobSubmissionClient

code = JobSubmissionClient().get_job_info(sys.argv[1]).driver_exit_code
print(code if code in (2, 3, 4, 130, 143) else 1)
END
}

# RAY_ADDRESS, which jobs may need, would win over an option, but not over this variable.
if [ -n "${ADDRESS:-}" ]; then export RAY_API_SERVER_ADDRESS=$ADDRESS; fi

# A night that has begun keeps its baseline. Otherwise the baseline is the last finished night.
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
# shellcheck disable=SC2206  # OPTIONS holds several words
command+=(${OPTIONS:-})

for attempt in 1 2; do
    code=0
    if [ -n "${ADDRESS:-}" ]; then
        # Each attempt has its own id: Ray refuses one that it has seen.
        id=nightly-$date-$(date -u +%H%M%S)
        ray job submit --submission-id "$id" \
            --runtime-env-json '{"working_dir": ".", "excludes": [".venv", ".git", "demo", "runs"]}' \
            -- "${command[@]}" || code=$(submitted "$id")
    else
        "${command[@]}" || code=$?
    fi
    # Only a failure is worth a retry; the job continues where it was.
    if [ "$code" != 1 ]; then break; fi
    echo "attempt $attempt failed" >&2
done
exit "$code"
