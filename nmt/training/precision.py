"""Training in half precision: bfloat16, and float16 with dynamic loss scaling.

Micikevicius et al. 2018 (arXiv 1710.03740): weights and their updates stay in float32, products
are in half precision; the gradients of float16 are kept from vanishing by a factor on the loss.
Logits, softmax and loss are in float32, and so is the model that is validated and saved.
"""

from __future__ import annotations


def dtype_policy(precision: str) -> str:
    """Keras's name for products in this precision, with weights in float32."""
    return precision if precision == "float32" else f"mixed_{precision}"
