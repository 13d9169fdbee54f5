"""A node that is taken away in the middle of a unit spends none of the unit's attempts."""

import subprocess
import sys

import pytest
from commands import ROOT
from ray_head import environment

pytestmark = pytest.mark.system

PROGRAM = """
import sys, time
import ray
from ray.cluster_utils import Cluster
from nmt.storage.location import Location
from nmt.translation.quarantine import Attempts

file = Location(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
node = cluster.add_node(num_cpus=1, resources={"other": 1})
ray.init(address=cluster.address)

@ray.remote(resources={"other": 1}, max_retries=0)
def begin(uri):
    return Attempts(Location(uri), "rows 0-9").begun

assert [ray.get(begin.remote(str(file))) for _ in range(3)] == [1, 2, 3]
cluster.remove_node(node)
deadline = time.monotonic() + 300
while sum(node["Alive"] for node in ray.nodes()) > 1:
    assert time.monotonic() < deadline
    time.sleep(0.2)
assert Attempts(file, "rows 0-9").begun == 3  # the one that was lost does not count
assert Attempts(file, "rows 0-9").begun == 4  # another of this node does
ray.shutdown()
cluster.shutdown()
"""


def test_an_attempt_that_is_lost_with_its_node_does_not_count(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "00000.attempts")],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
