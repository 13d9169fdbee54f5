"""Whole trainings by two workers, in plain processes without Ray: the same as by one."""

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import workers_of

from nmt.shards.dataset import Dataset

pytestmark = pytest.mark.system

# What Ray Train and the job's hooks do otherwise: ranks, agreement, checkpoints.
WORKER = """
    import json, os, signal, subprocess, sys, time
    from pathlib import Path
    import nmt.model
    from nmt.training.strategy import Replicas, set_up_devices
    place = json.loads(sys.argv[1])
    rank, folder = place["rank"], Path(place["folder"])
    workers, devices = place["workers"], place["devices"]
    set_up_devices(1, devices, False)
    if workers > 1 and devices > 1:  # with CPUs this strategy sees one device a worker
        from tensorflow.python.distribute.collective_all_reduce_strategy import (
            CollectiveAllReduceExtended as Extended,
        )
        Extended._initialize_local_devices = lambda self, resolver, worker: (
            tuple(f"{worker}/device:CPU:{i}" for i in range(devices)), "CPU"
        )
    replicas = Replicas(workers, rank, devices)
    assert replicas.strategy.num_replicas_in_sync == workers * devices
    from nmt.settings import Settings
    from nmt.shards.dataset import Dataset
    from nmt.storage.location import Location
    from nmt.training import stragglers
    from nmt.training.loop import Training
    stragglers._SECONDS = 0.3
    if place["at_once"]:  # read every outcome before the next step is launched
        from nmt.training.step import PendingStep
        from nmt.training.step import ControlFlags
        PendingStep.follow = lambda self, step: self._record(step) if step else ControlFlags()

    class Hooks:
        broadcasts = 0

        def show_progress(self, *rest): pass
        def log_metrics(self, step, values): pass
        def heartbeat(self, step):
            if rank == workers - 1 and step == place["dies_at"]:
                os.kill(os.getpid(), signal.SIGKILL)
            if rank == workers - 1 and step == place["slow_from"]:
                cycle = "kill -STOP $0 && sleep 0.18 && kill -CONT $0 && sleep 0.02"
                subprocess.Popen(["sh", "-c", f"while {cycle}; do :; done", str(os.getpid())])
        def expect_long_phase(self): pass
        def should_stop(self): return False

        def broadcast(self, state):
            Hooks.broadcasts += 1
            file = folder / f"state-{place['name']}-{Hooks.broadcasts}"
            if rank == 0:
                text = json.dumps(state.to_json())
                file.with_suffix(".part").write_text(text)
                file.with_suffix(".part").rename(file)
            while not file.exists(): time.sleep(0.02)
            return type(state).of(json.loads(file.read_text()), file)

        def report(self, metrics, save):
            if rank == 0:
                kept = folder / f"kept-{metrics['step']}"
                kept.mkdir(parents=True, exist_ok=True)
                save(kept)

    data = [Dataset.open(Location(name)) for name in place["data"]]
    settings = Settings.model_validate(place["settings"])
    init_from = Location(place["init_from"]) if place["init_from"] else None
    work = Training(data, settings, Location(folder / "run"), replicas, Hooks(), init_from)
    begun = [float(abs(w).sum()) for w in work.model.get_weights()]
    if place["restore"]:
        work.restore(Path(place["restore"]))
    if place["scale"]:
        work.state.loss_scale = place["scale"]
    state = work.run()
    import numpy as np
    np.savez(folder / f"weights-{rank}.npz", *work.model.get_weights())
    validator = work.selection.validator
    told = json.dumps({
        "decoded": len(validator.part(rank, workers).texts),
        "scores": validator.validate()[:-1],
        "gathered": [part.decode() for part in replicas.gather(b"ab" * rank)],
        "strategy": type(replicas.strategy).__name__,
        "weights": [float(abs(w).sum()) for w in work.model.get_weights()],
        "begun": begun,
        "rows": [shape.rows for shape in work.shapes],
        "loss": work.run_folder.validations[-1].valid_loss if rank == 0 else None,
        "averages": [float(abs(a.numpy()).sum()) for a in work.optimizer.averages],
        "scale": state.loss_scale,
        "step": state.step,
        "bleu": state.score,
    })
    # As under Ray Train, a process ends after all have: another may still wait for its answer.
    (folder / f"ended-{place['name']}-{rank}").touch()
    while len(list(folder.glob(f"ended-{place['name']}-*"))) < workers: time.sleep(0.02)
    print(told)
"""

