"""Notes as they enter the inbox."""


def make_note(text, tags=None):
    """A note as a dict; its tags are the ones given, followed by ``inbox``."""
    if tags is None:
        tags = []
    tags.append("inbox")
    return {"text": text.strip(), "tags": tags}


def make_notes(texts):
    """Untagged notes, one a text; blank texts are left out."""
    return [make_note(text) for text in texts if text.strip()]
