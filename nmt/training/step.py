"""One step of training: teacher forcing, masked cross-entropy, clipped Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from nmt.model.seq2seq import Seq2Seq
from nmt.shards.batches import Batch
from nmt.training.loss import objective
from nmt.training.optimizer import SummedAdam
from nmt.training.strategy import Replicas

_IDS = tf.TensorSpec([None, None], tf.int32)


class Outcome(NamedTuple):
    """Sums over all replicas of one batch; float32 scalars.

    Attributes:
        loss: cross-entropy in nats, not smoothed, summed over the target tokens.
        tokens: target tokens, EOS included, padding not.
        votes: number of replicas that want training to end.
    """

    loss: tf.Tensor
    tokens: tf.Tensor
    votes: tf.Tensor


def make_train_step(
    model: Seq2Seq,
    optimizer: SummedAdam,
    replicas: Replicas,
    clip_norm: float,
    label_smoothing: float = 0.0,
) -> Callable[[Batch, tuple[int, int], bool], Outcome]:
    """Compile the step; it is traced once, whatever the shapes of its batches.

    The gradients of all replicas are summed, divided by the batch's number of target tokens
    over all replicas, then clipped by their global norm, so any number of replicas gives the
    same update.

    Returns:
        A function of a global batch, a seed for the dropout and this worker's wish to end.
    """

    def replica_step(source, target_inputs, target_outputs, seed, vote):
        context = tf.distribute.get_replica_context()
        number = tf.cast(context.replica_id_in_sync_group, tf.int32)
        with tf.GradientTape() as tape:
            features, _ = model.features(source, target_inputs, seed=seed + tf.stack([0, number]))
            minimised, loss, tokens = objective(model, features, target_outputs, label_smoothing)
        variables = model.trainable_variables
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(minimised, variables)]
        everywhere = tokens
        if replicas.count > 1:
            *gradients, everywhere = context.all_reduce("SUM", [*gradients, tokens])
        everywhere = tf.maximum(everywhere, 1.0)
        gradients = [gradient / everywhere for gradient in gradients]
        gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        # A copy on each replica: the same tensor from all of them could not be summed.
        return Outcome(loss, tokens, tf.identity(vote))

    @tf.function(reduce_retracing=True)
    def step(source, target_inputs, target_outputs, seed, vote):
        return replicas.run(replica_step, source, target_inputs, target_outputs, seed, vote)

    if replicas.devices == 1:
        step = tf.function(
            step.python_function,
            input_signature=[
                _IDS, _IDS, _IDS, tf.TensorSpec([2], tf.int32), tf.TensorSpec([], tf.float32)
            ],
        )  # fmt: skip

    def run(batch: Batch, seed: tuple[int, int], vote: bool) -> Outcome:
        return step(
            *replicas.distribute(batch), tf.constant(seed, tf.int32), tf.constant(float(vote))
        )

    return run
