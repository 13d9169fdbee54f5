"""Length and coverage penalty, by which hypotheses are compared."""

from __future__ import annotations

import numpy as np

_EPSILON = np.float32(1e-9)  # keeps the logarithm of no attention at all finite


def length_penalty(length: np.ndarray | int, alpha: float) -> np.ndarray:
    """((5 + length) / 6)^α of Wu et al. 2016 (arXiv 1609.08144), section 7.

    Args:
        length: number of target tokens, EOS included, any shape.
        alpha: 0 compares plain log-probabilities; larger favours longer hypotheses.
    """
    return np.asarray(((5 + np.asarray(length)) / 6) ** alpha, np.float32)


def coverage_penalty(coverage: np.ndarray, tokens: np.ndarray, beta: float) -> np.ndarray:
    """β · Σᵢ log(min(Σⱼ p_ij, 1)) of Wu et al. 2016, equation 14; never above 0.

    Args:
        coverage: sum of the attention weights of each source token i over the target tokens j,
            EOS included, shape (batch, hypotheses, source).
        tokens: 1 for source tokens, 0 for EOS and padding, float, shape (batch, source).
        beta: larger favours hypotheses that attend to every source token.

    Returns:
        Shape (batch, hypotheses), to be added to log-probability over length penalty.
    """
    logarithms = np.log(np.clip(coverage, _EPSILON, 1))
    return np.float32(beta) * (logarithms * tokens[:, np.newaxis]).sum(-1)
