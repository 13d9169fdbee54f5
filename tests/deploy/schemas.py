"""The manifests of deploy/, and the schemas that they must fit; an unknown field is an error."""

from pathlib import Path
from typing import Any

import jsonschema
import yaml

from nmt.yaml_text import YamlLoader, parse_yaml

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
JOBS = sorted((ROOT / "deploy").glob("ray*.yaml"))

_KUBERAY, _NATIVE = (
    yaml.safe_load((HERE / f"{name}.yaml").read_text("utf-8"))
    for name in ("kuberay_v1_6_2", "kubernetes_v1")
)
SCHEMA = {**_NATIVE, **_KUBERAY, "definitions": _NATIVE["definitions"] | _KUBERAY["definitions"]}


def read(path: Path) -> dict[str, Any]:
    """A file with one object."""
    return parse_yaml(path.read_text("utf-8"))


def read_all(path: Path) -> list[dict[str, Any]]:
    """A file with several."""
    return list(yaml.load_all(path.read_text("utf-8"), Loader=YamlLoader))


def check(manifest: dict[str, Any]) -> None:
    """Raise where an object does not fit the schema of its kind."""
    schema = {"definitions": SCHEMA["definitions"], **SCHEMA[manifest["kind"]]}
    jsonschema.validate(manifest, schema)


def check_part(part: Any, definition: str) -> None:
    """The same for a part of one."""
    schema = {"definitions": SCHEMA["definitions"], "$ref": f"#/definitions/{definition}"}
    jsonschema.validate(part, schema)


def job_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The specification of a RayJob, which a RayCronJob has within it."""
    spec = manifest["spec"]
    return spec["jobTemplate"] if manifest["kind"] == "RayCronJob" else spec


def pods_of(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The templates of all pods of a job, by what they are."""
    cluster = job["rayClusterSpec"]
    workers = {group["groupName"]: group["template"] for group in cluster["workerGroupSpecs"]}
    head, submitter = cluster["headGroupSpec"]["template"], job["submitterPodTemplate"]
    return {"head": head, "submitter": submitter, **workers}
