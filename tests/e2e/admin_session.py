"""An operator's browser without the browser: the forms of the admin, over HTTP, as they are served.

::

    with AdminSession(aiker) as admin:
        form = admin.form("/admin/knowledge/document/1/change/", "document_form")
        form["answer"] = "90元。"
        admin.save(form)
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from types import TracebackType
from typing import Self

import httpx

from tests.installation import Installation

BUTTONS = ("submit", "button", "file", "reset")


class Form(dict[str, str | list[str]]):
    """The fields of a form as they would be sent unchanged; ``url`` is the page it is on."""

    url = ""


class AdminSession:
    """Logged in as the administrator whom the first start made."""

    def __init__(self, aiker: Installation) -> None:
        found = re.search(r"admin / (\S+)", aiker.output)
        assert found, aiker.output
        self._password = found[1]
        self._client = httpx.Client(
            base_url=f"http://{aiker.address}", timeout=30, headers={"Origin": f"http://{aiker.address}"}
        )

    def __enter__(self) -> Self:
        form = self.form("/admin/login/", "login-form")
        form |= {"username": "admin", "password": self._password}
        self.save(form)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def form(self, url: str, form_id: str) -> Form:
        """Return the form of a page."""
        reader = _FormReader(form_id)
        reader.feed(self._client.get(url).raise_for_status().text)
        reader.form.url = url
        return reader.form

    def save(self, form: Form) -> None:
        """Send a form; AssertionError with the page when it is not taken."""
        answer = self._client.post(form.url, data=form)
        assert answer.status_code == 302, answer.text


class _FormReader(HTMLParser):
    """Collects what a browser would send of the form with an id, files and buttons left out."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form = Form()
        self._id = form_id
        self._inside = False
        self._field = ""
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = found.get("id") == self._id
        if not self._inside:
            return
        name = found.get("name", "")
        if tag == "input" and name and found.get("type") not in BUTTONS:
            unchecked = found.get("type") in ("checkbox", "radio") and "checked" not in found
            if not unchecked:
                self.form[name] = found.get("value", "")
        elif tag == "textarea":
            self._field, self._text = name, []
        elif tag == "select":
            self._field = name
        elif tag == "option" and "selected" in found and self._field:
            self.form[self._field] = found.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text is not None:
            self.form[self._field] = "".join(self._text).removeprefix("\n")
            self._text = None
        elif tag == "select":
            self._field = ""
        elif tag == "form":
            self._inside = False
