"""The dashboard's colours: dark, light and the terminal's own; and which one the user chose."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from textual.theme import Theme

from core.files import read_state, write_private

if TYPE_CHECKING:
    from pathlib import Path

# Every theme gives these, and the panes use nothing else:
#   reflex, cloud       the two modes
#   muted, rule         what is read second, and lines
#   success, warning, error   a verdict, never without its word and glyph
DARK = Theme(
    name="reflex-dark",
    dark=True,
    primary="#4fd1b8",
    secondary="#8fa8f8",
    accent="#4fd1b8",
    success="#7fd58d",
    warning="#e8b45a",
    error="#f47c82",
    foreground="#d8dee6",
    background="#0f1318",
    surface="#151b22",
    panel="#1c242d",
    variables={
        "reflex": "#4fd1b8",
        "cloud": "#8fa8f8",
        "muted": "#8591a0",
        "rule": "#2a343f",
        "cursor": "#1d2a35",
        "footer-background": "#0f1318",
        "footer-key-foreground": "#4fd1b8",
        "footer-description-foreground": "#8591a0",
        "block-cursor-background": "#24404a",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "scrollbar": "#2f3b47",
        "scrollbar-hover": "#455463",
        "scrollbar-active": "#4fd1b8",
        "scrollbar-background": "#0f1318",
        "scrollbar-background-hover": "#0f1318",
        "scrollbar-background-active": "#0f1318",
        "border": "#4fd1b8",
        "border-blurred": "#2a343f",
    },
)
LIGHT = Theme(
    name="reflex-light",
    dark=False,
    primary="#0a7565",
    secondary="#3a55c4",
    accent="#0a7565",
    success="#1b7336",
    warning="#8f5b00",
    error="#bd2434",
    foreground="#1f262e",
    background="#fbfbf8",
    surface="#f2f3f0",
    panel="#e9ebe8",
    variables={
        "reflex": "#0a7565",
        "cloud": "#3a55c4",
        "muted": "#5d6874",
        "rule": "#d4d9dd",
        "cursor": "#e2eeea",
        "footer-background": "#fbfbf8",
        "footer-key-foreground": "#0a7565",
        "footer-description-foreground": "#5d6874",
        "block-cursor-background": "#cfe6df",
        "block-cursor-foreground": "#10161c",
        "block-cursor-text-style": "none",
        "scrollbar": "#c9d0d5",
        "scrollbar-hover": "#a9b3bb",
        "scrollbar-active": "#0a7565",
        "scrollbar-background": "#fbfbf8",
        "scrollbar-background-hover": "#fbfbf8",
        "scrollbar-background-active": "#fbfbf8",
        "border": "#0a7565",
        "border-blurred": "#d4d9dd",
    },
)
ANSI = Theme(
    name="reflex-ansi",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_blue",
    accent="ansi_cyan",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "reflex": "ansi_cyan",
        "cloud": "ansi_blue",
        "muted": "ansi_bright_black",
        "rule": "ansi_bright_black",
        "cursor": "ansi_default",
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "footer-key-foreground": "ansi_cyan",
        "footer-description-foreground": "ansi_bright_black",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_cyan",
        "border": "ansi_cyan",
        "border-blurred": "ansi_bright_black",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_cyan",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
    },
)
THEMES = (DARK, LIGHT, ANSI)


def derived(theme: Theme) -> dict[str, str]:
    """Our own variables for a theme that does not know them, such as Textual's built-in ones."""
    given = theme.to_color_system().generate()
    return {
        "reflex": given["accent"],
        "cloud": given["primary"],
        "muted": given["foreground-muted"],
        "rule": given["border-blurred"],
        "cursor": given["surface"],
    }


def user_state_file() -> Path:
    """Where the choice is kept: the user's own state directory; not created."""
    from platformdirs import user_state_path  # costs start-up where unused

    return user_state_path("speckit-reflex", appauthor=False) / "theme"


def remembered(file: Path, known: set[str]) -> str:
    """The theme chosen last, or the dark one."""
    try:
        name = read_state(file, limit=256).decode().strip()
    except (OSError, UnicodeDecodeError):
        return DARK.name
    return name if name in known else DARK.name


def remember(file: Path, name: str) -> None:
    """Keep the choice; a home that cannot be written only forgets it."""
    with contextlib.suppress(OSError):
        write_private(file, f"{name}\n")
