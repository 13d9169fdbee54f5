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

# The night to compare with, as a date: what is stored in an output is nothing but a choice of one.
baseline=$(python - "$OUTPUT" "$date" <<'END'
import sys
from nmt.errors import JobFailed, UnusableInput
from nmt.translation.nights import baseline_of

try:
    print(baseline_of(*sys.argv[1:]))
except (JobFailed, UnusableInput) as error:
    print(f"nightly.sh: {error}", file=sys.stderr)
    sys.exit(error.exit_status)
END
)

command=(python jobs/translate.py --model "$MODEL" --input "$INPUT/$date" --output "$OUTPUT/$date" --gate)
if [ -n "$baseline" ]; then command+=(--baseline "$OUTPUT/$baseline"); fi
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
