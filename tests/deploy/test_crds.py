"""The manifests against the CRDs of KubeRay themselves, which are too large to be kept here.

KUBERAY_CRDS names a folder with them; without it these tests are skipped:

    git clone --depth 1 --branch v1.6.2 https://github.com/ray-project/kuberay /tmp/kuberay
    KUBERAY_CRDS=/tmp/kuberay/helm-chart/kuberay-operator/crds pytest tests/deploy

The other tests of the manifests use the short schema beside this file; here it is compared, too.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from schemas import JOBS, SCHEMA, read

FOLDER = os.environ.get("KUBERAY_CRDS")
KINDS = {"RayJob": "rayjobs", "RayCronJob": "raycronjobs"}
# Fields of ObjectMeta, which no CRD lists for an object itself.
METADATA: dict[str, Any] = {
    name: {} for name in ("name", "generateName", "namespace", "labels", "annotations")
}

pytestmark = pytest.mark.skipif(FOLDER is None, reason="KUBERAY_CRDS names no folder of CRDs")


@cache
def crd(kind: str) -> dict[str, Any]:
    """The schema of a kind of ray.io/v1 in which every field must be known."""
    text = (Path(FOLDER or "") / f"ray.io_{KINDS[kind]}.yaml").read_text("utf-8")
    definition = yaml.load(text, Loader=yaml.CSafeLoader)
    (version,) = [each for each in definition["spec"]["versions"] if each["name"] == "v1"]
    schema = closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"properties": METADATA, "additionalProperties": False}
    return schema


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A structural schema of Kubernetes as a JSON schema that refuses what it does not know."""
    found = {name: schema[name] for name in schema if not name.startswith("x-kubernetes-")}
    if schema.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
    if "properties" in schema:
        found["properties"] = {name: closed(each) for name, each in schema["properties"].items()}
        found["additionalProperties"] = schema.get("x-kubernetes-preserve-unknown-fields", False)
    elif isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = closed(schema["additionalProperties"])
    if "items" in schema:
        found["items"] = closed(schema["items"])
    return found


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_manifests_fit_the_crds(path) -> None:
    manifest = read(path)
    jsonschema.validate(manifest, crd(manifest["kind"]))
    manifest["spec"]["concurrencyPolicy"] = "Forbid"
    with pytest.raises(jsonschema.ValidationError, match="concurrencyPolicy"):
        jsonschema.validate(manifest, crd(manifest["kind"]))


def fields(short: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and schema of every field that the short schema knows."""
    if "$ref" in short:
        short = SCHEMA["definitions"][short["$ref"].rpartition("/")[2]]
    for part in short.get("allOf", []):
        yield from fields(part, path)
    if "items" in short:
        yield from fields(short["items"], path)
    for name, each in short.get("properties", {}).items():
        yield f"{path}/{name}", each
        yield from fields(each, f"{path}/{name}")


def at(schema: dict[str, Any], path: str) -> dict[str, Any] | None:
    """What a CRD says of a field."""
    for name in path.strip("/").split("/"):
        while "items" in schema:
            schema = schema["items"]
        schema = schema.get("properties", {}).get(name)
        if schema is None:
            return None
    return schema


@pytest.mark.parametrize("kind", KINDS)
def test_the_short_schema_knows_no_more_than_the_crds(kind) -> None:
    known = dict(fields(SCHEMA[kind]))
    assert len(known) > 300
    for path, short in known.items():
        there = at(crd(kind), path)
        assert there is not None, path
        if "type" in short and "type" in there:
            assert short["type"] == there["type"], path


@pytest.mark.parametrize("kind", KINDS)
def test_the_short_schema_knows_all_fields_of_kuberay_itself(kind) -> None:
    job = "/spec" if kind == "RayJob" else "/spec/jobTemplate"
    cluster = f"{job}/rayClusterSpec"
    known = dict(fields(SCHEMA[kind]))
    places = ["/spec", job, cluster, f"{cluster}/headGroupSpec", f"{cluster}/workerGroupSpecs"]
    for place in [*places, f"{cluster}/autoscalerOptions"]:
        there = at(crd(kind), place)
        assert there is not None
        while "items" in there:
            there = there["items"]
        missing = {name for name in there["properties"] if f"{place}/{name}" not in known}
        assert not missing, place
