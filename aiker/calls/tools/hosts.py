"""Where anything may be sent: the hosts of a list, ``AIKER_TOOL_HOSTS`` for tools, and nothing behind their
names. Pure.

::

    host_problem("https://crm.example.com/x", allowed)             # "" or why not
    check_address("crm.example.com", "10.0.0.7", local_hosts)      # raises ToolError

An entry is a host, for the ports 80 and 443, or ``host:port``. A name leads to public addresses only, unless
it also belongs to this house (``AIKER_LOCAL_HOSTS``); an address that is written out in the list is meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _

from aiker.calls.tools.spec import ToolError

USUAL_PORTS = {"http": 80, "https": 443}
_BRACKETS = str.maketrans("", "", "[]")


def host_problem(url: str, allowed: Iterable[str], setting: str = "AIKER_TOOL_HOSTS") -> str:
    """Return why nothing may be sent to ``url``, in words for an operator; empty: it may.

    ``setting`` is the one that ``allowed`` comes from.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return _("“%(url)s” is no address.") % {"url": url[:200]}
    if parts.scheme not in USUAL_PORTS or not parts.hostname:
        return _("The address must begin with https:// or http:// and a host.")
    if "{" in parts.netloc or "}" in parts.netloc:
        return _("The host must be written out: { } may stand behind it only.")
    if "@" in parts.netloc or "\\" in url or any(char.isspace() for char in url):
        return _("The address must hold no login, backslash or space. Keys belong into a header.")
    if port is None:
        port = USUAL_PORTS[parts.scheme]
    if _entry(parts, port) in {name.lower().translate(_BRACKETS) for name in allowed}:
        return ""
    return _(
        "%(host)s is not among the hosts that may be reached from here. Whoever runs this machine adds "
        "“%(entry)s” to %(setting)s and restarts."
    ) % {"host": parts.hostname, "entry": _entry(parts, port), "setting": setting}


def check_address(host: str, address: str, local_hosts: Iterable[str]) -> None:
    """Raise ToolError when ``host``, which is allowed, stands for an address that is not meant."""
    found = ip_address(address.split("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    written_out = _is_address(host)
    if found.is_link_local or found.is_multicast or found.is_unspecified:
        raise ToolError("host", f"{host} leads to {address}, where nothing may be sent")
    if written_out or found.is_global or host.lower() in {name.lower() for name in local_hosts}:
        return
    raise ToolError(
        "host",
        f"{host} leads to {address}, inside a private network; name it in AIKER_LOCAL_HOSTS if that is right",
    )


def _entry(parts: SplitResult, port: int) -> str:
    host = (parts.hostname or "").lower()
    return host if port in USUAL_PORTS.values() else f"{host}:{port}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
