"""What of a schema is sent to each grammar: no more than it takes, looser and never stricter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from core.client.keywords import Grammar
from core.client.portable import portable
from core.client.schema import response_format

CLOSED_OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"enum": ["calc.py"]}, "n": {"type": "integer", "maximum": 5}},
    "required": ["path", "n"],
    "additionalProperties": False,
}
INTEGER = {"type": "integer"}


def string(**further: Any) -> dict[str, Any]:
    """The schema of a string."""
    return {"type": "string", **further}


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (CLOSED_OBJECT, CLOSED_OBJECT),
        (
            {"type": "string", "format": "date", "minLength": 1, "maxLength": 9, "title": "x"},
            {"type": "string", "maxLength": 9},
        ),
        (string(pattern="^a$", maxLength=9), string(pattern="^a$")),
        (string(pattern="a", maxLength=9), string(maxLength=9)),
        (string(pattern="^a\\$"), string()),
        (string(pattern="^a\\\\$"), string()),
        (string(pattern='^"$'), string()),
        (string(pattern=r"^[a\n]$"), string()),
        (string(pattern="^a{,5000}$"), string()),
        (string(pattern="^(^a)$"), string()),
        (string(pattern=r"^\{[{^$]$"), string(pattern=r"^\{[${^]$")),
        (string(pattern="^a|b$"), string()),
        (string(pattern="^a)|(b$"), string()),
        (string(pattern="^[|]$"), string(pattern=r"^\|$")),
        (string(pattern="^[]a]$"), string()),
        (string(pattern="^([0-9]{4}-){16}$"), string(pattern="^([0-9]{4}-){16}$")),
        (string(pattern="^([0-9]{16}-){16}$"), string()),
        (string(pattern="^a{1,5000}$"), string()),
        (string(pattern="^" + "a" * 3000 + "$"), string()),
        (string(maxLength=5000), string()),
        ({"type": "array", "minItems": 10**6}, {"type": "array", "minItems": 256, "items": {}}),
        (
            {"type": "object", "required": ["a"]},
            {"type": "object", "required": ["a"], "properties": {"a": {}}},
        ),
        (
            {
                "type": "object",
                "properties": {"b": {}},
                "required": ["a", "b"],
                "additionalProperties": {"type": "null"},
            },
            {
                "type": "object",
                "properties": {"b": {}, "a": {"type": "null"}},
                "required": ["a", "b"],
                "additionalProperties": {"type": "null"},
            },
        ),
        (string(maxLength=9.0), string(maxLength=9)),
        (string(maxLength=10**19), string()),
        ({"pattern": "^a$"}, {}),
        ({"maxLength": 9}, {}),
        ({"type": ["string", "null"], "maxLength": 9}, {"type": ["string", "null"]}),
        ({"type": "integer", "pattern": "^a$", "maxLength": 9}, {"type": "integer"}),
        ({"type": "string", "minimum": 1, "minItems": 1}, {"type": "string"}),
        ({"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 1}),
        ({"type": "number", "minimum": 1}, {"type": "number", "minimum": 1}),
        ({"type": "number", "maximum": 0.5}, {"type": "number", "maximum": 0.5}),
        (
            {"type": "integer", "minimum": 0.5, "maximum": 5.5},
            {"type": "integer", "minimum": 1, "maximum": 5},
        ),
        (
            {"type": "integer", "exclusiveMinimum": 0.5, "exclusiveMaximum": 5.0},
            {"type": "integer", "minimum": 1, "exclusiveMaximum": 5},
        ),
        ({"type": "integer", "maximum": 10**19}, {"type": "integer"}),
        (string(pattern="^(?=a)b$", maxLength=9), string(maxLength=9)),
        (string(pattern="^(?:a|bc)$"), string(pattern="^(a|bc)$")),
        # Classes by their ASCII characters; a hyphen and a caret where they are themselves.
        (string(pattern=r"^\d+\w$"), string(pattern="^[0-9]+[0-9A-Z_a-z]$")),
        (string(pattern=r"^[-\d^]+\-\/$"), string(pattern="^[0-9^-]+-/$")),
        (string(pattern=r"^[!#-\[\]-~]$"), string(pattern=r"^[!#-\[\]-~]$")),
        (string(pattern=r"^\x41\u00e9[.]$"), string(pattern=r"^Aé\.$")),
        (string(pattern="^a+?b{2}?$"), string(pattern="^a+b{2}$")),
        # What a grammar refuses, reads otherwise, or writes into the JSON as it is.
        *(
            (string(pattern=pattern), string())
            for pattern in (
                *(r"^\s$", r"^\S$", r"^\D$", r"^\W$", "^.$", "^[^a]$", "^[ -~]$", "^[!-/]$"),
                *(r"^\x22$", r"^\x5c$", r"^[\x00-a]$", r"^\0$", r"^\a$", r"^[\ud800-\udfff]$"),
                *(
                    "^a++$",
                    "^a*+$",
                    "^a?+$",
                    "^a{2}+$",
                    "^(?>a)$",
                    "^(?i:a)$",
                    "(?i)^a$",
                    "^(?=a)$",
                ),
                *("^(a|)$", "^()$", "^$", "^(a*)*$", "^(a?|b)+$", "^[[a]$", "^[a--]$", "^[^-]$"),
                *("^a{0}$", r"^a\Z", r"^a\b$", "^[a&&b]$", "^(", "^[a", "^*$", "^a**$", "^\\"),
                "^" + "(" * 900 + "a" + ")" * 900 + "$",
            )
        ),
        (string(pattern=r"^(a)\1$"), string()),
        (string(pattern=r"^\bword$"), string()),
        ({"allOf": [{"const": 1}]}, {"const": 1}),
        ({"allOf": [{"const": 1}, {"const": 2}]}, {}),
        ({"allOf": [{"const": 1}], "type": "integer"}, {"type": "integer"}),
        (
            {
                "$defs": {"a": {"const": 1}},
                "properties": {"x": {"allOf": [{"$ref": "#/$defs/a"}], "default": 1, "title": "X"}},
            },
            {"$defs": {"a": {"const": 1}}, "properties": {"x": {"$ref": "#/$defs/a"}}},
        ),
        (
            {
                "type": "object",
                "patternProperties": {"^x": {}},
                "additionalProperties": False,
            },
            {"type": "object"},
        ),
        ({"items": {"$id": "other", "type": "null"}}, {"items": {}}),
        (
            {"$defs": {"a/b": {}}, "items": {"$ref": "#/$defs/a/b"}},
            {"$defs": {"a/b": {}}, "items": {}},
        ),
        (
            {"type": "array", "minItems": 2, "maxItems": 2},
            {"type": "array", "minItems": 2, "maxItems": 2, "items": {}},
        ),
        (
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "null"}],
                "minItems": 2,
            },
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "null"}],
                "minItems": 2,
            },
        ),
        (
            {"prefixItems": [{"const": 1}], "items": False},
            {"prefixItems": [{"const": 1}], "items": False},
        ),
        (
            {"type": "array", "items": {"not": {}}, "minItems": 1, "uniqueItems": True},
            {"type": "array", "items": {}, "minItems": 1},
        ),
        (
            {"properties": {"minLength": {"const": 1}, "b": True}},
            {"properties": {"minLength": {"const": 1}, "b": {}}},
        ),
        ({"additionalProperties": {"type": "string"}}, {}),
        (
            {"type": "object", "additionalProperties": {"type": "string", "format": "date"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
        ),
        (
            {"anyOf": [{"type": "string", "title": "t"}, {"type": "null"}], "description": "d"},
            {"description": "d", "anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, {"anyOf": [{"const": 1}, {"const": 2}]}),
        ({"anyOf": [{"const": 1}, {"not": {}}]}, {}),
        ({"type": "object", "anyOf": [{"required": ["a"]}]}, {"type": "object"}),
        (
            {
                "$defs": {"a": {"type": "null", "title": "t"}},
                "items": {"$ref": "#/$defs/a", "x": 1},
            },
            {"$defs": {"a": {"type": "null"}}, "items": {"$ref": "#/$defs/a"}},
        ),
        ({"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}),
        ({"items": {"$ref": "#/$defs/gone"}}, {"items": {}}),
        ({"items": {"$ref": "http://x/y"}}, {"items": {}}),
        ({"$defs": {"a": {}}, "$ref": "#/$defs/a"}, {"$defs": {"a": {}}, "$ref": "#/$defs/a"}),
    ],
)
def test_portable(schema: dict[str, Any], sent: dict[str, Any]) -> None:
    """Only what every engine enforces is sent."""
    assert portable(schema) == sent


def test_plainly() -> None:
    """For a server that refused a schema: no bounds, no patterns, the structure as before."""
    schema = {
        "type": "array",
        "items": {"type": "string", "pattern": "^a$", "maxLength": 3},
        "minItems": 1,
    }
    plain = {"type": "array", "items": {"type": "string"}}
    assert portable(schema, plainly=True) == plain
    form = response_format("x", schema, plainly=True)
    assert form["json_schema"]["schema"] == plain


class Edit(BaseModel):
    """A reply as users of pydantic write it."""

    line: int = Field(ge=1)
    note: str | None = None
    span: tuple[int, int]
    tags: dict[str, int] = {}
    share: float = Field(default=0.5, ge=0, le=1)


def test_a_pydantic_model_survives() -> None:
    """Optional, tuple, dict and bounds reach the server; the title and the defaults do not."""
    sent = portable(Edit.model_json_schema())["properties"]
    assert sent["line"] == {"type": "integer", "minimum": 1}
    assert sent["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert sent["span"]["prefixItems"] == [{"type": "integer"}] * 2
    assert (sent["span"]["minItems"], sent["span"]["maxItems"]) == (2, 2)
    assert sent["tags"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert sent["share"] == {"type": "number", "minimum": 0, "maximum": 1}


CASES = json.loads((Path(__file__).parent / "recordings/grammars.json").read_text())
ASKED = {
    "SGLang, xgrammar": Grammar.XGRAMMAR,
    "vLLM, xgrammar": Grammar.XGRAMMAR,
    "SGLang, llguidance": Grammar.LLGUIDANCE,
    "SGLang, outlines": Grammar.OUTLINES,
}
# To outlines a part without a type is an object or an array, and an object has no further
# properties; nothing that is sent can help that.
UNTYPED = {
    "no type with maxLength",
    "no type with pattern",
    "no type with minimum",
    "allOf of two",
    "not",
    "required without properties",
    "required beyond properties",
    "additionalProperties schema beside properties",
    "boolean schema true",
    "empty schema",
    "$ref with escapes",
    "$ref with odd name",
}


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_what_is_sent_was_tried(case: dict[str, Any]) -> None:
    """Each grammar was asked for what calls send it: it takes it, and lets through what may be."""
    assert case["sent"].keys() == ASKED.keys()
    for engine, tried in case["sent"].items():
        assert portable(case["schema"], ASKED[engine]) == tried["schema"], engine
        if engine == "SGLang, outlines" and case["name"] in UNTYPED:
            assert tried["verdict"].startswith("forbids")
        else:
            assert tried["verdict"] in {"kept", "ignored"}, engine


def test_the_table_gains() -> None:
    """A known grammar is sent limits that an unknown one is not."""
    schema = {"type": "object", "properties": {"a": string(minLength=3, maxLength=9)}}
    assert portable(schema)["properties"]["a"] == string(maxLength=9)
    assert portable(schema, Grammar.XGRAMMAR) == schema
    schema = {"type": "object", "properties": {"a": string(format="email", maxLength=9)}}
    assert portable(schema, Grammar.XGRAMMAR)["properties"]["a"] == string(format="email")
    assert portable(schema, Grammar.OUTLINES)["properties"]["a"] == string(maxLength=9)


def test_outlines_is_sent_what_it_takes() -> None:
    """It refuses bounds of numbers, lists of types, and bounds beside a tuple."""
    assert portable(INTEGER | {"minimum": 1}, Grammar.OUTLINES) == INTEGER
    several = {"type": ["string", "null", "object"], "maxLength": 3, "required": ["a"]}
    assert portable(several, Grammar.OUTLINES) == {
        "anyOf": [
            string(maxLength=3),
            {"type": "null"},
            {"type": "object", "required": ["a"], "properties": {"a": {}}},
        ]
    }
    pair = {"type": "array", "prefixItems": [INTEGER, INTEGER]}
    assert portable(pair, Grammar.OUTLINES) == {"type": "array"}
    exact = portable(pair | {"minItems": 2, "maxItems": 2}, Grammar.OUTLINES)
    assert exact == pair


VALUES = [-1, 0, 1, 0.5, 1.5, 5, 6, 10**19, "", "a", "abc", None, True, [], [1], [1, "a"], {}]
VALUES += [{"a": 1}, {"a": "x"}, {"b": [None]}]
CLOSED = {"type": "object", "additionalProperties": False}
BOUND = st.integers(-3, 7) | st.floats(-3, 7) | st.just(10**19)
LEAF = st.one_of(
    st.builds(lambda low: {"type": "integer", "minimum": low}, BOUND),
    st.builds(lambda high: {"type": "integer", "exclusiveMaximum": high}, BOUND),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, BOUND),
    st.builds(lambda least: {"type": "array", "minItems": least}, st.integers(0, 3)),
    st.builds(lambda most: {"type": "string", "maxLength": most}, st.integers(0, 3)),
    st.builds(lambda most: {"maxLength": most, "pattern": "^a+$"}, st.integers(0, 3)),
    st.sampled_from([{"type": "null"}, {"const": 1}, {"enum": ["a", []]}, {}, True, {"not": {}}]),
)


@given(
    st.recursive(
        LEAF,
        lambda inner: st.one_of(
            st.builds(lambda several: {"anyOf": several}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda several: {"oneOf": several}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda one: {"type": "array", "items": one}, inner),
            st.builds(lambda one: {"type": "array", "prefixItems": [one]}, inner),
            st.builds(lambda one: {"type": "object", "additionalProperties": one}, inner),
            st.builds(lambda one: {"properties": {"a": one}, "required": ["a"]}, inner),
            st.builds(lambda several: {"allOf": several}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda one: {"patternProperties": {"a": one}, **CLOSED}, inner),
        ),
        max_leaves=6,
    )
)
def test_what_is_sent_is_looser_never_stricter(schema: Any) -> None:
    """Whatever meets the schema meets what is sent of it."""
    meets = Draft202012Validator({"allOf": [schema]})
    for grammar in Grammar:
        sent = Draft202012Validator(portable(schema if isinstance(schema, dict) else {}, grammar))
        for value in VALUES:
            assert sent.is_valid(value) or not meets.is_valid(value), (grammar, value)
