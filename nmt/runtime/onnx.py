"""Decoding with ONNX Runtime: on CPUs, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

from nmt.search.runtime import BLOCK, NEG_INF, Candidates, OutputWords

_STATES = ("states", "keys", "mask")  # of the sentences
_LOGITS = 2**19  # that are computed together: 2 MiB, which a core's cache holds


class OnnxRuntime:
    """A model as ONNX graphs; see `nmt.search.runtime.Runtime`.

    Args:
        graphs: of `nmt.runtime.export`.
        kernel: the output projection, shape (readout_units, target_size).
        bias: its bias, shape (target_size,).
        attends: whether the model has an attention.
        threads: of each operation; 0 is all cores.
    """

    def __init__(
        self,
        graphs: Mapping[str, bytes],
        kernel: np.ndarray,
        bias: np.ndarray,
        attends: bool,
        threads: int = 0,
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        # Threads that wait for work would take cores from other actors.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._sessions = {
            name: onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
            for name, graph in graphs.items()
        }
        self.kernel, self.bias = kernel, bias
        self.target_size, self.attends = len(bias), attends

    def run(self, name: str, outputs: list[str], **inputs: np.ndarray) -> Any:
        """Compute these outputs of a graph."""
        try:
            return self._sessions[name].run(outputs, inputs)
        except Exception as error:  # ONNX Runtime has one class for all failures of a step
            if "Failed to allocate memory" in str(error):
                raise MemoryError(f"ONNX Runtime, graph {name}, inputs {_shapes(inputs)}") from None
            raise

    def begin(self, source: np.ndarray, words: OutputWords) -> OnnxDecoding:
        """Encode source ids that end with EOS, padded with 0, int32, shape (batch, source)."""
        state, *sentences = self.run("encode", ["state", *_STATES], source=source)
        return OnnxDecoding(self, state, dict(zip(_STATES, sentences, strict=True)), words)


def _shapes(inputs: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {value.shape}" for name, value in inputs.items())


class OnnxDecoding:
    """A batch under way; see `nmt.search.runtime.Decoding`.

    Args:
        runtime: the model.
        state: the first states, shape (batch, state_size).
        sentences: what the steps need of the sentences.
        words: what the translations may use.
    """

    def __init__(
        self,
        runtime: OnnxRuntime,
        state: np.ndarray,
        sentences: dict[str, np.ndarray],
        words: OutputWords,
    ) -> None:
        self._runtime, self._state, self._sentences = runtime, state, sentences
        if words.ids is None:
            padding = -runtime.target_size % BLOCK
            self.ids = np.pad(np.arange(runtime.target_size, dtype=np.int32), (0, padding))
            bias = np.pad(words.bias, [(0, 0), (0, padding)], constant_values=NEG_INF)
            self._graph, self._words = "predict", {"bias": bias}
        else:
            self.ids = words.ids
            kernel = np.ascontiguousarray(runtime.kernel[:, words.ids])
            bias = runtime.bias[words.ids] + words.bias
            self._graph, self._words = "predict_some", {"kernel": kernel, "bias": bias}

    def candidates(self, words: np.ndarray, parents: np.ndarray, k: int) -> Candidates:
        """Make a step, and return the `k` likeliest next words."""
        (values, columns), attention = self._step(["values", "columns"], words, parents, k)
        return Candidates(self.ids[columns], values, attention)

    def distribution(self, words: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return the log-probabilities of `ids` and the attention."""
        (scores,), attention = self._step(["log_probabilities"], words, parents, 1)
        return scores, attention

    def score(
        self, words: np.ndarray, parents: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return each row's log-probability of one word, and the attention."""
        scores, attention = self.distribution(words, parents)
        return np.take_along_axis(scores, targets[:, np.newaxis], 1)[:, 0], attention

    def _step(
        self, outputs: list[str], words: np.ndarray, parents: np.ndarray, k: int
    ) -> tuple[list[np.ndarray], np.ndarray]:
        readouts, self._state, attention = self._runtime.run(
            "decode",
            ["readouts", "next_state", "attention"],
            words=words,
            parents=parents,
            state=self._state,
            **self._sentences,
        )
        return self._predictions(outputs, readouts, min(k, len(self.ids))), attention

    def _predictions(self, outputs: list[str], readouts: np.ndarray, k: int) -> list[np.ndarray]:
        """These outputs for readouts, for as many sentences together as stay in the cache."""
        sentences = len(self._sentences["mask"])
        beams = len(readouts) // sentences
        size = max(1, _LOGITS // (beams * len(self.ids)))
        parts = []
        for start in range(0, sentences, size):
            own = dict(self._words)
            if len(own["bias"]) != 1:
                own["bias"] = own["bias"][start : start + size]
            rows = readouts[start * beams : (start + size) * beams]
            most = np.array(k, np.int32)
            parts.append(self._runtime.run(self._graph, outputs, readouts=rows, k=most, **own))
        return [np.concatenate(values) for values in zip(*parts, strict=True)]

    def keep(self, sentences: np.ndarray) -> None:
        """Go on with some of the sentences only."""
        self._sentences = {name: value[sentences] for name, value in self._sentences.items()}
        if len(self._words["bias"]) != 1:
            self._words["bias"] = self._words["bias"][sentences]
