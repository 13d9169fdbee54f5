"""sacrebleu's signatures: which scores can be compared."""

from __future__ import annotations

_INTERVAL = {"bs", "seed", "resampling"}  # of the interval; the score does not depend on it


def differences(one: str, other: str) -> list[str]:
    """The differences between two signatures of one metric, each as ``tok:13a → tok:zh``.

    Scores can be compared if there are none. ``nrefs`` and sacrebleu's own version count, too.
    """
    ours, theirs = _parts(one), _parts(other)
    return [
        f"{name}:{ours.get(name, 'none')} → {name}:{theirs.get(name, 'none')}"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    ]


def _parts(signature: str) -> dict[str, str]:
    items = (part.partition(":") for part in signature.split("|"))
    return {name: value for name, _, value in items if name not in _INTERVAL}
