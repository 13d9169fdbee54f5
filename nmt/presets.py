"""Ready settings: the book's sizes, two larger models, and the demo's."""

from __future__ import annotations

from typing import Any

# The book's sizes and training are the defaults of `nmt.settings`; its batch is 128 sentences.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "book": {
        "model": {},
        "training": {"batch_tokens": 128 * 12, "dropout": 0.0, "epochs": 5},
    },
    "small": {
        "model": {
            "embedding_dim": 256,
            "encoder_units": 256,
            "decoder_units": 512,
            "attention_units": 256,
            "bridge": "dense",
            "readout": "deep",
            "readout_units": 256,
            "readout_activation": "tanh",
            "tie_embeddings": True,
        },
        "training": {"batch_tokens": 1000, "dropout": 0.2, "epochs": 20},
    },
    "base": {
        "model": {
            "embedding_dim": 512,
            "encoder_units": 512,
            "decoder_units": 1024,
            "attention_units": 512,
            "bridge": "dense",
            "readout": "deep",
            "readout_units": 512,
            "readout_activation": "tanh",
            "tie_embeddings": True,
        },
        "training": {"batch_tokens": 4096, "dropout": 0.3, "epochs": 20},
    },
    # Of `nmt demo`: two passes over the built-in corpus. Nothing goes by the clock, so every run on
    # one machine ends with the same weights.
    "demo": {
        "model": {
            "embedding_dim": 128,
            "encoder_units": 128,
            "bridge": "mean",
            "decoder": "conditional",  # the attention sees the word before
            "decoder_units": 192,
            "layer_norm": True,  # stands a high learning rate
            "attention_units": 128,
            "readout": "deep",  # the readout also sees context and embedding
            "readout_units": 128,
            "readout_activation": "tanh",
            "tie_embeddings": True,
        },
        "training": {
            "batch_tokens": 1200,
            "buckets": 10,
            "learning_rate": 0.004,
            "warmup_steps": 100,
            "schedule": "linear",  # to 0 at the last update
            "dropout": 0.0,  # two passes are too few to overfit
            "dropout_encoder": 0.2,  # no position can stand for another: the attention learns both
            "epochs": 2,
            "valid_sentences": 300,
        },
    },
}
