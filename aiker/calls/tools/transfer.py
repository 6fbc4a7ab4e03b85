"""The transfer of an assistant: the tool that ships with it, what is missing, what it may offer.

::

    provide_transfer(assistant)          # a tool to be filled in, and key 0 of the telephone
    transfer_of(assistant)               # the tool in use for callers who want a person, or None
    unkept_offers(assistant)             # {"no_answer": "when the knowledge has no answer"}: refused at save

They read the database: not for the event loop.
"""

from __future__ import annotations

from django.utils.text import capfirst

from aiker.calls.models import Assistant, MenuAction, MenuItem, Tool
from aiker.calls.tools.models import KindChoice
from aiker.calls.transfer_requests import offers_transfer

SLUG = "transfer_to_human"
TRANSFER_KEY = "0"
SENTENCES = (
    "system_prompt",
    "greeting",
    "no_answer",
    "apology",
    "there_answer",
    "hold_answer",
    "machine_answer",
    "silence_prompt",
    "goodbye",
)
"""Fields of an assistant that callers hear, or that the language model is told."""


def provide_transfer(assistant: Assistant) -> Tool:
    """Give the assistant the transfer that ships, shared by all assistants, and key 0 of the telephone.

    The tool is created without a number and not in use. A key that has a meaning keeps it.
    """
    tool, _created = Tool.objects.get_or_create(
        slug=SLUG,
        defaults={
            "name": "转人工",
            "kind": KindChoice.TRANSFER,
            "is_active": False,
            "phrases": "转人工\n人工客服\n我要找真人",
            "answer": "好的，正在为您转接人工客服，请稍候。",
            "failure": "抱歉，现在没有接通人工客服，请您稍后再试。",
        },
    )
    tool.assistants.add(assistant)
    MenuItem.objects.get_or_create(
        assistant=assistant, key=TRANSFER_KEY, defaults={"action": MenuAction.TRANSFER}
    )
    return tool


def transfer_of(assistant: Assistant) -> Tool | None:
    """Return the transfer in use; of an assistant that is not saved yet, the one that it will be given."""
    tools = assistant.tools.all() if assistant.pk else Tool.objects.filter(slug=SLUG)
    active = tools.filter(is_active=True, kind=KindChoice.TRANSFER)
    return next((tool for tool in active if tool.spec().hands_over), None)


def waiting_transfer(assistant: Assistant) -> Tool | None:
    """Return a transfer of the assistant that is not in use, such as the one that ships."""
    if not assistant.pk:
        return None
    return assistant.tools.filter(is_active=False, kind=KindChoice.TRANSFER).first()


def unkept_offers(assistant: Assistant) -> dict[str, str]:
    """Return the fields, by name with their labels, that offer a transfer that is not there."""
    offering = [name for name in SENTENCES if offers_transfer(getattr(assistant, name) or "")]
    if any(offers_transfer(line) for line in assistant.fillers or ()):
        offering.append("fillers")
    if not offering or transfer_of(assistant):
        return {}
    labels = {field.name: field.verbose_name for field in Assistant._meta.fields}
    return {name: capfirst(str(labels[name])) for name in offering}
