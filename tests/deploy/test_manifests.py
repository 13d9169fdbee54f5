"""What deploys the project: the manifests of KubeRay, the image, the cluster of `ray up`."""

import copy
import inspect
import itertools
import re
import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemas
from ray._private import ray_constants
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.dashboard.modules.job.job_supervisor import JobSupervisor
from schemas import ROOT, check, job_of, pods_of, read

from nmt.cli import jobs
from nmt.cli.command import command
from nmt.training.request import TrainRequest
from nmt.translation.request import TranslateRequest

JOBS = {
    "train": command(TrainRequest, jobs.train),
    "translate": command(TranslateRequest, jobs.translate),
}
POLICY = ROOT / "deploy/networkpolicy.yaml"
CLUSTER = ROOT / "cluster.yaml"
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")


def options_of(command: str) -> dict[str, str]:
    words = shlex.split(command)
    return {word: next(iter(words[i + 1 :]), "") for i, word in enumerate(words)}


def variables_of(entrypoint: str) -> dict[str, str]:
    """What stands before a command, as a shell takes it."""
    words = itertools.takewhile(re.compile(r"\w+=").match, shlex.split(entrypoint))
    return dict(word.split("=", 1) for word in words)


@pytest.mark.parametrize("path", schemas.JOBS, ids=lambda path: path.stem)
def test_manifests_have_only_fields_of_kuberay(path) -> None:
    manifest = read(path)
    check(manifest)
    # And the check does notice what is no field.
    for place in ("spec", "metadata"):
        wrong = copy.deepcopy(manifest)
        wrong[place]["concurrencyPolicy"] = "Forbid"
        with pytest.raises(jsonschema.ValidationError):
            check(wrong)


