"""The schema, the prompts and the parser agree; hostile replies are refused in words."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import EditRejected
from core.fingerprint import PROMPTS
from core.patchloop.applying import apply
from core.patchloop.formats import (
    EditFormat,
    numbered,
    parse,
    schema,
)

FORMATS = [one for one in EditFormat if one not in {EditFormat.AUTO, EditFormat.FENCE}]
PORTABLE = {"type", "enum", "required", "additionalProperties", "properties", "items"}
PORTABLE |= {"minItems", "maxItems", "minimum"}
FIELDS: dict[EditFormat, dict[str, Any]] = {
    EditFormat.CODE: {"code": ["x"]},
    EditFormat.FUNCTION: {"function": "f", "code": ["def f(): pass"]},
    EditFormat.WHOLE_FILE: {"content": "x\n"},
    EditFormat.SEARCH_REPLACE: {"search": "a", "replace": "b"},
    EditFormat.LINE_RANGE: {"start": 1, "end": 1, "text": "b"},
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
texts = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(["```", "~~~", "a", "b", "", "\n", "\r\n", "\r", "\0", "\ud800"])).map(
        "".join
    ),
    st.just("a\n" * 50),
)
whole_numbers = st.integers(-3, 9) | st.integers()
edits = st.one_of(
    st.fixed_dictionaries({"path": texts | st.sampled_from(["m.py", "../x"]), "content": texts}),
    st.fixed_dictionaries({"path": st.just("m.py"), "code": st.lists(texts, max_size=3)}),
    st.fixed_dictionaries({"path": st.just("m.py"), "search": texts, "replace": texts}),
    st.fixed_dictionaries(
        {"path": st.just("m.py"), "start": whole_numbers, "end": whole_numbers, "text": texts}
    ),
    json_values,
)


@pytest.mark.parametrize("edit_format", FORMATS)
def test_schema_is_portable_and_takes_what_the_parser_takes(edit_format: EditFormat) -> None:
    """A reply in the form is valid and parses; an unknown path or key is neither."""
    found = schema(edit_format, ["m.py", "n.py"])
    jsonschema.Draft202012Validator.check_schema(found)
    used: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            used.update(key for key in node if key not in {"edits", "path", *FIELDS[edit_format]})
            for inner in node.values():
                walk(inner)

    walk(found)
    assert used <= PORTABLE
    good = {"edits": [{"path": "m.py", **FIELDS[edit_format]}]}
    jsonschema.validate(good, found)
    assert len(parse(edit_format, good)) == 1
    bads: tuple[dict[str, Any], ...] = (
        {"edits": [{"path": "x.py", **FIELDS[edit_format]}]},
        {"edits": [{"path": "m.py", **FIELDS[edit_format], "more": 1}]},
        {"edits": [{"path": "m.py"}]},
        {"edits": []},
        {"edits": good["edits"], "why": "because"},
    )
    for bad in bads:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, found)


@pytest.mark.parametrize("edit_format", FORMATS)
def test_the_example_in_the_prompt_is_in_the_form(edit_format: EditFormat) -> None:
    """The line that shows the form is itself a valid reply."""
    told = (PROMPTS / f"{edit_format.value}.txt").read_text(encoding="utf-8")
    line = next(row for row in told.split("\n") if row.startswith("{"))
    jsonschema.validate(json.loads(line), schema(edit_format, ["FILE"]))
    parse(edit_format, json.loads(line))


def test_auto_is_no_format_to_answer_in() -> None:
    """It must be resolved first; so must there be a file to edit."""
    for call in (
        lambda: schema(EditFormat.AUTO, ["m.py"]),
        lambda: parse(EditFormat.AUTO, {}),
        lambda: schema(EditFormat.FENCE, ["m.py"]),
        lambda: parse(EditFormat.FENCE, {}),
        lambda: schema(EditFormat.WHOLE_FILE, []),
    ):
        with pytest.raises(ValueError, match=r"auto|no file"):
            call()


def test_numbers_are_those_that_ranges_use() -> None:
    """A final newline is no further line."""
    assert numbered("a\n\nb\n") == "   1 | a\n   2 | \n   3 | b\n"
    assert numbered("a") == "   1 | a\n"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ({"edits": [], "x": 1}, "the one key"),
        ({"edits": {}}, "must be a list"),
        ({"edits": []}, "at least one"),
        ({"edits": [1]}, "Edit 1 must be an object"),
        ({"edits": [{"path": "m.py"}]}, '"path", "content", and no other'),
        ({"edits": [{"path": "m.py", "content": 1}]}, '"content" must be text'),
        ({"edits": [{"path": None, "content": ""}]}, '"path" must be text'),
        ({"edits": [{"path": "m.py", "content": "\0"}]}, "NUL"),
        (
            {"edits": [{"path": "m.py", "content": "\ud800"}]},
            r"'\\ud800', which is not a character",
        ),
        ({"edits": [{"path": "m.py", "content": "x" * 1_100_000}]}, "too long"),
        ({"edits": [{"path": "m.py", "content": "x"}] * 65}, "too many"),
    ],
)
def test_a_malformed_reply_is_refused_in_words(data: object, complaint: str) -> None:
    """Each says which edit and which key."""
    with pytest.raises(EditRejected, match=complaint):
        parse(EditFormat.WHOLE_FILE, data)


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_a_line_number_is_a_whole_number(value: object) -> None:
    """True is not 1, and neither is 1.0."""
    row = {"path": "m.py", "start": value, "end": 1, "text": ""}
    with pytest.raises(EditRejected, match='"start" must be a whole number'):
        parse(EditFormat.LINE_RANGE, {"edits": [row]})


@given(
    st.sampled_from(FORMATS),
    st.one_of(json_values, st.fixed_dictionaries({"edits": st.lists(edits, max_size=4)})),
    st.dictionaries(st.just("m.py"), texts),
)
def test_hostile_replies_raise_nothing_but_edit_rejected(
    edit_format: EditFormat, data: object, files: dict[str, str]
) -> None:
    """Whatever arrives is applied or refused, and what is applied can be written as UTF-8."""
    files = {path: text.replace("\ud800", "") for path, text in files.items()}
    try:
        result = apply(files, parse(edit_format, data), ["m.py"])
    except EditRejected:
        return
    assert set(result.files) == {"m.py"}
    assert result.files["m.py"].encode() != files.get("m.py", "\0").encode()
    assert result.diff


@pytest.mark.slow
def test_a_hint_is_not_sought_without_end() -> None:
    """A search text of one huge line in a file of many is refused as any other."""
    long = "".join("x" * 100 + f"{i}\n" for i in range(20_000))
    row = {"path": "m.py", "search": "x" * 90 + "y" * 500_000, "replace": ""}
    edits = parse(EditFormat.SEARCH_REPLACE, {"edits": [row]})
    with pytest.raises(EditRejected, match="not in the file") as caught:
        apply({"m.py": long}, edits, ["m.py"])
    assert len(str(caught.value)) < 1000
