"""Attention-based neural machine translation on Ray.

translator = nmt.load_model("runs/x/model")
translator.translate(["A sentence."], beam_size=5)
translator.plot_attention("A sentence.", "map.png")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nmt.version import __version__

if TYPE_CHECKING:
    from nmt.inference.translator import Translation, Translator, load_model

__all__ = ["Translation", "Translator", "__version__", "load_model"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    # On first use, so that importing a part of the package does not load TensorFlow.
    if name in __all__:
        from nmt.inference import translator

        return getattr(translator, name)
    raise AttributeError(f"module 'nmt' has no attribute '{name}'")
