"""One step of training: teacher forcing, masked cross-entropy, clipped Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from nmt.model.seq2seq import Seq2Seq
from nmt.shards.batches import Batch
from nmt.training.loss import objective
from nmt.training.optimizer import SummedAdam
from nmt.training.precision import make_features
from nmt.training.staged import Gathered
from nmt.training.strategy import Replicas

_IDS, _SCALAR = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.float32)
_INPUTS = [_IDS, _IDS, _IDS, tf.TensorSpec([2], tf.int32), _SCALAR]

Seed = tuple[int, int]


class Outcome(NamedTuple):
    """Sums over all replicas and batches of one update.

    Attributes:
        loss: cross-entropy in nats, not smoothed, summed over the target tokens.
        tokens: target tokens, EOS included, padding not.
        votes: number of replicas that want training to end.
        overflowed: whether an overflow forbade the update.
    """

    loss: tf.Tensor | float
    tokens: tf.Tensor | float
    votes: tf.Tensor | float
    overflowed: tf.Tensor | bool = False


def make_train_step(
    model: Seq2Seq,
    optimizer: SummedAdam,
    replicas: Replicas,
    clip_norm: float,
    label_smoothing: float = 0.0,
    accumulate: int = 1,
) -> Callable[..., Outcome]:
    """Compile the step; it is traced once, whatever the shapes of its batches.

    The gradients of all replicas are summed, divided by the number of target tokens over all
    replicas and batches, then clipped by their global norm, so any number of replicas gives the
    same update, and several batches that of one as large as all of them.

    Args:
        model: in training; its dtype policy decides about the precision.
        optimizer: built for it.
        replicas: all that take part.
        clip_norm: bound of the gradient's global norm.
        label_smoothing: ε of `nmt.training.loss`.
        accumulate: most batches of one update.

    Returns:
        A function of the global batches of one update, a seed for the dropout, this worker's
        wish to end and, for float16, the factor on the loss.
    """
    features_of, variables = make_features(model), model.trainable_variables
    scaled = model.compute_dtype == "float16"

    def gradients_of(source, target_inputs, target_outputs, seed, scale=None):
        """Sums over one replica's part of a batch: gradients, loss, tokens."""
        context = tf.distribute.get_replica_context()
        number = tf.cast(context.replica_id_in_sync_group, tf.int32)
        with tf.GradientTape() as tape:
            features = features_of(source, target_inputs, seed + tf.stack([0, number]))
            minimised, loss, tokens = objective(model, features, target_outputs, label_smoothing)
            if scale is not None:
                minimised *= scale
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(minimised, variables)]
        return gradients, loss, tokens

    def replica_update(source, target_inputs, target_outputs, seed, vote):
        gradients, loss, tokens = gradients_of(source, target_inputs, target_outputs, seed)
        everywhere = tokens
        if replicas.count > 1:
            context = tf.distribute.get_replica_context()
            *gradients, everywhere = context.all_reduce("SUM", [*gradients, tokens])
        everywhere = tf.maximum(everywhere, 1.0)
        gradients = [gradient / everywhere for gradient in gradients]
        gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        # A copy on each replica: the same tensor from all of them could not be summed.
        return loss, tokens, tf.identity(vote)

    if accumulate == 1 and not scaled:
        update = _compile(replica_update, replicas, _INPUTS)

        def run(batches: Sequence[Batch], seed: Seed, vote: bool, scale: float = 1.0) -> Outcome:
            (batch,) = batches
            inputs = (*replicas.distribute(batch), tf.constant(seed), tf.constant(float(vote)))
            return Outcome(*update(*inputs))

        return run

    gathered = Gathered(variables, optimizer, replicas, clip_norm, scaled)

    def replica_add(source, target_inputs, target_outputs, seed, vote, scale):
        gradients, loss, tokens = gradients_of(
            source, target_inputs, target_outputs, seed, scale if scaled else None
        )
        gathered.add(gradients, tokens)
        return loss, tokens, tf.identity(vote)

    add = _compile(replica_add, replicas, [*_INPUTS, _SCALAR])

    def run_in_stages(
        batches: Sequence[Batch], seed: Seed, vote: bool, scale: float = 1.0
    ) -> Outcome:
        first, second = seed[0], seed[1] * accumulate
        loss = tokens = votes = 0.0
        for number, batch in enumerate(batches):
            place = tf.constant((first, second + number * replicas.count))
            rest = (place, tf.constant(float(vote)), tf.constant(scale))
            found = [float(value) for value in add(*replicas.distribute(batch), *rest)]
            loss, tokens, votes = loss + found[0], tokens + found[1], found[2]
        return Outcome(loss, tokens, votes, bool(gathered.update(tf.constant(scale))))

    return run_in_stages


def _compile(
    function: Callable[..., tuple[tf.Tensor, ...]],
    replicas: Replicas,
    signature: list[tf.TensorSpec],
) -> Callable[..., tuple[tf.Tensor, ...]]:
    """A function of the replicas, traced once where one device is fed with plain tensors."""

    def step(*arguments):
        return replicas.run(function, *arguments)

    if replicas.devices == 1:
        return tf.function(step, input_signature=signature)
    return tf.function(step, reduce_retracing=True)
