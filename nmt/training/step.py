"""One step of training: teacher forcing, masked cross-entropy, clipped Adam. And the step that is
pending: launched, its outcome not read yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.seq2seq import Seq2Seq
from nmt.settings import Part
from nmt.shards.batches import Batch
from nmt.training.accumulation import GradientAccumulator, LossScale
from nmt.training.loss import objective
from nmt.training.optimizer import SummedAdam, clipped_mean, trained_variables
from nmt.training.strategy import Replicas

_IDS = tf.TensorSpec([None, None], tf.int32)
_FLAGS = tf.TensorSpec([3], tf.float32)
_INPUTS = [_IDS, _IDS, _IDS, tf.TensorSpec([2], tf.int32), _FLAGS]

Seed = tuple[int, int]


class ControlFlags(NamedTuple):
    """What happens after an update; OR-reduced over workers.

    Attributes:
        finish: training ends, its time is up.
        stop: this attempt ends, to be continued later.
        checkpoint: a checkpoint is stored.
    """

    finish: bool = False
    stop: bool = False
    checkpoint: bool = False


class Outcome(NamedTuple):
    """Sums over all replicas and batches of one update.

    Attributes:
        loss: cross-entropy in nats, not smoothed, summed over the target tokens.
        tokens: target tokens, EOS included, padding not.
        flags: of all workers.
        norm: of the gradient, before it was clipped.
        skipped: whether the update was skipped, because loss or gradients were NaN or Inf.
        loss_scale: factor on the loss of the next update; 1 except for float16.
        clean: updates without an overflow since it was changed.
    """

    loss: float
    tokens: float
    flags: ControlFlags = ControlFlags()
    norm: float = 0.0
    skipped: bool = False
    loss_scale: float = 1.0
    clean: int = 0

    @classmethod
    def of(cls, values: tf.Tensor) -> Outcome:
        """Read the vector of a step: its sums over the replicas, then the rest in this order."""
        loss, tokens, *flags, norm, skipped, scale, clean = values.numpy().tolist()
        flags = ControlFlags(*(flag > 0 for flag in flags))
        return cls(loss, tokens, flags, norm, skipped > 0, scale, int(clean))


def dtype_policy(precision: str) -> str:
    """Keras's name for products in this precision, with weights in float32.

    Micikevicius et al. 2018 (arXiv 1710.03740): weights and their updates stay in float32, products
    are in half precision, the output projection's, too; dynamic loss scaling keeps the gradients
    of float16 from vanishing. Bias, softmax and loss are in float32, and so is the model that is
    validated and saved.
    """
    return precision if precision == "float32" else f"mixed_{precision}"


class TrainStep:
    """A compiled step; called, it returns the outcome, for which the host waits.

    Args:
        launch: the same, but it returns a function that waits for the outcome. So the host can
            launch the next step before it reads the outcome of this one.
        loss_scale: that of float16, which every step updates.
    """

    def __init__(
        self, launch: Callable[..., Callable[[], Outcome]], loss_scale: LossScale | None = None
    ) -> None:
        self.launch, self.loss_scale = launch, loss_scale

    def __call__(self, *arguments: Any, **options: Any) -> Outcome:
        return self.launch(*arguments, **options)()


def make_train_step(
    model: Seq2Seq,
    optimizer: SummedAdam,
    replicas: Replicas,
    clip_norm: float,
    label_smoothing: float = 0.0,
    accumulate: int = 1,
    skip_nan: bool = False,
    frozen: Sequence[Part] = (),
) -> TrainStep:
    """Compile the step; it is traced once, whatever the shapes of its batches.

    The gradients of all replicas are summed, divided by the number of target tokens over all
    replicas and batches, then clipped by their global norm, so any number of replicas gives the
    same update, and several batches that of one as large as all of them. One all-reduce carries
    gradients, loss, tokens and flags.

    Args:
        model: in training; its dtype policy decides about the precision.
        optimizer: built for those of its variables that train.
        replicas: all that take part.
        clip_norm: bound of the gradient's global norm.
        label_smoothing: ε of `nmt.training.loss`.
        accumulate: most batches of one update.
        skip_nan: skip an update whose loss or gradients are NaN or Inf.
        frozen: parts of the model that stay as they are.

    Returns:
        The step. Its arguments are this worker's parts of the global batches of one update, a
        seed for the dropout, and this worker's control flags.
    """
    variables = trained_variables(model, frozen)
    loss_scale = LossScale(replicas) if model.compute_dtype == "float16" else None

    def gradients_of(
        source: tf.Tensor,
        target_inputs: tf.Tensor,
        target_outputs: tf.Tensor,
        seed: Any,
        flags: Any,
    ) -> Any:
        """Sums over one replica's part of a batch: gradients; loss, tokens and flags."""
        context = tf.distribute.get_replica_context()
        number = tf.cast(context.replica_id_in_sync_group, tf.int32)
        with tf.GradientTape() as tape:
            readouts, _ = model(source, target_inputs, seed + tf.stack([0, number]))
            minimised, loss, tokens = objective(model, readouts, target_outputs, label_smoothing)
            if loss_scale is not None:
                minimised *= loss_scale.value()
        # Dense, for Adam moves every row anyway (see docs/results/profile.md).
        gradients = [
            tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)  # known, to be packed
            for gradient, variable in zip(
                tape.gradient(minimised, variables), variables, strict=True
            )
        ]
        return gradients, tf.concat([[loss, tokens], flags], 0)

    def replica_update(*inputs: Any) -> Any:
        gradients, sums = gradients_of(*inputs)
        *gradients, sums = replicas.all_reduce([*gradients, sums])
        gradients, norm = clipped_mean(gradients, tf.maximum(sums[1], 1.0), clip_norm)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return tf.concat([sums, [norm, 0.0, 1.0, 0.0]], 0)

    if accumulate == 1 and loss_scale is None and not skip_nan:
        update = _compile(replica_update, replicas, _INPUTS)

        def run(
            batches: Sequence[Batch], seed: Seed, flags: ControlFlags = ControlFlags()
        ) -> Callable[[], Outcome]:
            (batch,) = batches
            values = update(*replicas.distribute(batch), *_constants(seed, flags))
            return lambda: Outcome.of(values)

        return TrainStep(run)

    skips = skip_nan or loss_scale is not None
    accumulator = GradientAccumulator(variables, optimizer, replicas, clip_norm, skips, loss_scale)

    def replica_add(*inputs: Any) -> Any:
        gradients, sums = gradients_of(*inputs)
        accumulator.add(gradients, sums)
        return sums

    add = _compile(replica_add, replicas, _INPUTS)

    def run_accumulated(
        batches: Sequence[Batch], seed: Seed, flags: ControlFlags = ControlFlags()
    ) -> Callable[[], Outcome]:
        first, second = seed[0], seed[1] * accumulate
        for number, batch in enumerate(batches):
            place = _constants((first, second + number * replicas.count), flags)
            add(*replicas.distribute(batch), *place)
        values = accumulator.update()
        return lambda: Outcome.of(values)

    return TrainStep(run_accumulated, loss_scale)


