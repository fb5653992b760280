"""The command line as data: what completion scripts and the reference are made from."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Literal

from reflex_tui.cli.arguments.kinds import path


@dataclass(frozen=True, slots=True)
class Argument:
    """An option, or a positional: then ``flags`` is empty.

    ``value`` is what it takes: nothing, one of ``words``, a file, a directory, or any text;
    ``metavar`` is how the help calls that, ``optional`` says that it may be left out.
    """

    flags: tuple[str, ...]
    does: str
    value: Literal["none", "words", "file", "directory", "text"]
    words: tuple[str, ...] = ()
    metavar: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """A command: its ``path`` (empty for the whole command line), arguments and actions.

    ``about`` is the description, ``examples`` what follows the arguments in the help.
    """

    path: tuple[str, ...]
    does: str
    about: str
    examples: str
    arguments: tuple[Argument, ...]
    actions: tuple[Outline, ...]

    @property
    def name(self) -> str:
        """``events export``."""
        return " ".join(self.path)

    def walk(self) -> list[Outline]:
        """This command and all below it, in the order of the help."""
        return [self, *(each for action in self.actions for each in action.walk())]

    @property
    def options(self) -> tuple[Argument, ...]:
        """The arguments that begin with a dash."""
        return tuple(one for one in self.arguments if one.flags)

    @property
    def positionals(self) -> tuple[Argument, ...]:
        """The arguments that do not."""
        return tuple(one for one in self.arguments if not one.flags)

    @property
    def words(self) -> tuple[str, ...]:
        """What may come next beside options: actions, and what a positional may be."""
        own = [word for one in self.positionals for word in one.words]
        return (*(action.path[-1] for action in self.actions), *own)


def outline(parser: argparse.ArgumentParser, path: tuple[str, ...] = (), does: str = "") -> Outline:
    """What ``parser`` takes; argparse has no public way to be read."""
    arguments: list[Argument] = []
    actions: list[Outline] = []
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
            actions += [
                outline(each, (*path, name), helps[name]) for name, each in action.choices.items()
            ]
        else:
            arguments.append(_argument(action))
    return Outline(
        path, does, parser.description or "", parser.epilog or "", tuple(arguments), tuple(actions)
    )


def _argument(action: argparse.Action) -> Argument:
    flags = tuple(action.option_strings)
    does = (action.help or "") % {"default": action.default}
    optional = action.nargs in {"?", "*"}
    if action.choices is not None:
        words = tuple(map(str, action.choices))
        return Argument(flags, does, "words", words, "|".join(words), optional)
    if action.nargs == 0:
        return Argument(flags, does, "none")
    metavar = str(action.metavar or action.dest.upper())
    if metavar == "DIR":
        return Argument(flags, does, "directory", (), metavar, optional)
    file = action.type is path or "PATH" in metavar
    return Argument(flags, does, "file" if file else "text", (), metavar, optional)
