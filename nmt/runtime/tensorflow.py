"""Decoding with TensorFlow: on GPUs, and while training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from nmt.model.decoder import EncoderStates, likeliest, log_probabilities
from nmt.model.seq2seq import Seq2Seq
from nmt.search.runtime import BLOCK, NEG_INF, Candidates, OutputWords

_IDS = tf.TensorSpec([None, None], tf.int32)


class TensorFlowRuntime:
    """A model whose steps are compiled functions, traced once; see `nmt.search.runtime.Runtime`.

    Weights that change are seen by the next batch.

    Args:
        model: to decode with.
    """

    def __init__(self, model: Seq2Seq) -> None:
        self.model, self.target_size, self.attends = model, model.target_size, model.attends
        self._encode = tf.function(model.begin, input_signature=[_IDS], autograph=False)
        self._steps: dict[Callable[..., Any], Any] = {}

    def begin(self, source: np.ndarray, words: OutputWords) -> TensorFlowDecoding:
        """Encode source ids that end with EOS, padded with 0, int32, shape (batch, source)."""
        sentences, state = self._encode(tf.convert_to_tensor(source, tf.int32))
        kernel, bias = self.model.output_weights()
        ids = words.ids
        if ids is None:
            ids, padding = np.arange(self.target_size, dtype=np.int32), -self.target_size % BLOCK
            ids = np.pad(ids, (0, padding))
            kernel = tf.pad(kernel, [[0, 0], [0, padding]])
            bias = tf.pad(bias + words.bias, [[0, 0], [0, padding]], constant_values=NEG_INF)
        else:
            kernel, bias = tf.gather(kernel, ids, axis=1), tf.gather(bias, ids) + words.bias
        kernel = tf.cast(kernel, self.model.compute_dtype)
        return TensorFlowDecoding(self, ids, sentences, state, kernel, bias)

    def step(self, find: Callable[..., Any], wanted: Any, *inputs: Any) -> Any:
        """Make a step of a decoding.

        Args:
            find: what is found in the log-probabilities.
            wanted: what `find` takes beside them.
            inputs: last words, parents, states, sentences, kernel and bias.

        Returns:
            What `find` returns, the next states, and the attention.
        """
        if find not in self._steps:

            def step(wanted: Any, *inputs: Any) -> Any:
                words, parents, state, sentences, kernel, bias = inputs
                state = tf.gather(state, parents)
                readouts, state, weights = self.model.search_step(words, state, sentences)
                return find(log_probabilities(readouts, kernel, bias), wanted), state, weights

            types = _signature(wanted, *inputs)
            self._steps[find] = tf.function(step, input_signature=types, autograph=False)
        return self._steps[find](wanted, *inputs)


class TensorFlowDecoding:
    """A batch under way; see `nmt.search.runtime.Decoding`.

    Args:
        runtime: the model.
        ids: of the words that may be chosen, shape (words,).
        sentences: of `Seq2Seq.begin`.
        state: the first states, shape (batch, state_size).
        kernel: the output projection of these words, shape (readout_units, words).
        bias: its bias, shape (1 or batch, words).
    """

    def __init__(
        self,
        runtime: TensorFlowRuntime,
        ids: np.ndarray,
        sentences: EncoderStates,
        state: tf.Tensor,
        kernel: tf.Tensor,
        bias: tf.Tensor,
    ) -> None:
        self._runtime, self.ids = runtime, ids
        self._sentences, self._state = sentences, state
        self._kernel, self._bias = kernel, bias

    def candidates(
        self, words: np.ndarray, parents: np.ndarray, live: np.ndarray, k: int
    ) -> Candidates:
        """Make a step, and return the `k` best continuations."""
        wanted = tf.constant(live), tf.constant(min(k, live.shape[1] * len(self.ids)))
        (values, beams, columns), weights = self._step(_best, wanted, words, parents)
        return Candidates(self.ids[columns], values, beams, weights)

    def distribution(self, words: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return the log-probabilities of `ids` and the attention."""
        return self._step(_all, (), words, parents)

    def score(
        self, words: np.ndarray, parents: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return each row's log-probability of one word, and the attention."""
        return self._step(_of_targets, tf.constant(targets), words, parents)

    def _step(
        self, find: Callable[..., Any], wanted: Any, words: np.ndarray, parents: np.ndarray
    ) -> Any:
        inputs = tf.constant(words), tf.constant(parents), self._state, self._sentences
        result, self._state, weights = self._runtime.step(
            find, wanted, *inputs, self._kernel, self._bias
        )
        return tf.nest.map_structure(lambda value: value.numpy(), (result, weights))

    def keep(self, sentences: np.ndarray) -> None:
        """Go on with some of the sentences only."""
        self._sentences = EncoderStates(*(tf.gather(x, sentences) for x in self._sentences))
        if self._bias.shape[0] != 1:
            self._bias = tf.gather(self._bias, sentences)


def _best(log_probabilities: tf.Tensor, wanted: Any) -> tuple[tf.Tensor, ...]:
    return likeliest(log_probabilities, *wanted)


def _all(log_probabilities: tf.Tensor, _: Any) -> tf.Tensor:
    return log_probabilities


def _of_targets(log_probabilities: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    return tf.gather(log_probabilities, targets, batch_dims=1)


def _signature(wanted: Any, *inputs: Any) -> Any:
    """The types of the inputs of a step, for batches of any size."""

    def spec(value: tf.Tensor, *last: int) -> tf.TensorSpec:
        return tf.TensorSpec([*[None] * (value.shape.rank - len(last)), *last], value.dtype)

    words, parents, state, sentences, kernel, bias = inputs
    states, keys = (spec(x, x.shape[-1]) for x in (sentences.states, sentences.keys))
    return (
        tf.nest.map_structure(spec, wanted),
        *(spec(words), spec(parents), spec(state, state.shape[-1])),
        EncoderStates(states, keys, spec(sentences.mask)),
        tf.TensorSpec([kernel.shape[0], None], kernel.dtype),
        spec(bias),
    )