UNSEEN = """
    import json, sys
    import nmt.model
    from nmt.errors import UnusableInput
    from nmt.training.strategy import Replicas, set_up_devices
    set_up_devices(1, 2, False)
    try:
        Replicas(2, json.loads(sys.argv[1])["rank"], 2)
    except UnusableInput as error:
        print(error)
"""

PACKS = """
    import json, sys
    place = json.loads(sys.argv[1])
    sys.path.insert(0, place["benchmarks"])
    import nmt.model
    from gradient_packs import trace
    print(json.dumps(trace("small", place["rank"])))
"""

SIZES = {"embedding_dim": 24, "encoder_units": 16, "decoder_units": 32, "attention_units": 16}
SIZES |= {"readout_units": 24, "readout_activation": "tanh", "readout": "deep"}
# Rows that cannot be divided by two.
TRAINING = {"buckets": 2, "batch_tokens": 75, "dropout": 0.0, "learning_rate": 0.01}
TRAINING |= {"valid_sentences": 8, "heatmaps": 1, "report_every": 3, "validate_every": 5}
DISTURBED: dict[str, Any] = {"epochs": 2, "dropout": 0.3, "ema_decay": 0.9, "keep_best": 2}
DISTURBED |= {"report_every": 1, "checkpoint_minutes": 1e-9}


def train(
    dataset: Dataset,
    folder: Path,
    workers: int,
    *,
    devices: int = 1,
    dies_at: int | None = None,
    slow_from: int | None = None,
    epochs: int = 1,
    restore: Path | None = None,
    init_from: Path | None = None,
    scale: float | None = None,
    at_once: bool = False,
    others: tuple[Dataset, ...] = (),
    **settings: Any,
) -> list[dict]:
    """Train with so many workers at once; returns what each of them says in the end.

    With `dies_at` the last worker kills itself after that step, and nobody says anything. From step
    `slow_from` on it has a tenth of its time. What a worker logs is its ``log``.
    """
    data = [str(one.location) for one in (dataset, *others)]
    place: dict[str, Any] = {"folder": str(folder), "data": data, "workers": workers}
    place |= {"settings": {"model": SIZES, "training": {**TRAINING, "epochs": epochs, **settings}}}
    place |= {"restore": str(restore or ""), "init_from": str(init_from or "")}
    place |= {"name": f"{epochs}-{dies_at}-{bool(restore)}", "scale": scale}
    place |= {"devices": devices, "dies_at": dies_at, "slow_from": slow_from}
    place |= {"at_once": at_once}
    folder.mkdir(exist_ok=True)
    with workers_of(WORKER, workers, place) as running:
        told = [process.communicate() for process in running]
        for process in running:
            assert (process.returncode == 0) == (dies_at is None), [e[-3000:] for _, e in told]
    return [{**json.loads(out.splitlines()[-1]), "log": err} for out, err in told if not dies_at]


def weights_of(folder: Path, rank: int = 0) -> list[np.ndarray]:
    with np.load(folder / f"weights-{rank}.npz") as file:
        return [file[name] for name in file.files]


def apart(folder: Path, other: Path) -> float:
    """The largest difference between the weights of two trainings."""
    pairs = zip(weights_of(folder), weights_of(other), strict=True)
    return max(float(np.abs(one - two).max()) for one, two in pairs)


def told_of(folder: Path, name: str) -> list[float]:
    """A series of metrics.jsonl."""
    lines = (folder / "run" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)[name] for line in lines]


