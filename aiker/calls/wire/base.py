"""What every wire protocol of a call has in common.

A wire is one class that turns the messages of a carrier into the inputs
below and the outputs of a call into messages. It knows nothing of speech,
turns or engines::

    wire = TwilioWire()
    for item in wire.receive(text=message):   # [CallStarted(...)], [AudioIn(...)], ...
        ...
    await send(wire.audio(frame))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from aiker.calls.events import Event

Message = str | bytes


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The carrier described the call; audio may follow."""

    carrier_call_id: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudioIn:
    """Caller audio, mu-law 8 kHz of any length.

    Where told: when its first sample was spoken in the time of the stream, which message of audio it is, and
    how much is known to be missing before it.
    """

    payload: bytes
    at_ms: int | None = None
    chunk: int | None = None
    lost_ms: int = 0


@dataclass(frozen=True, slots=True)
class DtmfIn:
    digit: str


@dataclass(frozen=True, slots=True)
class MarkReached:
    """Everything sent before the mark was played, or dropped by ``clear``."""

    name: str


@dataclass(frozen=True, slots=True)
class CallStopped:
    """The carrier or the caller hung up."""


WireInput = CallStarted | AudioIn | DtmfIn | MarkReached | CallStopped


# Close codes are of the private range: not every ASGI server can send the others.
BAD_MESSAGE, TWICE, TOO_LARGE, BAD_CODEC, TOO_FAST = 4400, 4409, 4413, 4415, 4429


class WireError(Exception):
    """The peer broke the protocol; ``code`` closes the socket.

    BAD_MESSAGE is one message that says nothing: it is passed over unless there are many. With any other the
    call cannot go on.
    """

    def __init__(self, message: str, code: int = BAD_MESSAGE) -> None:
        super().__init__(message)
        self.code = code


class Wire(ABC):
    """One wire protocol, one instance a call."""

    name: ClassVar[str]
    # Refuse after accepting, with a close code that a browser can read.
    explains_refusal: ClassVar[bool] = False
    # The call begins with the socket rather than with a message.
    starts_itself: ClassVar[bool] = False

    @abstractmethod
    def receive(self, *, text: str | None = None, data: bytes | None = None) -> list[WireInput]:
        """Return what a message means, nothing where it is to be ignored; WireError, see there."""

    @abstractmethod
    def audio(self, frame: bytes) -> Message:
        """Return the message that plays a 20 ms mu-law ``frame``."""

    @abstractmethod
    def mark(self, name: str) -> Message:
        """Return the message that asks to be told when everything before it was played."""

    @abstractmethod
    def clear(self) -> Message:
        """Return the message that drops audio not yet played."""

    def event(self, event: Event) -> Message | None:  # noqa: ARG002
        """Return the message that shows ``event`` to the peer, None where the protocol has none."""
        return None
