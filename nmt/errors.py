"""The two ways in which a job ends badly, and the exit status of each."""


class UnusableInput(Exception):
    """Arguments or data that cannot be used: exit status 2.

    The message is one line that names the thing (file, row, option), says what is wrong with
    it, and what to do.
    """

    exit_status = 2


class JobFailed(Exception):
    """The work itself failed, although what was asked was right: exit status 1."""

    exit_status = 1


class Diverged(JobFailed):
    """Training came to numbers that are none; trying again would come to them again."""


class StoreAway(JobFailed):
    """A store failed in a way that may pass: it does not answer, or says that it is too busy."""
