"""Who the pods are: accounts with a role of the cloud, and keys of nobody."""

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml
from schemas import JOBS, ROOT, check, check_part, job_of, pods_of, read, read_all

ACCOUNTS = {
    account["metadata"]["name"]: account
    for account in read_all(ROOT / "deploy/serviceaccount.yaml")
}
ROLE = "eks.amazonaws.com/role-arn"
GUIDE = (ROOT / "docs/how-to/cluster.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    """The blocks of the guide in a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def pods() -> list[tuple[str, dict[str, Any]]]:
    return [pod for path in JOBS for pod in pods_of(job_of(read(path))).items()]


def test_accounts_take_a_role_and_no_way_to_kubernetes() -> None:
    assert ACCOUNTS.keys() == {"nmt", "nmt-head"}
    for account in ACCOUNTS.values():
        check(account)
        assert re.fullmatch(
            r"arn:aws:iam::\d{12}:role/[\w-]+", account["metadata"]["annotations"][ROLE]
        )
        assert account["automountServiceAccountToken"] is False
        with pytest.raises(jsonschema.ValidationError):
            check({**account, "secret": "nmt-storage"})


def test_who_needs_the_bucket_has_an_account_and_nobody_else() -> None:
    """KubeRay gives the head's account the right to start pods, so that workers have another."""
    names = {kind: pod["spec"].get("serviceAccountName") for kind, pod in pods()}
    assert names.pop("submitter") is None
    assert names.pop("head") == "nmt-head"
    assert set(names.values()) == {"nmt"}
    for kind, pod in pods():
        annotations = pod["metadata"].get("annotations", {})
        # The container that KubeRay adds to a head.
        skipped = annotations.get("eks.amazonaws.com/skip-containers")
        assert skipped == ("autoscaler" if kind == "head" else None)


def test_keys_are_only_what_a_secret_may_add() -> None:
    """Where it is not there, the role counts; the submitter has none."""
    for kind, pod in pods():
        (container,) = pod["spec"]["containers"]
        sources = container.get("envFrom", [])
        if kind == "submitter":
            assert not sources
            assert "env" not in container
            continue
        assert sources == [
            {"configMapRef": {"name": "nmt-environment", "optional": True}},
            {"secretRef": {"name": "nmt-storage", "optional": True}},
        ]
        assert not any("valueFrom" in variable for variable in container["env"])


def test_the_objects_of_the_guide_are_valid() -> None:
    objects = [yaml.safe_load(text) for text in blocks("yaml")]
    parts, config = objects
    for name in ("env", "volumeMounts", "volumes"):
        check_part(parts.pop(name), name)
    assert not parts
    check(config)
    assert config["metadata"]["name"] == "nmt-environment"


def test_the_role_of_the_guide_trusts_these_accounts_alone() -> None:
    (trust,) = [json.loads(text) for text in blocks("json")]
    (statement,) = trust["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    (conditions,) = statement["Condition"].values()
    assert list(statement["Condition"]) == ["StringEquals"]
    (accounts,) = [each for name, each in conditions.items() if name.endswith(":sub")]
    assert accounts == [f"system:serviceaccount:NAMESPACE:{name}" for name in ACCOUNTS]
    (audience,) = [each for name, each in conditions.items() if name.endswith(":aud")]
    assert audience == "sts.amazonaws.com"
