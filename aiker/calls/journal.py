"""What happens in a call: told to whoever watches, and stored when it is over.

::

    journal = Journal(call, speaker.show, now)
    journal.begin(assistant_id, {"wire": "twilio", ...})      # the call's row
    journal.emit(CallEvent.SPEECH_STARTED, turn)              # to the caller's side, and kept
    journal.keep(CallEvent.OPERATOR, action="listen")         # kept alone
    journal.add(turn_record)
    await journal.end({"end_reason": ...}, recorder)          # everything is stored

Nothing of it makes the call wait, see ``records.CallWriter``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from aiker.calls import observing, records
from aiker.calls.events import CallEvent, Event
from aiker.calls.recorder import Recorder

MOST_EVENTS = 2000  # of a call's record


class Journal:
    """See the module. ``now`` is ms since the call was answered."""

    def __init__(
        self, call: observing.CallIdentity, show: Callable[[Event], None], now: Callable[[], float]
    ) -> None:
        self.call = call
        self._show = show
        self._now = now
        self._writer = records.CallWriter(call.id)
        self._events: list[dict[str, Any]] = []

    def begin(self, assistant_id: int, fields: dict[str, Any]) -> None:
        """Store that the call was answered."""
        self._writer.start()
        self._writer.put(records.create_call, assistant_id, timezone.now(), fields)

    def emit(self, kind: CallEvent, turn: int | None = None, **data: Any) -> None:
        """Tell the caller's side, and everybody else."""
        event = Event(kind, round(self._now()), turn, data)
        self._show(event)
        self._keep(event)

    def keep(self, kind: CallEvent, **data: Any) -> None:
        """Tell everybody but the caller's side."""
        self._keep(Event(kind, round(self._now()), None, data))

    def _keep(self, event: Event) -> None:
        if len(self._events) < MOST_EVENTS:
            self._events.append(event.as_dict())
        observing.call_event.send_robust(sender=None, call=self.call, event=event)

    def add(self, turn: records.TurnRecord) -> None:
        """Store a turn that is over, and tell of it."""
        self._writer.put(records.create_turn, turn)
        shown = {name: value for name, value in turn.as_dict().items() if name not in ("number", "at_ms")}
        self.emit(CallEvent.TURN_FINISHED, turn.number, **shown)

    async def end(self, fields: dict[str, Any], recorder: Recorder) -> None:
        """Store how the call ended, its events and its recording; return when all of it is stored."""
        self._writer.put(records.finish_call, fields | {"events": self._events}, recorder)
        await self._writer.close()
