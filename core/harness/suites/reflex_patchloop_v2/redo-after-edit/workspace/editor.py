"""Text with undo and redo."""


class Document:
    """A text and its history of changes."""

    def __init__(self, text=""):
        self.text = text
        self._undo = []
        self._redo = []

    def change(self, text):
        """Replace the text; the old one can be brought back with ``undo``."""
        self._undo.append(self.text)
        self.text = text

    def undo(self):
        """Take the last change back; False when there is none."""
        if not self._undo:
            return False
        self._redo.append(self.text)
        self.text = self._undo.pop()
        return True

    def redo(self):
        """Make the last undone change again; False when there is none."""
        if not self._redo:
            return False
        text = self._redo.pop()
        self.change(text)
        return True
