"""Undo for a text editor."""


class Text:
    """A text that can be changed and put back."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._undo: list[str] = []
        self._redo: list[str] = []

    def change(self, text: str) -> None:
        """Replace the text; what was undone cannot be done again then."""
        if text != self.text:
            self._undo.append(self.text)
            self._redo.clear()
            self.text = text

    def undo(self) -> bool:
        """Put back what was before the last change; False when there is nothing."""
        if not self._undo:
            return False
        self._redo.append(self.text)
        self.text = self._undo.pop()
        return True

    def redo(self) -> bool:
        """Do again what was undone last; False when there is nothing."""
        if not self._redo:
            return False
        self._undo.append(self.text)
        self.text = self._redo.pop()
        return True
