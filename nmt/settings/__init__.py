"""Every setting of the product, typed, documented, frozen.

`nmt.configuration` says where their values come from.
"""

from __future__ import annotations

from nmt.settings.base import LARGEST_SEED, Group
from nmt.settings.data import DataSettings
from nmt.settings.model import ModelSettings, check_sizes
from nmt.settings.scoring import DriftSettings, GateSettings, ScoringSettings, Tokenizer
from nmt.settings.search import SearchSettings, check_search
from nmt.settings.training import (
    FREE_TRAINING_KEYS,
    Change,
    DropoutRates,
    Metric,
    Part,
    Stage,
    TrainingSettings,
)

__all__ = [
    "FREE_TRAINING_KEYS",
    "LARGEST_SEED",
    "Change",
    "DataSettings",
    "DriftSettings",
    "DropoutRates",
    "GateSettings",
    "Metric",
    "ModelSettings",
    "Part",
    "ScoringSettings",
    "SearchSettings",
    "Settings",
    "Stage",
    "Tokenizer",
    "TrainingSettings",
    "check_search",
    "check_sizes",
]


class Settings(Group):
    """All groups of settings."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    search: SearchSettings = SearchSettings()
    scoring: ScoringSettings = ScoringSettings()
    drift: DriftSettings = DriftSettings()
    gate: GateSettings = GateSettings()
