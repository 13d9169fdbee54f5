"""The tests of the search run its functions eagerly, for tracing each would take most of the time.

Tests marked ``compiled`` run the graphs that users run: that they are traced once, and that every
kind of search finds in its graph what it finds eagerly.
"""

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _eagerly(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("compiled") is None:
        request.getfixturevalue("eagerly")


@pytest.fixture(scope="module")
def model(tiny_model: Any) -> Any:
    """Random weights under which some sentences end soon, some late, and some never."""
    from searches import biased

    from nmt.vocabulary.base import EOS

    return biased(tiny_model(seed=3), EOS, 1.5)


@pytest.fixture(scope="module")
def ensemble(tiny_model: Any) -> Any:
    """Three models of different architectures."""
    from nmt.runtime import runtime_of
    from nmt.runtime.ensemble import Ensemble

    stacked = {"decoder": "conditional", "decoder_layers": 2, "input_feeding": True}
    return Ensemble(
        [
            runtime_of(tiny_model(seed=3)),
            runtime_of(tiny_model(seed=4, decoder_units=14, layer_norm=True, **stacked)),
            runtime_of(tiny_model(seed=5, attention="none", embedding_dim=10)),
        ]
    )
