"""What Twilio is to do when the stream of a call has ended: dial whom it was transferred to, or hang up.

::

    <Connect><Stream url="wss://aiker.example.com/ws/twilio/anna/TOKEN/"/></Connect>
    <Redirect>https://aiker.example.com/call/after/anna/TOKEN/</Redirect>
"""

from __future__ import annotations

import asyncio
from xml.sax.saxutils import escape

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from aiker.calls import tokens
from aiker.calls.models import NEVER_LIVED, Call, EndReason
from aiker.calls.records import in_database

PATIENCE_S = 3.0  # the record is stored just after the stream has been closed
LOOK_EVERY_S = 0.1


@csrf_exempt
async def after_call(request: HttpRequest, assistant: str, token: str) -> HttpResponse:
    """Return TwiML for the call ``CallSid``; 403 without the token that admits calls."""
    if not tokens.admits(token, assistant):
        return HttpResponse("no valid token", status=403, content_type="text/plain")
    call_sid = (request.POST or request.GET).get("CallSid", "")[:64]
    target = await _transferred_to(assistant, call_sid) if call_sid else ""
    return HttpResponse(twiml(target), content_type="text/xml")


def twiml(target: str) -> str:
    """Return the document that dials ``target``; empty: that hangs up."""
    number = f"<Sip>{escape(target)}</Sip>" if target.startswith(("sip:", "sips:")) else escape(target)
    verb = f"<Dial>{number}</Dial>" if target else "<Hangup/>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verb}</Response>'


async def _transferred_to(assistant: str, call_sid: str) -> str:
    """Return where the call goes on; "" when it does not."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        found = await in_database(_last_call, assistant, call_sid)
        if found and found[0]:
            return found[1] if found[0] == EndReason.TRANSFERRED else ""
        if asyncio.get_running_loop().time() > deadline:
            return ""
        await asyncio.sleep(LOOK_EVERY_S)


def _last_call(assistant: str, call_sid: str) -> tuple[str, str] | None:
    calls = Call.objects.filter(wire="twilio", assistant__slug=assistant, carrier_call_id=call_sid)
    calls = calls.exclude(end_reason__in=NEVER_LIVED)  # such as a second socket of the same call
    return calls.order_by("-started_at").values_list("end_reason", "transfer_to").first()
