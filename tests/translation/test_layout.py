"""How many actors decode, and what each gets of machines of every kind."""

from typing import Any

import pytest

from nmt.cluster.resources import count_places
from nmt.errors import UnusableInput
from nmt.translation.layout import lay_out, refuse_impossible

LARGE, SMALL = 10**6, 100


def nodes(*machines: tuple[int, int]) -> list[dict[str, Any]]:
    """Machines with so many cores and GPUs, as ``ray.nodes()`` has them."""
    return [
        {"Alive": True, "Resources": {k: n for k, n in zip(("CPU", "GPU"), one, strict=True) if n}}
        for one in machines
    ]


@pytest.mark.parametrize(
    ("machines", "options", "expected"),
    [
        # One machine: an actor a core for much, all cores for little.
        ([(4, 0)], {}, "4 actors with 1 CPU each"),
        ([(4, 0)], {"rows": SMALL}, "1 actor with 4 CPUs"),
        ([(4, 0)], {"items": 3}, "3 actors with 1 CPU each"),
        ([(4, 0)], {"items": 2}, "2 actors with 2 CPUs each"),
        ([(4, 0)], {"cpus": 2}, "2 actors with 2 CPUs each"),
        ([(4, 0)], {"cpus": 3, "rows": SMALL}, "1 actor with 3 CPUs"),
        (
            [(4, 0)],
            {"actors": (8, 8), "own": True},
            "4 actors with 1 CPU each (not 8: there is no more room, or no more work)",
        ),
        (
            [(4, 0)],
            {"actors": (2, 9), "cpus": 2, "own": True},
            "2 actors with 2 CPUs each (not 9: there is no more room, or no more work)",
        ),
        # A head without cores, and two machines.
        ([(0, 0), (16, 0), (16, 0)], {"actors": (1, 8)}, "1 to 8 actors with 4 CPUs each"),
        ([(0, 0), (16, 0), (16, 0)], {}, "32 actors with 1 CPU each"),
        # Eight machines, one actor on each.
        ([(16, 0)] * 8, {"actors": (8, 8)}, "8 actors with 16 CPUs each"),
        # Machines that are unequal: no actor is larger than the places that there are.
        ([(16, 0), (4, 0)], {"actors": (5, 5)}, "5 actors with 4 CPUs each"),
        # A cluster that will grow: an actor is sized by the machines that it has.
        ([(4, 0)], {"actors": (1, 8)}, "1 to 8 actors with 4 CPUs each"),
        ([(0, 0)], {"actors": (2, 8)}, "2 to 8 actors with 1 CPU each"),
        # GPUs: one actor for each, and the cores of its machine shared out.
        ([(64, 0), (16, 4), (16, 4)], {"gpus": 1.0}, "8 actors with 4 CPUs and 1 GPU each"),
        ([(8, 1)], {"gpus": 0.5}, "2 actors with 4 CPUs and 0.5 GPUs each"),
        ([(8, 2)], {"gpus": 1.0, "rows": SMALL, "items": 1}, "1 actor with 8 CPUs and 1 GPU"),
    ],
)
def test_actors_get_what_the_machines_have(machines, options, expected) -> None:
    given = {"rows": LARGE, "items": 1000, **options}
    layout = lay_out(nodes(*machines), **given)
    assert layout.describe() == expected
    if ("grow" not in expected and machines[0] != (0, 0)) or len(machines) > 1:
        assert count_places(nodes(*machines), layout.share) >= layout.least


def test_an_actor_that_no_machine_holds_is_refused() -> None:
    for options in ({"cpus": 5}, {"gpus": 1.0}):
        layout = lay_out(nodes((4, 0)), LARGE, 9, **options)
        with pytest.raises(UnusableInput, match=r"no room for an actor .* has 4 CPUs; lower --cpu"):
            refuse_impossible(nodes((4, 0)), layout.share)
