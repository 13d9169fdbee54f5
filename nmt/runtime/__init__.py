"""What computes the steps of a search: TensorFlow, ONNX Runtime, several models as one."""

from __future__ import annotations

from typing import Any

from nmt.search.runtime import Runtime


def runtime_of(model: Any) -> Runtime:
    """The runtime of a model: of a `Seq2Seq` TensorFlow; other models bring their own."""
    if hasattr(model, "begin") and hasattr(model, "settings"):
        from nmt.runtime.tensorflow import TensorFlowRuntime

        return TensorFlowRuntime(model)
    return model
