"""The JSON Schema of a tool's parameters. Pure.

::

    schema_problems(schema)                      # [] when it can be used
    argument_problems(schema, {"order": 3})      # ["order: 3 is not of type 'string'"]
    needs_nothing(schema)                        # True: the caller's words alone can call the tool
    with_defaults(schema, {})                    # {"unit": "day"}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator, SchemaError

MOST_SCHEMA_CHARS = 8000
MOST_ARGUMENT_CHARS = 4000
MOST_STRING_CHARS = 500  # a pattern of the schema is matched against it
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


def no_parameters() -> dict[str, Any]:
    """Return the schema of a tool that needs nothing."""
    return {"type": "object", "properties": {}}


def schema_problems(schema: Any) -> list[str]:
    """Return what keeps ``schema`` from describing a tool's parameters, in words for whoever wrote it."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return [_('The schema must be an object with "type": "object".')]
    if len(json.dumps(schema)) > MOST_SCHEMA_CHARS:
        return [_("The schema has over %(most)s characters.") % {"most": MOST_SCHEMA_CHARS}]
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return [_("“properties” must be an object: a name and a description of each parameter.")]
    if "$ref" in _keys(schema) or "$dynamicRef" in _keys(schema):
        return [_("The schema must say everything itself: $ref is not followed.")]
    found = [
        _("“%(name)s” is no name of a parameter: Latin letters, digits and _, at most 40.") % {"name": name}
        for name in properties
        if not NAME.fullmatch(name)
    ]
    required = schema.get("required", [])
    if isinstance(required, list):
        found += [
            _("“%(name)s” is required, but “properties” does not describe it.") % {"name": name}
            for name in required
            if name not in properties
        ]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        where = ".".join(map(str, exc.absolute_path))
        found.append(f"{where}: {exc.message}" if where else exc.message)
    return found


def argument_problems(schema: dict[str, Any], arguments: Any) -> list[str]:
    """Return what is wrong with ``arguments``, in words that a language model can mend them by."""
    if not isinstance(arguments, dict):
        return ["the arguments must be a JSON object"]
    if len(json.dumps(arguments, ensure_ascii=False)) > MOST_ARGUMENT_CHARS:
        return [f"the arguments have over {MOST_ARGUMENT_CHARS} characters"]
    if any(len(text) > MOST_STRING_CHARS for text in _strings(arguments)):
        return [f"a value has over {MOST_STRING_CHARS} characters"]
    # What the operator did not describe is not sent to anybody.
    strict = {"additionalProperties": False, **schema}
    errors = sorted(Draft202012Validator(strict).iter_errors(arguments), key=lambda error: list(error.path))
    return [
        f"{'.'.join(map(str, e.absolute_path))}: {e.message}" if e.absolute_path else e.message
        for e in errors
    ]


def with_defaults(schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with the defaults of those that are not given."""
    properties = schema.get("properties", {})
    return {
        name: about["default"]
        for name, about in properties.items()
        if isinstance(about, dict) and "default" in about
    } | arguments


def needs_nothing(schema: dict[str, Any]) -> bool:
    """Whether the tool can be called without anything that the caller would have to say."""
    return not argument_problems(schema, with_defaults(schema, {}))


def parameter_names(schema: dict[str, Any]) -> set[str]:
    properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
    return set(properties) if isinstance(properties, dict) else set()


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
