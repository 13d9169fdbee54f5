"""Ready settings: the book's sizes, and two larger models."""

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
}