@pytest.mark.parametrize("accumulate", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_any_layout_of_workers_and_devices_trains_the_same_weights(
    dataset, tmp_path, accumulate
) -> None:
    """Two workers × two devices, with the same global batches, of which three are one update
    or one is."""
    more = {"epochs": 2, "accumulate": accumulate, "learning_rate": 0.003, "validate_every": 0}
    more |= {"report_every": 1}
    steps = set()
    for workers, devices in ((1, 1), (2, 2)):
        folder = tmp_path / f"{workers}x{devices}"
        said = train(dataset, folder, workers, devices=devices, **more)
        steps |= {each["step"] for each in said}
        for rank in range(1, workers):
            for one, other in zip(weights_of(folder), weights_of(folder, rank), strict=True):
                np.testing.assert_array_equal(one, other)
        # Adam may make more of the rounding of its smallest gradients, but no step of its own.
        assert apart(folder, tmp_path / "1x1") < more["learning_rate"] / 10, (workers, devices)
        # Adam hides a constant factor on the gradients, but their norm shows it.
        for name in ("loss", "gradient_norm"):
            told, alone = (told_of(place, name) for place in (folder, tmp_path / "1x1"))
            np.testing.assert_allclose(told, alone, rtol=2e-3, err_msg=f"{name} {folder.name}")
    assert len(steps) == 1
    assert steps.pop() > 10 // accumulate


@pytest.mark.slow
def test_two_devices_train_the_same_weights_whenever_outcomes_are_read(dataset, tmp_path) -> None:
    for at_once in (False, True):
        train(dataset, tmp_path / str(at_once), 1, devices=2, at_once=at_once, dropout=0.3)
    assert apart(tmp_path / "False", tmp_path / "True") == 0
    for name in ("step", "loss", "gradient_norm", "learning_rate"):
        assert told_of(tmp_path / "False", name) == told_of(tmp_path / "True", name)


def test_cpus_that_the_strategy_does_not_see_are_refused() -> None:
    """Without the patch TensorFlow takes one CPU of each worker; half the rows would be lost."""
    with workers_of(UNSEEN, 2) as running:
        told = [process.communicate() for process in running]
    for out, err in told:
        assert (
            "4 replicas: MultiWorkerMirroredStrategy, RING all-reduce: TensorFlow makes 2; set "
            in out
        ), err[-3000:]


def test_one_all_reduce_of_a_few_packs_begins_before_backpropagation_ends() -> None:
    with workers_of(PACKS, 2, {"benchmarks": str(Path(__file__).parents[2] / "benchmarks")}) as two:
        (out, errors), _ = (process.communicate() for process in two)
    step = json.loads(out.splitlines()[-1]) if out else pytest.fail(errors[-3000:])
    sizes, early = zip(*step["packs"], strict=True)
    # Every gradient once, as float32, embeddings included; loss, tokens and three flags.
    assert sum(sizes) == 4 * (step["parameters"] + 5)
    assert 1 < len(sizes) < 5
    assert early[0]
    assert not all(early)


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory) -> tuple[Path, dict]:
    """A training by two workers that nothing happened to, and what the first one said."""
    folder = tmp_path_factory.mktemp("undisturbed") / "two"
    return folder, train(dataset, folder, 2, **DISTURBED)[0]


def assert_undisturbed(folder: Path, undisturbed: Path) -> None:
    """The same weights on both workers, bit for bit, after the same pairs."""
    for rank in (0, 1):
        for one, two in zip(weights_of(folder, rank), weights_of(undisturbed, rank), strict=True):
            np.testing.assert_array_equal(one, two)
    for name in ("step", "loss"):
        assert told_of(folder, name) == told_of(undisturbed, name)


def test_two_workers_go_on_exactly_after_one_was_killed_amid_an_epoch(
    dataset, tmp_path, undisturbed
) -> None:
    whole, said = undisturbed
    assert train(dataset, tmp_path, 2, dies_at=7, **DISTURBED) == []
    kept = max(tmp_path.glob("kept-*"), key=lambda folder: int(folder.name[5:]))
    assert kept.name in ("kept-6", "kept-7")
    (again, _) = train(dataset, tmp_path, 2, restore=kept, **DISTURBED)
    assert again["step"] == said["step"] > 10
    assert_undisturbed(tmp_path, whole)
    assert again["averages"] == said["averages"]
    assert again["bleu"] == said["bleu"]


