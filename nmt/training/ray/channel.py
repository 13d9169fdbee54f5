"""The driver channel: messages from training workers to the driver, and requests to stop back.

worker  DriverLogHandler, RayHooks ─→ DriverChannel (actor) ─→ ChannelReader  driver
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from nmt.console import Activity
from nmt.errors import JobFailed, UnusableInput
from nmt.training.loggers import Logger


class DriverChannel:
    """A mailbox between workers and driver; run as a Ray actor."""

    def __init__(self) -> None:
        self._messages: list[tuple[str, tuple]] = []
        self._stop_requested = self._awaits_checkpoint = False

    def request_stop(self) -> None:
        """Make the workers end this attempt."""
        self._stop_requested = True

    def stop_requested(self) -> bool:
        """Whether `request_stop` was called, or a checkpoint is awaited."""
        return self._stop_requested or self._awaits_checkpoint

    def request_checkpoint(self) -> None:
        """Make the workers end this attempt with a checkpoint, before others replace them."""
        self._awaits_checkpoint = True

    def awaits_checkpoint(self) -> bool:
        """Whether no checkpoint was stored since `request_checkpoint`."""
        return self._awaits_checkpoint

    def note_checkpoint(self) -> None:
        """Take note that a checkpoint was stored."""
        self._awaits_checkpoint = False

    def put(self, kind: str, *values: Any) -> None:
        """Add a message: ``log`` with logger, level and text, ``fail`` with a reason
        and an exit status, ``progress`` with done, total and detail, or ``metrics`` with a step and
        values."""
        self._messages.append((kind, values))

    def take(self) -> list[tuple[str, tuple]]:
        """All messages since the last call."""
        messages, self._messages = self._messages, []
        return messages


class DriverLogHandler(logging.Handler):
    """Sends what a worker logs to the driver, which logs it with the same level.

    Args:
        channel: handle of the `DriverChannel`.
    """

    def __init__(self, channel: Any) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        self._channel.put.remote("log", record.name, record.levelno, record.getMessage())


def log_to_driver(channel: Any, level: int, rank: int) -> None:
    """Send what this process logs to the driver; only the first worker's lines are shown."""
    logger = logging.getLogger("nmt")
    logger.handlers = [DriverLogHandler(channel) if rank == 0 else logging.NullHandler()]
    logger.setLevel(level)
    logger.propagate = False


class ChannelReader:
    """Shows the channel's messages in the driver until it is closed.

    Args:
        ray: the ray module.
        channel: handle of the `DriverChannel` actor.
        display: shows the progress.
        logger: takes the metrics.
    """

    def __init__(self, ray: Any, channel: Any, display: Activity, logger: Logger) -> None:
        self._ray, self._channel, self._display, self._logger = ray, channel, display, logger
        self._closed = threading.Event()
        self.failure: UnusableInput | JobFailed | None = None  # why a worker gave up for good
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._closed.wait(0.5):
            self._drain()

    def _drain(self) -> None:
        try:
            messages = self._ray.get(self._channel.take.remote(), timeout=30)
        except Exception:  # a display that fails must not end the training
            return
        for kind, values in messages:
            if kind == "log":
                name, level, text = values
                logging.getLogger(name).log(level, "%s", text)
            elif kind == "fail":
                reason, status = values
                unusable = status == UnusableInput.exit_status
                self.failure = UnusableInput(reason) if unusable else JobFailed(reason)
            elif kind == "metrics":
                self._logger.log_metrics(*values)
            else:
                done, total, detail = values
                self._display.update(done, detail, total)

    def close(self) -> None:
        """Show the remaining messages and stop."""
        self._closed.set()
        self._thread.join(timeout=35)
        self._drain()
