"""The ways in which a job ends badly or early, and the exit status of each."""

from typing import Self

from nmt.printable import printable, shorten
from nmt.reject_reasons import RejectReason


class _OneLine(Exception):
    """An error whose message shows names and texts as they are, wherever it is printed.

    Args:
        message: may hold them raw, and of any length.
    """

    def __init__(self, message: str) -> None:
        super().__init__(shorten(printable(message)))


class UnusableInput(_OneLine):
    """Arguments or data that cannot be used: exit status 2.

    The message is one line that names the thing (file, row, option), says what is wrong with
    it, and what to do.
    """

    exit_status = 2


class ChangedFile(UnusableInput):
    """A file is not the one that was recorded, or looked at."""


class NoTranslation(UnusableInput):
    """What became of a text is no translation that can be used."""

    reason = RejectReason.FAILED


class LongTranslation(NoTranslation):
    """It is longer than a translation may be; see `nmt.text_limits`."""

    reason = RejectReason.TOO_MANY_CHARACTERS


class NoText(UnusableInput, TypeError):
    """What Python code gave as a text is none: a TypeError, as Python's own functions raise it."""


class JobFailed(_OneLine):
    """The work failed, although arguments and input are usable: exit status 1."""

    exit_status = 1


class Final(JobFailed):
    """A retry would fail in the same way."""


class Diverged(Final):
    """Training reached a loss or gradient that is NaN or infinite."""


class LeaseLost(Final):
    """Another job holds the lease of the output."""


class StoreAway(JobFailed):
    """A store does not answer or is too busy; a retry may succeed."""


class NotStored(Final):
    """A store failed on every retry."""


class AllDamaged(UnusableInput):
    """Every checkpoint is damaged."""


class Stopped(Exception):
    """The work was ended in good order; the same command continues it.

    Args:
        message: one line.
        exit_status: says what ended it.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status

    def with_remark(self, remark: str) -> Self:
        """The same with more to say."""
        self.args = (f"{self}; {remark}",)
        return self


class Interrupted(Stopped):
    """A signal ended it; the exit status is its number and 128, as shells have it."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message, 128 + signal)


class DeadlineReached(Stopped):
    """Its time is over; the same command continues it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 4)
