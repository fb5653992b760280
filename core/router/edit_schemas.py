"""What a pass says of the schemas of edit replies: as asked for, and as grammars are sent them.

What a server's grammar does not take is left out of a schema (``core.client.portable``). Where we
come to send one more of it or less, its replies may change, though no schema has.
"""

from __future__ import annotations

import hashlib
import json

from core.client.keywords import Grammar
from core.client.portable import portable
from core.fingerprint import SCHEMAS, tree_hash


def edit_schemas_hash() -> str:
    """``sha256:…`` over the schemas and what each grammar is sent of them."""
    digest = hashlib.sha256(tree_hash(SCHEMAS).encode())
    for path in sorted(SCHEMAS.glob("*.json")):
        asked = json.loads(path.read_text(encoding="utf-8"))
        for grammar in Grammar:
            digest.update(json.dumps(portable(asked, grammar), sort_keys=True).encode())
    return f"sha256:{digest.hexdigest()}"
