"""Two nights as deploy/nightly.sh runs them: compared, grouped, gated, announced and measured."""

import json
import re
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import ROOT, hook
from outputs import translate
from ray_head import RayHead, environment
from s3 import SECRET, S3Server

from nmt.errors import UnusableInput
from nmt.settings import GateSettings
from nmt.storage.location import Location
from nmt.translation.notification import notify

pytestmark = pytest.mark.system

NIGHTS = "s3://nmt/nightly/out"


def write_night(dataset: Path, folder: Path) -> None:
    """The test part with a column to group by."""
    table = pq.read_table(dataset / "test", columns=["id", "source", "target"])
    domains = [[None, "news", "law"][number % 3] for number in range(table.num_rows)]
    folder.mkdir(parents=True)
    pq.write_table(table.append_column("domain", pa.array(domains)), folder / "in.parquet")


def run_night(settings: Path, date: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "deploy/nightly.sh", settings, date],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900,
    )  # fmt: skip


class Exporters(threading.Thread):
    """Asks Ray's exporters for this product's metrics, again and again.

    Other tests counted on the same cluster, with the same model; what they left is taken off.
    """

    def __init__(self, head: RayHead) -> None:
        super().__init__(daemon=True)
        self._address, self._enough = f"{head.dashboard}/api/prometheus/sd", threading.Event()
        self._most: dict[tuple[str, str], float] = {}
        deadline = time.monotonic() + 120
        while True:  # the exporters of a cluster that has just begun are not all there at once
            try:
                self._look()
                break
            except OSError:
                assert time.monotonic() < deadline, "no exporter answers"
                time.sleep(0.5)
        self._before = dict(self._most)

    def run(self) -> None:
        while not self._enough.wait(1.0):
            try:
                self._look()
            except OSError:
                continue

    def found(self, name: str) -> float:
        """What was counted since this thread was made, by all actors together."""
        return sum(
            value - self._before.get(key, 0) for key, value in self._most.items() if key[0] == name
        )

    def has_label(self, name: str, label: str) -> bool:
        """Whether some of it had this label."""
        return any(key[0] == name and label in key[1] for key in self._most)

    def _look(self) -> None:
        nodes = json.loads(self._get(self._address))
        for target in {target for node in nodes for target in node["targets"]}:
            text = self._get(f"http://{target}/metrics")
            for name, labels, value in re.findall(r"^(ray_nmt_\w+)\{(.*)\} (\S+)$", text, re.M):
                self._most[name, labels] = max(self._most.get((name, labels), 0), float(value))

    def _get(self, address: str) -> str:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.read().decode()

    def stop(self) -> None:
        self._enough.set()
        self.join()


