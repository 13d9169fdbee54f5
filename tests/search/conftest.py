"""The tests of the search run its functions eagerly, for tracing each would take most of the time.

Tests marked ``compiled`` run the graphs that users run: that they are traced once, and that every
kind of search finds in its graph what it finds eagerly.
"""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _eagerly(request: pytest.FixtureRequest) -> Iterator[None]:
    import nmt.model  # noqa: F401  (quiets TensorFlow)

    # isort: split
    import tensorflow as tf

    tf.config.run_functions_eagerly(request.node.get_closest_marker("compiled") is None)
    yield
    tf.config.run_functions_eagerly(False)
