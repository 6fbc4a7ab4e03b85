"""The documentation names everything there is, and nothing else. A failure prints the line to paste."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import get_commands
from prometheus_client import REGISTRY
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from aiker.calls.events import CallEvent
from aiker.config import BASE_DIR, Config

SETTINGS = (BASE_DIR / "docs" / "settings.md").read_text(encoding="utf-8")
OPERATIONS = (BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
ENV_EXAMPLE = (BASE_DIR / ".env.example").read_text(encoding="utf-8")


def default(field: FieldInfo) -> str:
    """Return a default as one writes it in ``.env``."""
    value = field.default
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, Path):
        return str(value.relative_to(BASE_DIR) if value.is_relative_to(BASE_DIR) else value)
    return value if isinstance(value, str) else json.dumps(value)


def table_row(name: str, field: FieldInfo) -> str:
    shown = f"`{default(field)}`" if default(field) else ""
    return f"| `AIKER_{name.upper()}` | {shown} | {field.description} |"


def example_lines(name: str, field: FieldInfo) -> str:
    return f"# {field.description}\n# AIKER_{name.upper()}={default(field)}\n"


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bAIKER_[A-Z_]+\b", text))


def own_commands() -> set[str]:
    """Return the management commands of this project's own apps."""
    own = {
        config.name
        for config in apps.get_app_configs()
        if (BASE_DIR / config.name.replace(".", "/")).is_dir()
    }
    return {name for name, app in get_commands().items() if app in own}


@pytest.mark.parametrize("name", Config.model_fields)
def test_every_setting_is_described_with_its_default(name: str) -> None:
    field = Config.model_fields[name]
    assert table_row(name, field) in SETTINGS.splitlines()
    assert example_lines(name, field) in ENV_EXAMPLE


@pytest.mark.parametrize(
    "text", [SETTINGS, OPERATIONS, ENV_EXAMPLE], ids=["settings", "operations", "example"]
)
def test_no_document_names_a_setting_that_does_not_exist(text: str) -> None:
    assert variables(text) <= {f"AIKER_{name.upper()}" for name in Config.model_fields}


def test_the_example_changes_nothing_when_it_is_copied() -> None:
    assert [line for line in ENV_EXAMPLE.splitlines() if line and not line.startswith("#")] == []


def test_every_command_is_described() -> None:
    described = re.findall(r"^\| `manage\.py (\w+)", OPERATIONS, flags=re.MULTILINE)
    assert sorted(own_commands() - set(described)) == []


def test_every_event_of_a_call_is_documented() -> None:
    table = (
        (BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8").split("## Events of a call")[1]
    )
    documented = set(
        re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)))
    )
    assert documented == {event.value for event in CallEvent}


def test_every_metric_is_documented_with_its_labels() -> None:
    table = (BASE_DIR / "docs" / "monitoring.md").read_text(encoding="utf-8").split("## Metrics")[1]
    rows = re.findall(r"^\| `(aiker_\w+)` \| ([^|]*)\|", table.split("## Health")[0], re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert documented == own_metrics()


def own_metrics() -> dict[str, set[str]]:
    """Return the labels of every metric of this project, by the name that Prometheus shows."""
    collectors: set[Any] = {
        collector for name, collector in REGISTRY._names_to_collectors.items() if name.startswith("aiker_")
    }
    found = {}
    for collector in collectors:
        for family in collector.describe():
            labels = getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))
            found[family.name + ("_total" if family.type == "counter" else "")] = set(labels)
    return found


def test_both_readmes_show_the_same_commands() -> None:
    commands = [
        re.findall(r"^    (?!AIKER_)\S.*", (BASE_DIR / name).read_text(encoding="utf-8"), re.MULTILINE)
        for name in ("README.md", "README.zh-CN.md")
    ]
    first_words = [[line.split("#")[0].strip() for line in lines] for lines in commands]
    assert first_words[0] == first_words[1]
