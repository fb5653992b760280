"""The JSON Schema of reports, published as ``report.schema.json`` beside this module.

``python -m core.harness.report.json_schema`` writes it from the models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.harness.report.document import Report

PUBLISHED = Path(__file__).with_name("report.schema.json")


def report_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of what ``report.write`` writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Report.model_json_schema(),
        "title": "Reflex bakeoff report",
    }


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(report_schema(), indent=2) + "\n"


if __name__ == "__main__":
    PUBLISHED.write_text(schema_text(), encoding="utf-8")
