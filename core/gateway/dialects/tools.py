"""Tools that a chat model may be offered, and the way back to the agent's own names for them.

Chat knows functions with a legal name. A freeform tool becomes a function that takes one string,
and a tool of a namespace gets a flat name; ``ToolNames`` remembers what each one was.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEGAL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_NAME = 64
_DIGEST = 10
INPUT_SCHEMA = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class ToolName:
    """An agent's tool: its name, its namespace if it has one, and whether its input is freeform."""

    name: str
    namespace: str | None = None
    custom: bool = False


@dataclass(frozen=True, slots=True)
class ToolNames:
    """The agent's tools by the flat names that a model is offered."""

    by_flat: dict[str, ToolName] = field(default_factory=dict)
    _flat_of: dict[tuple[str, str | None], str] = field(default_factory=dict)

    def add(self, tool: ToolName) -> str:
        """Remember ``tool``; returns the name to offer it under."""
        flat = flat_name(tool.name, tool.namespace)
        if self.by_flat.get(flat, tool) != tool:
            flat = _shortened(flat, f"{tool.namespace}/{tool.name}/{tool.custom}")
        self.by_flat[flat] = tool
        self._flat_of[tool.name, tool.namespace] = flat
        return flat

    def of(self, flat: str) -> ToolName:
        """The agent's tool behind ``flat``; itself where it is not one of them."""
        return self.by_flat.get(flat) or ToolName(flat)

    def flat(self, name: str, namespace: str | None = None) -> str:
        """The flat name of a tool that an earlier turn called, offered now or not."""
        return self._flat_of.get((name, namespace)) or flat_name(name, namespace)


def flat_name(name: str, namespace: str | None = None) -> str:
    """A legal name for a tool: ``namespace__name``, shortened or cleaned where it must be."""
    whole = f"{namespace.rstrip('_')}__{name}" if namespace else name
    return whole if _LEGAL_NAME.fullmatch(whole) else _shortened(whole, whole)


def function(
    name: str, description: object, parameters: object, strict: object = None
) -> dict[str, Any]:
    """A tool as Chat Completions offers it."""
    inner: dict[str, Any] = {"name": name}
    if isinstance(description, str) and description:
        inner["description"] = description
    inner["parameters"] = parameters if isinstance(parameters, dict) else {"type": "object"}
    if strict is True:
        inner["strict"] = True
    return {"type": "function", "function": inner}


def freeform(name: str, tool: Mapping[str, Any]) -> dict[str, Any]:
    """A freeform tool as a function with the one argument ``input``; its grammar in words."""
    words = [str(tool.get("description") or "")]
    form = tool.get("format")
    if isinstance(form, dict) and isinstance(form.get("definition"), str):
        words.append(f"The input follows this {form.get('syntax', '')} grammar:")
        words.append(form["definition"])
    words.append('Put the whole text into the argument "input".')
    return function(name, "\n".join(filter(None, words)), INPUT_SCHEMA)


def freeform_input(arguments: str) -> str:
    """The text that a model put into ``input``; the arguments as they are where it did not."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


def _shortened(name: str, seed: str) -> str:
    digest = hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:_DIGEST]
    clean = re.sub(r"[^A-Za-z0-9_-]", "_", name)[: _LONGEST_NAME - _DIGEST - 1]
    return f"{clean}_{digest}"