@pytest.mark.slow
def test_a_worker_that_is_ten_times_slower_is_named_and_changes_nothing(
    dataset, tmp_path, undisturbed
) -> None:
    said, _ = train(dataset, tmp_path, 2, slow_from=3, **DISTURBED)
    assert f"worker 1 on {socket.gethostname()} is slower than the others, which" in said["log"]
    assert_undisturbed(tmp_path, undisturbed[0])


def test_two_workers_train_as_one_does_and_go_on(dataset, tmp_path) -> None:
    (alone,) = train(dataset, tmp_path / "one", 1)
    first, second = train(dataset, tmp_path / "two", 2)
    assert first["rows"] == alone["rows"]
    assert first["begun"] == alone["begun"]
    assert first["strategy"] == "CollectiveAllReduceStrategy"
    assert first["weights"] == second["weights"]
    assert first["weights"] == pytest.approx(alone["weights"], rel=1e-3)
    assert first["loss"] == pytest.approx(alone["loss"], rel=1e-3)
    assert (first["step"], first["bleu"]) == (second["step"], second["bleu"])
    assert first["step"] == alone["step"]
    assert first["scores"] == second["scores"]
    assert 0 < first["decoded"] < first["decoded"] + second["decoded"] == alone["decoded"]
    assert first["gathered"] == second["gathered"] == ["", "ab"]
    names = [
        {path.relative_to(tmp_path / name).as_posix() for path in (tmp_path / name).rglob("*")}
        for name in ("one", "two")
    ]
    for unlike in ("events.out", "agreed-", "weights-", "ended-"):
        names = [{name for name in each if unlike not in name} for each in names]
    assert names[0] == names[1]

    # Another model's weights to begin with, and then a checkpoint's.
    fresh, model = first["begun"], tmp_path / "two" / "run" / "model"
    kept = tmp_path / "two" / f"kept-{first['step']}"
    begin = {"epochs": 2, "restore": kept, "init_from": model}
    (alone,) = train(dataset, tmp_path / "one", 1, **begin)
    first, second = train(dataset, tmp_path / "two", 2, **begin)
    assert first["begun"] == second["begun"] == alone["begun"] != fresh
    assert first["weights"] == second["weights"]
    assert first["weights"] == pytest.approx(alone["weights"], rel=1e-3)
    assert first["step"] == alone["step"] == 2 * int(kept.name.split("-")[1])


def test_two_workers_average_accumulate_and_scale_as_one_does(dataset, tmp_path) -> None:
    """In float16, with a factor on the loss that nothing overflows with."""
    more = {"ema_decay": 0.9, "accumulate": 2, "precision": "float16", "keep_best": 2}
    more |= {"schedule": "plateau", "plateau_patience": 1, "validate_every": 2}
    (alone,) = train(dataset, tmp_path / "one", 1, epochs=2, scale=2.0**8, **more)
    first, second = train(dataset, tmp_path / "two", 2, epochs=2, scale=2.0**8, **more)
    for name in ("weights", "averages"):
        assert first[name] == second[name]
        assert first[name] == pytest.approx(alone[name], rel=1e-2)
    assert first["scale"] == second["scale"] == alone["scale"] == 2.0**8
    assert first["step"] == second["step"] == alone["step"]
    assert first["bleu"] == second["bleu"]
    assert len(list((tmp_path / "two" / "run" / "best").iterdir())) == 2


def test_two_workers_skip_the_same_updates(dataset, tmp_path) -> None:
    """The factor on the loss begins too large for float16.

    Which factor is the first to fit may depend on the layout: a sum over a whole batch can
    overflow where the sums over its halves do not. The workers of one run agree in any case.
    """
    more = {"ema_decay": 0.9, "accumulate": 2, "precision": "float16"}
    first, second = train(dataset, tmp_path, 2, epochs=2, scale=2.0**20, **more)
    assert first["averages"] == second["averages"]
    assert first["weights"] == second["weights"] != first["begun"]
    assert np.isfinite(first["weights"]).all()
    assert first["scale"] == second["scale"] < 2.0**20
    assert first["step"] == second["step"]
