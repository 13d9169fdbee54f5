"""The attention encoder–decoder (Bahdanau, Cho, Bengio 2015), as Keras 3 layers on TensorFlow.

To be read in this order: encoder, attention, decoder, readout, seq2seq; then stacked (further
decoders), layers (what all are made of), output (the words that a search chooses from), ensemble.
`fast` computes the same with the same weights, for processors.

Importing this package imports TensorFlow, with Keras set to its TensorFlow backend, both quiet.
"""

import os

from nmt.console import silenced
from nmt.errors import UnusableInput

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

with silenced():  # TensorFlow prints notes before it reads its log level
    import keras
    import tensorflow  # noqa: F401

if keras.backend.backend() != "tensorflow":
    raise UnusableInput(
        f"Keras is in use with {keras.backend.backend()} in this process, and the model needs its "
        "TensorFlow backend; import nmt.model before keras, or set KERAS_BACKEND=tensorflow"
    )
