"""Strategy, model size, batches, steps and memory of a training; for ``--dry-run``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import nmt.model  # noqa: F401  (first: it quiets TensorFlow)

# isort: split
from nmt.model.seq2seq import Seq2Seq
from nmt.report.numbers import counted
from nmt.settings import ModelSettings, Settings, TrainingSettings
from nmt.shards.batches import Shape
from nmt.shards.dataset import Dataset
from nmt.shards.mixture import Mixture
from nmt.training.schedule import mixture_of, plan_steps, tell_weights

_FLOAT = 4  # bytes
_WORKING = 1.25  # temporary buffers; docs/results/scaling.md has measurements


def strategy_name(workers: int, devices: int) -> str:
    """The TensorFlow strategy for so many workers with so many devices each."""
    if workers > 1:
        return "MultiWorkerMirroredStrategy"
    return "MirroredStrategy" if devices > 1 else "no strategy"


def preview(
    datasets: Sequence[Dataset], settings: Settings, workers: tuple[int, int], devices: int
) -> Iterator[str]:
    """Describe a training, line by line.

    Args:
        datasets: the prepared corpora.
        settings: all settings.
        workers: least and most workers.
        devices: replicas per worker.
    """
    training = settings.training
    for count in sorted(set(workers)):
        replicas = count * devices
        where = f" in {counted(count, 'worker')}" if count > 1 else ""
        yield f"replicas  {replicas}{where}: {strategy_name(count, devices)}"
    sizes = datasets[0].source_vocabulary.size, datasets[0].target_vocabulary.size
    parameters = Seq2Seq(settings.model, *sizes).count_params()
    yield f"model     {parameters:,} parameters"
    replicas = workers[0] * devices
    mixture = mixture_of(datasets, training)
    shapes, steps = plan_steps(mixture, training)
    yield "batches   " + ", ".join(f"{shape.rows}×{shape.width}" for shape in shapes)
    yield from _shares(datasets, mixture, training.epochs)
    yield from tell_weights(mixture, training.epochs)
    limit = f", or {training.max_minutes:g} minutes" if training.max_minutes else ""
    yield (
        f"steps     {-(-steps // training.epochs):,} per epoch, {steps:,} in "
        f"{counted(training.epochs, 'epoch')}{limit}"
    )
    state = state_bytes(parameters, training)
    batch = max(batch_bytes(settings.model, shape, sizes[1], replicas) for shape in shapes)
    yield (
        f"memory    about {_gigabytes(_WORKING * (state + batch))} per replica, without "
        f"TensorFlow: {_gigabytes(state)} for weights, gradients and optimizer, "
        f"{_gigabytes(batch)} for the largest batch, and working space"
    )


def _shares(datasets: Sequence[Dataset], mixture: Mixture, epochs: int) -> Iterator[str]:
    """What an epoch of each stage draws of several datasets."""
    if len(datasets) == 1:
        return
    epoch = 0
    for count, _ in mixture.epochs(epochs):
        pairs = mixture.pairs(epoch)
        shares = (
            f"{dataset.name} {own:,} pairs ({own / sum(pairs):.1%})"
            for dataset, own in zip(datasets, pairs, strict=True)
        )
        yield f"epochs    {epoch + 1} to {epoch + count}: {', '.join(shares)}"
        epoch += count


def state_bytes(parameters: int, training: TrainingSettings) -> int:
    """Bytes that a replica keeps from step to step, and of the gradients."""
    # A `GradientAccumulator` keeps sums of gradients beside those of a batch.
    accumulates = (
        training.accumulate > 1 or training.precision == "float16" or training.on_nan == "skip"
    )
    # Weights, gradients, Adam's two moments; the average; the first weights; the sums.
    copies = 4 + bool(training.ema_decay) + bool(training.l2_sp) + accumulates
    return copies * parameters * _FLOAT


def batch_bytes(model: ModelSettings, shape: Shape, target_size: int, replicas: int) -> int:
    """Bytes that a replica keeps of its share of a batch for the gradients; an estimate.

    It counts the arrays of a plain training step in float32: logits, their softmax and their
    gradient; for each recurrent layer its inputs, three gates and states; for the attention
    encoder states, keys and weights. Half precision needs less.
    """
    rows = -(-shape.rows // replicas)
    cells = rows * shape.width
    memory = 2 * model.encoder_units
    encoder = model.embedding_dim + model.encoder_layers * 7 * memory
    decoder = model.embedding_dim + model.decoder_layers * 7 * model.decoder_units
    if model.decoder == "conditional":
        decoder += 7 * model.decoder_units
    if model.attention != "none":
        encoder += 2 * model.attention_units
        decoder += 2 * memory + 2 * shape.width
    readout = 2 * model.readout_units + 3 * target_size
    return cells * (encoder + decoder + readout) * _FLOAT


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.2g} GB"