def _constants(seed: Seed, flags: ControlFlags) -> tuple[tf.Tensor, tf.Tensor]:
    # The number of the update times that of the devices may be more than an int32 holds.
    place = tf.constant([number % 2**31 for number in seed])
    return place, tf.constant([float(flag) for flag in flags])


def _compile(
    function: Callable[..., tf.Tensor], replicas: Replicas, signature: list[tf.TensorSpec]
) -> Callable[..., tf.Tensor]:
    """A function of the replicas, traced once where one device is fed with plain tensors."""

    def step(*arguments: Any) -> Any:
        return replicas.run(function, *arguments)

    if replicas.devices == 1:
        return tf.function(step, input_signature=signature)
    return tf.function(step, reduce_retracing=True)


class LaunchedStep(NamedTuple):
    """A step between its launch and the reading of its outcome.

    Attributes:
        read: waits for the outcome.
        batches: number of its batches.
        cells: their target tokens and padding.
        is_needed: whether the outcome is needed before another step is launched.
    """

    read: Callable[[], Outcome]
    batches: int
    cells: int
    is_needed: bool = False


class PendingStep:
    """Holds the step launched last until the next one is launched; its length is 0 or 1.

    So a GPU computes step n + 1 while the host reads and records the outcome of step n and prepares
    the next batch. On CPUs TensorFlow computes a step before its launch returns: there the order
    gains nothing and costs nothing.

    Args:
        record: reads the outcome of a step, counts it, and returns its control flags.
    """

    def __init__(self, record: Callable[[LaunchedStep], ControlFlags]) -> None:
        self._record = record
        self._steps: list[LaunchedStep] = []

    def __len__(self) -> int:
        return len(self._steps)

    def follow(self, launched: LaunchedStep | None) -> ControlFlags:
        """Record the held step and hold the next one, unless its outcome is needed now.

        It is needed, too, if a control flag of the step before is set: workers learn each other's
        flags from outcomes, when all of them have launched the next step.

        Args:
            launched: the next step; None if there is none.

        Returns:
            The flags recorded last. A worker sets its flags until they are obeyed, so they include
            those before.
        """
        if launched is not None:
            self._steps.append(launched)
        flags = ControlFlags()
        while self._steps and (
            len(self._steps) > 1 or launched is None or launched.is_needed or any(flags)
        ):
            flags = self._record(self._steps.pop(0))
        return flags