def test_two_nights(trained: Path, ray_head: RayHead, s3: S3Server, tmp_path: Path) -> None:
    """The first from here on a cluster, the second submitted to it, both to object storage."""
    for date in ("2026-01-04", "2026-01-05"):
        write_night(trained / "dataset", tmp_path / "in" / date)
    settings, (told_by, told) = tmp_path / "nightly.env", hook(tmp_path)
    options = f"--reference-column target --group-by domain --config {tmp_path}/nmt.yaml"
    lines = [f"MODEL={trained}/run/model", f"INPUT={tmp_path}/in", f"OUTPUT={NIGHTS}"]
    lines.append(f'OPTIONS="{options}"')
    settings.write_text("\n".join([*lines, f"RAY_ADDRESS={ray_head.address}"]))
    # The model has learnt little: only drift is to be an alarm.
    lenient = f"gate: {{{', '.join(f'{name}: null' for name in GateSettings.model_fields)}}}\n"
    (tmp_path / "nmt.yaml").write_text(
        f"translate: {{notify: '{told_by}', cost-per-hour: 9}}\n{lenient}"
    )

    exporters = Exporters(ray_head)
    exporters.start()
    done = run_night(settings, "2026-01-04")
    exporters.stop()
    assert done.returncode == 0, done.stderr
    first = Location(f"{NIGHTS}/2026-01-04")
    report = (first / "report/report.json").read_json()
    assert "comparison" not in report
    assert [entry["rows"] for entry in report["groups"][0]["values"]] == pytest.approx(
        [report["counts"]["rows"] / 3] * 3, abs=1
    )
    for part in ("rows ", "rates ", "speed ", "BLEU ", "cost "):
        assert part in done.stderr
    assert exporters.found("ray_nmt_rows_total") == report["counts"]["rows"]
    assert exporters.found("ray_nmt_target_tokens_total") == report["counts"]["target_tokens"]
    assert exporters.found("ray_nmt_unit_seconds_sum") > 0
    assert exporters.found("ray_nmt_rejected_rows_total") == report["counts"]["rejected"]
    assert exporters.has_label("ray_nmt_rows_total", f'output="{first.uri}"')

    # The next night, submitted to the cluster and with a cache, every translation is cut short.
    lines[-1] = f'OPTIONS="{options} --cache s3://nmt/nightly/cache"'
    settings.write_text("\n".join([*lines, f"ADDRESS={ray_head.dashboard}"]))
    (tmp_path / "nmt.yaml").write_text(
        f"translate: {{notify: '{told_by}', cost-per-hour: 9}}\n{lenient}"
        "search: {max_length_ratio: 0.1, max_length_extra: 2}\n"
    )
    exporters = Exporters(ray_head)
    exporters.start()
    done = run_night(settings, "2026-01-05")
    exporters.stop()
    assert done.returncode == 3, done.stdout + done.stderr
    second = Location(f"{NIGHTS}/2026-01-05")
    report = (second / "report/report.json").read_json()
    assert exporters.found("ray_nmt_rows_total") == report["counts"]["rows"]
    assert report["comparison"]["baseline"] == str(first)
    assert report["comparison"]["paired"] == report["counts"]["translated"]
    assert "length_ratio" in [alarm["measure"] for alarm in report["alarms"]]
    assert all(alarm["text"] in done.stdout + done.stderr for alarm in report["alarms"])
    assert (second / "_SUCCESS").is_file()
    assert "attempt" not in done.stderr

    # The verdict is stored.
    stored = (second / "manifest.json").read_bytes()
    done = run_night(settings, "2026-01-05")
    assert done.returncode == 3, done.stdout + done.stderr
    assert (second / "manifest.json").read_bytes() == stored
    told_of = [line.split()[:2] for line in told.read_text().splitlines()]
    reports = [("0", first), ("3", second), ("3", second)]
    assert told_of == [[status, f"{night}/report/report.json"] for status, night in reports]

    # But it is no verdict on what was asked for otherwise: that is refused, and not tried again.
    settings.write_text(settings.read_text().replace("--group-by", "--beam-size 2 --group-by"))
    done = run_night(settings, "2026-01-05")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "in use with other settings" in done.stdout + done.stderr
    assert "attempt" not in done.stderr
    assert (second / "manifest.json").read_bytes() == stored


def test_a_night_on_object_storage_is_compared(s3: S3Server, saved_models, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("The dog sleeps.\nWe play.\n")
    before, now = "s3://nmt/nights/before", "s3://nmt/nights/now"
    translate(saved_models[0], tmp_path / "in.txt", before)
    verdict = translate(saved_models[1], tmp_path / "in.txt", now, baseline=Location(before))
    found = Location(f"{now}/report/report.json").read_json()
    assert found["comparison"]["baseline"] == before
    assert found["comparison"]["paired"] == 2
    assert found["verdict"] == verdict.reason
    assert found["samples"][0]["attention"]["weights"]
    assert SECRET not in Location(f"{now}/report/index.html").read_text()
    # The hook is handed the URI.
    told_by, told = hook(tmp_path)
    assert notify(told_by, Location(now) / "report" / "report.json", 0, "done")
    assert told.read_text() == f"0 {now}/report/report.json done\n"
    Location(f"{before}/_SUCCESS").delete()
    with pytest.raises(UnusableInput, match="not finished"):
        translate(saved_models[1], tmp_path / "in.txt", now + "2", baseline=Location(before))
