"""The attention encoder–decoder (Bahdanau, Cho, Bengio 2015), as Keras 3 layers on TensorFlow.

This package knows neither Ray nor storage. Importing it imports TensorFlow, with Keras set to
its TensorFlow backend and both told to be quiet.
"""

import os

from nmt.console import silenced

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

with silenced():  # TensorFlow prints notes before it reads its log level
    import keras  # noqa: F401
    import tensorflow  # noqa: F401
