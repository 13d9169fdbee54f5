"""What Ray Train tells each worker of all the others: the variable ``TF_CONFIG``.

``ray.train.tensorflow`` does the same, but imports TensorFlow in the driver and in Ray Train's
controller, where there is no model: 2.4 CPU-seconds and 0.5 GB each.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import ray
from ray.train.backend import Backend, BackendConfig

from nmt.json_text import json_text


class TensorFlowConfig(BackendConfig):
    """Chooses `TensorFlowBackend`."""

    @property
    def backend_cls(self) -> type[Backend]:
        """As Ray Train asks for it."""
        return TensorFlowBackend


class TensorFlowBackend(Backend):
    """Gives each worker an address, and all of them to each."""

    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:
        """Set ``TF_CONFIG`` on every worker of a new group, its number being its rank."""
        addresses = worker_group.execute(_address)
        pending = [
            worker_group.execute_single_async(rank, _introduce, addresses, rank)
            for rank in range(len(worker_group))
        ]
        ray.get(pending)


def _address() -> str:
    """This node, and a port of it that nobody uses now."""
    host = ray.util.get_node_ip_address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind(("", 0))
        port = listener.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _introduce(addresses: list[str], rank: int) -> None:
    """Tell this worker of all; see ``tf.distribute.cluster_resolver.TFConfigClusterResolver``."""
    task = {"type": "worker", "index": rank}
    os.environ["TF_CONFIG"] = json_text({"cluster": {"worker": addresses}, "task": task})
