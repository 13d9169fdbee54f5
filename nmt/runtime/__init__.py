"""What computes the steps of a search: TensorFlow, ONNX Runtime, several models as one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nmt.search.runtime import Runtime


def has_gpu() -> bool:
    """Whether this process sees a GPU of NVIDIA, without a library that takes seconds to ask."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path("/dev").glob("nvidia[0-9]*"))


def runtime_of(model: Any) -> Runtime:
    """The runtime of a model: of a `Seq2Seq` TensorFlow; other models bring their own."""
    if hasattr(model, "begin") and hasattr(model, "settings"):
        from nmt.runtime.tensorflow import TensorFlowRuntime

        return TensorFlowRuntime(model)
    return model