@pytest.mark.parametrize("path", schemas.JOBS, ids=lambda path: path.stem)
def test_manifests_end_what_they_begin_and_hold_no_secret(path) -> None:
    job = job_of(read(path))
    assert job["shutdownAfterJobFinishes"] is True
    assert 0 < job["activeDeadlineSeconds"] <= 2 * 86400
    assert job["backoffLimit"] >= 1
    cluster = job["rayClusterSpec"]
    assert cluster["rayVersion"] == version("ray")
    # A cluster without work costs nothing but its head, which runs no tasks.
    assert cluster["enableInTreeAutoscaling"] is True
    head, *workers = cluster["headGroupSpec"], *cluster["workerGroupSpecs"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert all(group["minReplicas"] == group["replicas"] == 0 for group in workers)
    containers = [group["template"]["spec"]["containers"][0] for group in (head, *workers)]
    assert len({container["image"] for container in containers}) == 1
    for group in (head, *workers):
        spec = group["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        # A head that a spot market takes away takes the job with it.
        spot = any("spot" in str(t).lower() for t in spec.get("tolerations", []))
        assert spot is (group is not head)
    for container in containers:
        assert container["resources"]["requests"] == container["resources"]["limits"]
        for variable in container["env"]:
            assert not re.search("KEY|SECRET|TOKEN|PASSWORD", variable["name"])
    assert "AWS_" not in job["entrypoint"] + job.get("runtimeEnvYAML", "")


@pytest.mark.parametrize("path", schemas.JOBS, ids=lambda path: path.stem)
def test_pods_can_do_no_more_than_they_must(path) -> None:
    """No rights, no way to Kubernetes, no writing but where Ray and the caches write."""
    job = job_of(read(path))
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    for name, pod in pods_of(job).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        # The head's autoscaler asks Kubernetes for pods; nothing else does.
        assert spec["automountServiceAccountToken"] is (name == "head")
        folders = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
        for container in spec["containers"]:
            assert container["securityContext"] == {**closed, "readOnlyRootFilesystem": True}
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert {"/tmp", "/home/ray"} <= mounts.keys()
            assert set(mounts.values()) <= folders
    # KubeRay adds it to the head's pod.
    assert job["rayClusterSpec"]["autoscalerOptions"]["securityContext"] == closed
    assert job["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    home = re.search(r"useradd --create-home .*\b(\w+)$", DOCKERFILE, re.MULTILINE)
    assert home is not None
    assert home[1] == "ray"


def admitted(rule: dict[str, Any], labels: dict[str, str], elsewhere: bool, port: int) -> bool:
    """Whether a rule of a policy admits a pod with these labels to a port."""
    ports = [each["port"] for each in rule.get("ports", [])]
    return (not ports or port in ports) and any(
        peer["podSelector"]["matchLabels"].items() <= labels.items()
        and (not elsewhere or peer.get("namespaceSelector") == {})
        for peer in rule["from"]
    )


def test_only_the_pods_of_our_jobs_reach_each_other() -> None:
    """TensorFlow's gRPC servers ask nobody who he is."""
    policy = read(POLICY)
    check(policy)
    spec = policy["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    pods = [pod for path in schemas.JOBS for pod in pods_of(job_of(read(path))).values()]
    ours = [pod["metadata"]["labels"] for pod in pods]
    assert len(ours) == 6
    operator = {"app.kubernetes.io/name": "kuberay-operator"}  # as KubeRay's chart labels it
    others = {}, {"app": "web"}, {"app.kubernetes.io/name": "kuberay"}

    def open_to(labels: dict[str, str], elsewhere: bool, port: int) -> bool:
        return any(admitted(rule, labels, elsewhere, port) for rule in spec["ingress"])

    for labels in ours:
        assert spec["podSelector"]["matchLabels"].items() <= labels.items()
        for port in (6379, 8265, 41234):
            assert open_to(labels, False, port)
            assert not open_to(labels, True, port)
    for port in (6379, 8080, 41234):
        assert not any(open_to(labels, elsewhere, port) for labels in others
                       for elsewhere in (False, True))  # fmt: skip
        assert not open_to(operator, True, port)
    assert open_to(operator, True, 8265)
    assert all(rule["from"] for rule in spec["ingress"])  # an empty one admits everybody


def test_train_asks_for_what_its_groups_have() -> None:
    job = job_of(read(ROOT / "deploy/rayjob-train.yaml"))
    options = options_of(job["entrypoint"])
    (group,) = job["rayClusterSpec"]["workerGroupSpecs"]
    assert int(options["--workers"]) <= group["maxReplicas"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert "--use-gpu" in options
    assert int(limits["nvidia.com/gpu"]) >= int(options.get("--devices-per-worker", 1))


def environment_of(group: dict[str, Any]) -> dict[str, str]:
    """The variables of a group's container, but for those that are secrets."""
    (container,) = group["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def test_there_is_time_for_a_checkpoint_when_a_pod_or_the_job_must_go() -> None:
    """Ray itself has the names, and would end a job after 3 seconds and a pod's work after 30."""
    assert ray_constants.RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S == 30
    assert JobSupervisor.DEFAULT_RAY_JOB_STOP_WAIT_TIME_S == 3
    cluster = job_of(read(ROOT / "deploy/rayjob-train.yaml"))["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    drain = float(environment_of(group)["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
    grace = group["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace - 20 < drain < grace
    wait = int(environment_of(cluster["headGroupSpec"])["RAY_JOB_STOP_WAIT_TIME_S"])
    assert wait >= 60
    # A variable that stands before the command that reads it.
    command = read(CLUSTER)["head_start_ray_commands"][-1]
    assert re.search(rf"RAY_JOB_STOP_WAIT_TIME_S={wait} ray start --head", command)


def test_no_night_meets_the_next_one() -> None:
    manifest = read(ROOT / "deploy/raycronjob-translate.yaml")
    minute, hour, *days = manifest["spec"]["schedule"].split()
    assert days == ["*", "*", "*"]
    begins = 3600 * int(hour) + 60 * int(minute)
    job = job_of(manifest)
    # Attempts and all, it is over on the day whose date it has.
    assert begins + job["activeDeadlineSeconds"] < 86400
    (group,) = job["rayClusterSpec"]["workerGroupSpecs"]
    options = options_of(variables_of(job["entrypoint"])["OPTIONS"])
    assert int(options["--actors"].partition(":")[2]) <= group["maxReplicas"]


@pytest.mark.parametrize("path", schemas.JOBS, ids=lambda path: path.stem)
def test_entrypoints_are_commands_of_the_image(path) -> None:
    entrypoint = job_of(read(path))["entrypoint"]
    variables = variables_of(entrypoint)
    program, script, *words = shlex.split(entrypoint)[len(variables) :]
    assert script.startswith("/app/")
    source, job = (ROOT / script.removeprefix("/app/")).read_text("utf-8"), Path(script).stem
    if program == "bash":
        assert all(f"${name}" in source or f"${{{name}" in source for name in variables)
        words, job = shlex.split(variables["OPTIONS"]), "translate"
    else:
        assert program == "python"
    parameters = inspect.signature(JOBS[job]).parameters.values()
    options = {name for option in parameters for name in option.default.param_decls}
    for word in words:
        if word.startswith("--"):
            assert word in {spelling for name in options for spelling in name.split("/")}, word


def test_the_image_is_made_of_what_is_here() -> None:
    lines = [
        line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and line[0] != "#"
    ]
    arguments = dict(line.split()[1].split("=") for line in lines if line.startswith("ARG"))
    copied = [
        re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], source)
        for line in lines
        if line.startswith("COPY")
        for source in line.split()[1:-1]
    ]
    kept = [
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").split() if line[0] == "!"
    ]
    for name in copied:
        assert (ROOT / name).exists(), name
        assert name.removeprefix("./") in kept, name
    assert set(kept) - {"requirements.lock"} == {name.removeprefix("./") for name in copied}
    assert any("--require-hashes" in line for line in lines)
    assert arguments["LOCK"] in {"requirements.lock", "requirements-gpu.lock"}
    (base,) = [line for line in lines if line.startswith("FROM")]
    assert re.fullmatch(r"FROM python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert lines[-1] == "USER ray"


def test_ray_up_takes_the_cluster() -> None:
    """Its schema, its own checks, and its own defaults for what is left out."""
    config = prepare_config(read(CLUSTER))
    validate_config(config)
    head = config["available_node_types"][config["head_node_type"]]
    worker = config["available_node_types"]["gpu_worker"]
    assert head["max_workers"] == 0
    assert "GPU" not in head["resources"]
    assert worker["resources"]["GPU"] == 1
    assert worker["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
    assert worker["min_workers"] == 0
    assert worker["max_workers"] <= config["max_workers"]
    for commands in (config["head_setup_commands"], config["worker_setup_commands"]):
        text = "\n".join(commands)
        assert commands[0].startswith("sudo apt-get")  # the common ones come first
        (target,) = re.findall(r"make (install\S*)", text)  # what the jobs need, and no tools
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_machines_are_closed_to_others_and_keep_their_keys() -> None:
    """Ray's own group would admit SSH from everywhere; IMDSv1 gives keys to any request."""
    for machine in read(CLUSTER)["available_node_types"].values():
        config = machine["node_config"]
        assert all(re.fullmatch("sg-[0-9a-f]+", group) for group in config["SecurityGroupIds"])
        assert config["MetadataOptions"]["HttpTokens"] == "required"
        assert config["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


def commands(text: str) -> list[str]:
    """Lines that somebody may type: those of a guide's blocks, or of a file of commands."""
    fenced = re.findall(r"^```([^\n]*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    blocks = [block for kind, block in fenced if kind in ("", "bash", "console", "sh")]
    return ("\n".join(blocks) if blocks else text).replace("\\\n", " ").splitlines()


SECRETS = re.compile(
    r"--from-literal|--docker-password|--token[= ]"
    r"|(SECRET|PASSWORD|ACCESS_KEY|TOKEN|access-key-id|secret-access-key)[A-Z_a-z-]*=\S"
    r"|://[^/\s@]*:[^/\s@]*@"
)


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", CLUSTER, *sorted((ROOT / "docs").rglob("*.md")),
     *sorted((ROOT / "deploy").iterdir())],
    ids=lambda path: path.name,
)  # fmt: skip
def test_no_secret_is_passed_on_a_command_line(path) -> None:
    """Everybody on the machine sees it there, and the shell keeps it."""
    assert [line for line in commands(path.read_text("utf-8")) if SECRETS.search(line)] == []


def test_secrets_on_command_lines_are_noticed() -> None:
    for line in (
        "kubectl create secret generic x --from-literal=access-key-id=…",
        "AWS_SECRET_ACCESS_KEY=abc python jobs/train.py",
        "export RAY_AUTH_TOKEN=abc",
        "curl https://me:secret@host/",
    ):
        assert SECRETS.search(line)


def test_every_field_of_the_cluster_is_explained() -> None:
    """By a comment above it, or above the field of a machine or of a list that it belongs to."""
    lines = CLUSTER.read_text("utf-8").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        deep = len(line) - len(line.lstrip()) > 6
        if re.match(r" *\w+:", line) and not deep:
            assert before.lstrip().startswith("#"), line
