"""The attention encoder–decoder (Bahdanau, Cho, Bengio 2015), as Keras 3 layers on TensorFlow.

This package knows neither Ray nor storage. Importing it imports TensorFlow, with Keras set to
its TensorFlow backend and both told to be quiet.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"


def _import_quietly() -> None:
    """Import TensorFlow without the notes that it prints before its log level is read."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    finally:
        os.dup2(saved, 2)
        os.close(saved)


if "tensorflow" not in sys.modules:
    _import_quietly()
