"""Decoding with ONNX Runtime: on CPUs, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import onnxruntime

from nmt.errors import UnusableInput
from nmt.printable import printable
from nmt.search.runtime import BLOCK, NEG_INF, Candidates, OutputWords

_STATES = ("states", "keys", "mask")  # of the sentences
_ROWS = {  # inputs of each graph that have a row for each hypothesis or sentence
    "encode": ("source",),
    "decode": ("words", "parents", *_STATES),  # the state has the rows of the step before
    "predict": ("readouts", "live"),
    "predict_some": ("readouts", "live"),
}
# The attention sums in vectors of 8 or 16 numbers. A row of another width is summed in another
# order, so that the padding would be seen in the last digits, and in int8 in more of them.
_WIDTH = 16
_OTHER_FILE = b"location"  # the key of what ONNX calls external data
_INDICES = ("beams", "columns")  # outputs that are int32; the others are float32
# What leaves the runtime: log-probabilities of hypotheses, with `NEG_INF` for each word that is
# ruled out, and weights; beyond that by rounding alone.
_RANGES = {"values": (-1e13, 0.01), "log_probabilities": (-1e13, 0.01), "attention": (-0.01, 1.01)}
_Shapes = Mapping[str, tuple[int | None, ...]]  # of the outputs that are asked for
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
        options.log_severity_level = 4  # errors are raised, too
        # Threads that wait for work would take cores from other actors.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        _share_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        self._sessions = {name: _session(name, graphs[name], options) for name in _ROWS}
        self.kernel, self.bias = kernel, bias
        self.target_size, self.attends = len(bias), attends

    def run(self, name: str, outputs: _Shapes, **inputs: np.ndarray) -> list[np.ndarray]:
        """Compute these outputs of a graph.

        Raises:
            MemoryError: there is not enough.
            UnusableInput: the graph is not one of this model.
        """
        rows = _ROWS[name]
        alone = len(inputs[rows[0]]) == 1
        if alone:
            # The product of one row is summed in another order than that of several.
            inputs |= {one: np.repeat(inputs[one], 2, axis=0) for one in rows}
        try:
            results = self._sessions[name].run(list(outputs), inputs)
        except Exception as error:  # ONNX Runtime has one class for all failures of a step
            if "Failed to allocate memory" in str(error):
                raise MemoryError(f"ONNX Runtime, graph {name}, inputs {_shapes(inputs)}") from None
            raise UnusableInput(_failed(name, error)) from None
        if alone:
            results = [
                one[:1] if isinstance(one, np.ndarray) and one.ndim else one for one in results
            ]
        for (output, shape), result in zip(outputs.items(), results, strict=True):
            if not _fits(result, shape, np.int32 if output in _INDICES else np.float32):
                own = getattr(result, "shape", "of no array")
                raise UnusableInput(_failed(name, f"{output} has the shape {own}"))
            if output in _RANGES and not _is_within(result, *_RANGES[output]):
                raise UnusableInput(_failed(name, f"{output} is beyond what it can be"))
        return results

    def begin(self, source: np.ndarray, words: OutputWords) -> OnnxDecoding:
        """Encode source ids that end with EOS, padded with 0, int32, shape (batch, source)."""
        batch, width = source.shape
        shapes: _Shapes = {
            "state": (batch, None),
            "states": (batch, width, None),
            "keys": (batch, width, None),
            "mask": (batch, width),
        }
        state, *sentences = self.run("encode", shapes, source=source)
        padded = [
            np.pad(value, [(0, 0), (0, -width % _WIDTH), *[(0, 0)] * (value.ndim - 2)])
            for value in sentences
        ]
        return OnnxDecoding(self, state, dict(zip(_STATES, padded, strict=True)), width, words)


@cache
def _share_memory() -> None:
    """Let all graphs of this process work in the same memory, as one runs after another."""
    kind, purpose = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    place = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, purpose)
    onnxruntime.create_and_register_allocator(place, None)


def _session(name: str, graph: bytes, options: Any) -> Any:
    """A graph that is ready to run.

    Raises:
        UnusableInput: it is none, or takes its constants from other files.
    """
    if _OTHER_FILE in graph:
        raise UnusableInput(f"{name}.onnx of MODEL names other files, which no model of ours does")
    try:
        return onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    except Exception as error:  # of many classes
        raise UnusableInput(_failed(name, error)) from None


def _failed(name: str, error: object) -> str:
    reason = printable(" ".join(str(error).split())[:200])
    return f"{name}.onnx of MODEL fails in ONNX Runtime ({reason}); make it again: `nmt export`"


def _is_within(array: np.ndarray, least: float, most: float) -> bool:
    """Whether all numbers are between two; one that is none is not."""
    return not array.size or bool(least <= array.min() <= array.max() <= most)


def _fits(array: Any, shape: tuple[int | None, ...], kind: Any) -> bool:
    """Whether an output is an array of this type and shape; None stands for any length."""
    if not isinstance(array, np.ndarray) or array.dtype != kind:
        return False
    return array.shape == shape or (
        array.ndim == len(shape)
        and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    )


def _are_below(indices: np.ndarray, stop: int) -> bool:
    """Whether all int32 are from 0 to below a limit; as unsigned ones those below 0 are large."""
    return bool(indices.view(np.uint32).max() < stop)


def _shapes(inputs: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {value.shape}" for name, value in inputs.items())


class OnnxDecoding:
    """A batch under way; see `nmt.search.runtime.Decoding`.

    Args:
        runtime: the model.
        state: the first states, shape (batch, state_size).
        sentences: what the steps need of the sentences.
        width: of the sources.
        words: what the translations may use.
    """

    def __init__(
        self,
        runtime: OnnxRuntime,
        state: np.ndarray,
        sentences: dict[str, np.ndarray],
        width: int,
        words: OutputWords,
    ) -> None:
        self._runtime, self._state, self._sentences = runtime, state, sentences
        self._width = width if runtime.attends else 0
        if words.ids is None:
            padding = 0, -runtime.target_size % BLOCK
            self.ids = np.pad(np.arange(runtime.target_size, dtype=np.int32), padding)
            bias = np.pad(runtime.bias + words.bias[0], padding, constant_values=NEG_INF)
            self._graph, self._words = "predict", {"bias": bias}
        else:
            self.ids = words.ids
            kernel = np.ascontiguousarray(runtime.kernel[:, words.ids])
            bias = runtime.bias[words.ids] + words.bias
            self._graph, self._words = "predict_some", {"kernel": kernel, "bias": bias}

    def candidates(
        self, words: np.ndarray, parents: np.ndarray, live: np.ndarray, k: int
    ) -> Candidates:
        """Make a step, and return the `k` best continuations."""
        readouts, attention = self._step(words, parents)
        outputs = ("values", "beams", "columns")
        values, beams, columns = self._predictions(outputs, readouts, live, k)
        for name, indices, stop in (
            ("beams", beams, live.shape[1]),
            ("columns", columns, len(self.ids)),
        ):
            if not _are_below(indices, stop):
                raise UnusableInput(_failed(self._graph, f"{name} are not below {stop}"))
        return Candidates(self.ids[columns], values, beams, attention)

    def distribution(self, words: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return the log-probabilities of `ids` and the attention."""
        readouts, attention = self._step(words, parents)
        live = np.zeros((len(attention), len(words) // len(attention)), np.float32)
        (scores,) = self._predictions(("log_probabilities",), readouts, live, 1)
        return scores, attention

    def score(
        self, words: np.ndarray, parents: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return each row's log-probability of one word, and the attention."""
        scores, attention = self.distribution(words, parents)
        return np.take_along_axis(scores, targets[:, np.newaxis], 1)[:, 0], attention

    def _step(self, words: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The readouts and the attention of the next step."""
        rows, (sentences, width) = len(words), self._sentences["mask"].shape
        width = width if self._runtime.attends else 0
        readouts, self._state, attention = self._runtime.run(
            "decode",
            {
                "readouts": (rows, len(self._runtime.kernel)),
                "next_state": (rows, self._state.shape[1]),
                "attention": (sentences, rows // sentences, width),
            },
            words=words,
            parents=parents,
            state=self._state,
            **self._sentences,
        )
        return readouts, attention[..., : self._width]

    def _predictions(
        self, outputs: Sequence[str], readouts: np.ndarray, live: np.ndarray, k: int
    ) -> list[np.ndarray]:
        """These outputs for readouts, for as many sentences together as stay in the cache."""
        sentences, beams = live.shape
        words = len(self.ids)
        size, most = max(1, _LOGITS // (beams * words)), min(k, beams * words)
        limit = np.array(most, np.int32)
        parts = []
        for start in range(0, sentences, size):
            stop = start + size
            own = {"readouts": readouts[start * beams : stop * beams], "live": live[start:stop]}
            own |= self._words | {"k": limit}
            if own["bias"].ndim > 1:  # of each sentence
                own["bias"] = own["bias"][start:stop]
            rows, count = len(own["readouts"]), len(own["live"])
            shapes = {
                name: (rows, words) if name == "log_probabilities" else (count, most)
                for name in outputs
            }
            parts.append(self._runtime.run(self._graph, shapes, **own))
        if len(parts) == 1:
            return parts[0]
        return [np.concatenate(values) for values in zip(*parts, strict=True)]

    def keep(self, sentences: np.ndarray) -> None:
        """Go on with some of the sentences only."""
        self._sentences = {name: value[sentences] for name, value in self._sentences.items()}
        if self._words["bias"].ndim > 1:
            self._words["bias"] = self._words["bias"][sentences]
