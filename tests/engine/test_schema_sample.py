"""The stand-in's samples: whatever it gives is an instance of the schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from core.client.schema import compiled
from core.client.string_formats import format_checker
from core.standin.answers import SENTENCE, Question, SampleAnswerer
from core.standin.sample import UnsampleableError, sample


def lengths(least: str, most: str, limit: int) -> st.SearchStrategy[dict[str, int]]:
    """A pair of bounds that agree, either of which may be absent."""
    pairs = st.tuples(st.integers(0, limit), st.integers(0, limit)).map(sorted)
    both = pairs.map(lambda pair: {least: pair[0], most: pair[1]})
    return st.one_of(st.just({}), both, st.integers(0, limit).map(lambda low: {least: low}))


def bounds(numbers: st.SearchStrategy[Any], gap: float) -> st.SearchStrategy[dict[str, Any]]:
    """Bounds between which there is at least one number of the kind."""
    low = st.sampled_from(["minimum", "exclusiveMinimum"])
    high = st.sampled_from(["maximum", "exclusiveMaximum"])
    one = st.builds(lambda key, value: {key: value}, st.one_of(low, high), numbers)
    both = st.builds(lambda k, m, a: {k: a, m: a + gap}, low, high, numbers)
    return st.one_of(st.just({}), one, both)


def objects(children: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that require some of their members, and now and then undeclared ones."""
    return st.builds(
        lambda properties, extra, closed: {
            "type": "object",
            "properties": properties,
            "required": [*list(properties)[::2], *([] if closed else extra)],
            "additionalProperties": not closed,
        },
        st.dictionaries(st.sampled_from("abcd"), children, max_size=4),
        st.lists(st.sampled_from(["more", "and more"]), unique=True),
        st.booleans(),
    )


SCALARS = st.one_of(
    st.just({}),
    st.just(True),  # noqa: FBT003  a schema
    st.just({"type": "null"}),
    st.just({"type": "boolean"}),
    st.builds(lambda value: {"const": value}, st.one_of(st.integers(), st.text(), st.none())),
    st.builds(lambda values: {"enum": values}, st.lists(st.text(), min_size=1, unique=True)),
    st.builds(lambda more: {"type": "string", **more}, lengths("minLength", "maxLength", 40)),
    st.builds(
        lambda more: {"type": "integer", **more},
        bounds(st.integers(-(10**6), 10**6), 20),
    ),
    st.builds(
        lambda more: {"type": "number", **more},
        bounds(st.floats(-1e6, 1e6), 0.25),
    ),
    st.builds(lambda kinds: {"type": kinds}, st.permutations(["string", "null", "integer"])),
)


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas made of others."""
    return st.one_of(
        objects(children),
        st.builds(
            lambda items, more: {"type": "array", "items": items, **more},
            children,
            lengths("minItems", "maxItems", 3),
        ),
        st.builds(lambda some: {"anyOf": some}, st.lists(children, min_size=1, max_size=3)),
        st.builds(lambda one: {"$defs": {"it": one}, "description": "unused"}, children),
    )


@given(st.recursive(SCALARS, containers, max_leaves=8))
def test_every_sample_is_an_instance(schema: Any) -> None:
    """Over the portable keywords and more, the sample is valid, and the same each time."""
    Draft202012Validator.check_schema(schema)
    found = sample(schema)
    Draft202012Validator(schema).validate(found)
    assert sample(schema) == found


def test_a_format_is_met() -> None:
    """A stand-in's reply meets the formats that replies are checked for."""
    for name in format_checker().checkers:
        schema = {"type": "string", "format": name}
        compiled(schema).validate(sample(schema))
        with pytest.raises(ValidationError):
            compiled(schema).validate("not ok")


@given(SCALARS)
def test_a_local_reference_is_followed(target: Any) -> None:
    """A definition is found through its JSON pointer, escapes included."""
    schema = {
        "$defs": {"a/b~c d": target},
        "type": "object",
        "properties": {"it": {"$ref": "#/$defs/a~1b~0c%20d", "description": "kept beside"}},
        "required": ["it"],
    }
    Draft202012Validator(schema).validate(sample(schema))


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"enum": []},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "pattern": "^(?!a)a$"},
        {"type": "string", "pattern": "("},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2},
        {"type": "number", "minimum": 3, "maximum": 2},
        {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "null"}},
        {"type": "array", "minItems": 100_000},
        {"required": ["a"], "properties": {}, "additionalProperties": False},
        {"required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.org/schema"},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"anyOf": [False, {"not": {}}]},
        {"type": "wrong"},
        {"type": "array", "minItems": "x"},
        {"type": "object", "required": ["a"], "patternProperties": {"(": True}},
        {"enum": 5},
        {"type": "string", "pattern": "^(a+)+$"},
        {"const": "a" * 60 + "!", "pattern": "^(a+)+$"},
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 9}}, "$ref": "#/$defs/a"},
        {"type": "array", "minItems": 99, "items": {"type": "array", "minItems": 99}},
        {"enum": [0] * 9, "not": {"enum": list(range(90_000))}},
    ],
)
def test_what_cannot_be_met_is_refused(schema: Any) -> None:
    """A contradiction, an endless schema, a foreign reference or none at all: at once an error."""
    with pytest.raises(UnsampleableError):
        SampleAnswerer().answer(Question("", schema))


def test_a_schema_thousands_of_levels_deep_is_refused() -> None:
    """Depth is an error like any other, not a crash."""
    schema: dict[str, Any] = {}
    for _ in range(20_000):
        schema = {"items": schema}
    with pytest.raises(UnsampleableError):
        SampleAnswerer().answer(Question("", schema))


def test_without_a_schema_it_says_what_it_is() -> None:
    """A plain question gets one honest sentence."""
    assert SampleAnswerer().answer(Question("hello", None)) == SENTENCE
