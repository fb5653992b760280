"""Notes as they enter the inbox."""


def make_note(text, tags=()):
    """A note as a dict; its tags are the ones given, followed by ``inbox``."""
    return {"text": text.strip(), "tags": [*tags, "inbox"]}


def make_notes(texts):
    """Untagged notes, one a text; blank texts are left out."""
    return [make_note(text) for text in texts if text.strip()]
