"""The machines of cluster.yaml, as a fake cluster that grows and shrinks on this machine."""

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import ROOT, TINY, command, run
from ray_head import RayHead, environment, free_port, started

pytestmark = pytest.mark.system

PATIENCE = 900  # seconds; a generous limit for a loaded machine


def fake_config(port: int) -> dict[str, Any]:
    """The node types of cluster.yaml, on processes instead of machines.

    This is the config that ``ray.cluster_utils.AutoscalingCluster`` makes from a file that Ray's
    wheel leaves out; its `start` would also stop every other Ray of this machine.
    """
    config = yaml.safe_load((ROOT / "cluster.yaml").read_text("utf-8"))
    types = config["available_node_types"]
    # One CPU and no memory to speak of: two workers then want two machines.
    types["gpu_worker"]["resources"] |= {"CPU": 1, "object_store_memory": 100 * 2**20}
    types["ray.head.default"] = types.pop(config["head_node_type"])  # as the fake provider calls it
    for kind in types.values():
        kind["node_config"] = {}
    provider = {"type": "fake_multinode", "gcs_address": f"127.0.0.1:{port}"}
    for flag in ("use_node_id_as_ip", "disable_node_updaters", "disable_launch_config_check"):
        provider[flag] = True
    # Both machines in one go before the autoscaler looks again: starting a process takes this
    # provider seconds, unlike a cloud's answer, and a look amid that asks for one machine too many.
    provider |= {"launch_multiple": True, "foreground_node_launch": True}
    lists = ("initialization", "setup", "head_setup", "worker_setup")
    lists += ("head_start_ray", "worker_start_ray")
    return {
        "cluster_name": config["cluster_name"],
        "max_workers": config["max_workers"],
        "upscaling_speed": config["upscaling_speed"],
        # Longer than from the end of the wait for room to Ray Train's own group of workers.
        "idle_timeout_minutes": 0.5,
        "provider": provider,
        "auth": {},
        "docker": {},
        "available_node_types": types,
        "head_node_type": "ray.head.default",
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
        **{f"{name}_commands": [] for name in lists},
    }


@contextmanager
def fake_cluster(folder: Path) -> Iterator[RayHead]:
    port = free_port()
    file = folder / "cluster.json"
    file.write_text(json.dumps(fake_config(port)))
    options = ["--num-cpus=0", f"--autoscaling-config={file}", "--object-store-memory=100000000"]
    variables = {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
    with started(folder / "log", *options, port=port, **variables) as head:
        yield head


def alive(head: RayHead) -> int:
    """How many machines the cluster has now, its head included."""
    nodes = answered(head, "nodes?view=summary")["summary"]
    return sum(node["raylet"]["state"] == "ALIVE" for node in nodes)


def asked(head: RayHead) -> int:
    """For how many workers the job asks now, or has got room."""
    groups = answered(head, "api/v0/placement_groups?detail=1")["result"]["result"]
    return sum(len(group["bundles"]) for group in groups if group["state"] != "REMOVED")


def answered(head: RayHead, question: str) -> Any:
    with urllib.request.urlopen(f"{head.dashboard}/{question}", timeout=60) as answer:
        return json.loads(answer.read())["data"]


@pytest.mark.slow
def test_a_cluster_grows_for_a_training_and_shrinks_after_it(tmp_path: Path) -> None:
    run("prepare", "--demo", "400", "--output", tmp_path / "dataset", 
        "--valid-fraction", "0.1", "--test-fraction", "0.1")  # fmt: skip
    with fake_cluster(tmp_path) as head:
        sizes, demands = [], []
        options = ["--data", tmp_path / "dataset", "--output", tmp_path / "run", "--workers", "2"]
        train = command("train", *options, *TINY, "--set", "training.epochs=1", head=head)
        process = subprocess.Popen(train, cwd=ROOT, env=environment(), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        watching = threading.Event()

        def watch() -> None:
            while not watching.wait(1):
                sizes.append(alive(head))
                demands.append(asked(head))

        thread = threading.Thread(target=watch)
        thread.start()
        told, _ = process.communicate(timeout=PATIENCE)
        watching.set()
        thread.join()
        assert process.returncode == 0, told
        assert "waiting up to 15 minutes for room for 2 workers with 1 CPU each" in told
        assert "2 replicas: " in told
        assert 1 in sizes
        assert max(demands) == 2  # never the group that waits for room beside Ray Train's own
        # Ray tells its autoscaler once a second which groups wait, but at once what nodes have
        # left: a group whose placing takes that long, on a busy machine, seems to wait beside the
        # room that it has already taken, and is given as much again.
        assert 3 <= max(sizes) <= 5
        assert (tmp_path / "run/model/model.json").is_file()
        deadline = time.monotonic() + PATIENCE
        while alive(head) > 1:
            assert time.monotonic() < deadline, "the cluster did not shrink"
            time.sleep(1)
