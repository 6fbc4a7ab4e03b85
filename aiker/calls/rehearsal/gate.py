"""Whether changes of an assistant may be saved: those that callers hear need a passed rehearsal, where set.

::

    if missing := unrehearsed(stored, changed):      # ["system_prompt"]: fields that no rehearsal has passed
        ...
"""

from __future__ import annotations

from aiker.calls.models import Assistant
from aiker.calls.rehearsal.drafts import changes_of, contents
from aiker.calls.rehearsal.models import Rehearsal


def unrehearsed(stored: Assistant, changed: Assistant) -> list[str]:
    """Return the changed fields when the assistant needs a rehearsal and none of exactly them was passed."""
    changes = changes_of(stored, changed)
    if not stored.needs_rehearsal or not changes:
        return []
    base = stored.knowledge_base
    wanted = contents(changed, base.active_version if base else None)
    return [] if Rehearsal.objects.filter(contents=wanted, passed=True).exists() else list(changes)
