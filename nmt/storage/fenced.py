"""A folder that a job changes only as long as it holds the lease of its output."""

from __future__ import annotations

from typing import Self

from nmt.storage.final import remove_final, replace_final
from nmt.storage.lease import NAME, check_owner
from nmt.storage.location import Location


class FencedLocation(Location):
    """A place below an output; what writes a file or deletes one looks at the lease first.

    A process that was stopped after that look, and wakes when another job has taken over, replaces
    and removes nothing of it: see `nmt.storage.final`.

    Args:
        output: the folder with the lease.
        owner: who must hold it.
    """

    def __init__(self, output: Location, owner: str) -> None:
        super().__init__(str(output))
        self._output, self._owner = output, owner

    def _sibling(self, uri: str) -> Self:
        other = super()._sibling(uri)
        other._output, other._owner = self._output, self._owner
        return other

    def __reduce__(self) -> str:
        raise TypeError("another process makes its own")

    def _plain(self) -> Location:
        return self._output._sibling(self.uri)

    def check_owner(self) -> None:
        """Go on only if the lease is still held; see `nmt.storage.lease.check_owner`."""
        check_owner(self._output, self._owner)

    def write_bytes(self, data: bytes) -> None:
        """See `Location.write_bytes`.

        Raises:
            LeaseLost: another job has taken over.
        """
        replace_final(self._plain(), data, self.check_owner, self._output / NAME)

    def delete(self) -> None:
        """See `Location.delete`.

        Raises:
            LeaseLost: another job has taken over.
        """
        remove_final(self._plain(), self.check_owner, self._output / NAME)
