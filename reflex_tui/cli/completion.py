"""``completion``: prints a script that completes this command line in bash, zsh or fish.

The scripts are made from an outline of the command line, its commands and options as data; the
reference is made from the same. ``code`` is also an editor's command: unless ``reflex`` follows,
the completion that ``code`` had before is used.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from shlex import quote
from string import Template
from typing import TYPE_CHECKING, Literal

from reflex_tui.cli.kinds import path
from reflex_tui.cli.parser import build_parser

if TYPE_CHECKING:
    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    completion = commands.add(
        "completion",
        run,
        "completion bash",
        "completion fish | source",
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="your shell")


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


_BASH = Template("""\
# Completes code reflex and speckit-reflex in bash: eval "$$(code reflex completion bash)"
_reflex() {
    local cur=$${COMP_WORDS[COMP_CWORD]} before=$${COMP_WORDS[COMP_CWORD-1]} at=1
    local IFS=$$'\\n' path= words= paths= word
    if [[ $${COMP_WORDS[0]##*/} == code ]]; then
        at=2
        if [[ $$COMP_CWORD == 1 || $${COMP_WORDS[1]} != reflex ]]; then
            if [[ -n $$_reflex_editor ]]; then "$$_reflex_editor" "$$@"
            else COMPREPLY=($$(compgen -f -- "$$cur")); fi
            [[ $$COMP_CWORD == 1 && reflex == "$$cur"* ]] && COMPREPLY+=(reflex)
            return 0
        fi
    fi
    for word in "$${COMP_WORDS[@]:at:COMP_CWORD-at}"; do
        case "$$path $$word" in
        $paths) path="$${path:+$$path }$$word" ;;
        esac
    done
    [[ $$cur == = ]] && cur=
    [[ $$before == = ]] && before=$${COMP_WORDS[COMP_CWORD-2]}
    case "$$path:$$before" in
$values
    *) case "$$path" in
$commands
        esac ;;
    esac
    COMPREPLY=($$(IFS=' '; compgen -W "$$words" -- "$$cur"))
    [[ -z $$paths ]] && return 0
    COMPREPLY+=($$(compgen "$$paths" -- "$$cur"))
    compopt -o filenames 2>/dev/null || true
}
_reflex_editor=$$(complete -p code 2>/dev/null | sed -n 's/.* -F \\([^ ]*\\) .*/\\1/p')
[[ $$_reflex_editor == _reflex ]] && _reflex_editor=
complete -F _reflex code speckit-reflex
""")

_ZSH = Template("""\
#compdef code speckit-reflex
# Completes code reflex and speckit-reflex in zsh, after compinit:
#   eval "$$(code reflex completion zsh)"
_reflex() {
    local at=2 place command word
    if [[ $${words[1]:t} == code ]]; then
        if [[ $$CURRENT == 2 || $${words[2]} != reflex ]]; then
            [[ $$CURRENT == 2 ]] && compadd reflex
            if (( $$+functions[_code] )); then _code "$$@"; else _default; fi
            return
        fi
        at=3
    fi
    for (( place = at; place < CURRENT; place++ )); do
        word=$${words[place]}
        case "$$command $$word" in
        $paths) command="$${command:+$$command }$$word"; at=$$(( place + 1 )) ;;
        esac
    done
    shift $$(( at - 2 )) words; (( CURRENT -= at - 2 ))
    case "$$command" in
$commands
    esac
}
compdef _reflex code speckit-reflex
""")

_FISH = Template("""\
# Completes code reflex and speckit-reflex in fish: code reflex completion fish | source
function __reflex_at
    set -l typed (commandline -opc)
    if test (string replace -r '.*/' '' -- $$typed[1]) = code
        test "$$typed[2]" = reflex; or return 1
        set -e typed[1]
    end
    set -l path
    for word in $$typed[2..]
        contains -- (string join -- ' ' $$path $$word) $paths; and set -a path $$word
    end
    test "$$path" = "$$argv[1]"
end
complete -c code -n 'test (count (commandline -opc)) -eq 1' -a reflex
for program in code speckit-reflex
$lines
end
""")


def bash(root: Outline) -> str:
    """The script for bash, 3.2 and newer."""
    values, commands = [], []
    for command in root.walk():
        for one in command.options:
            # A value that may be left out is a number: the options are worth more.
            if one.value != "none" and not one.optional:
                cases = "|".join(quote(f"{command.name}:{flag}") for flag in one.flags)
                values.append(f"    {cases}) {_bash_value(one)} ;;")
        words = quote(" ".join([*command.words, *_flags(command)]))
        paths = "; paths=-f" if any(one.value == "file" for one in command.positionals) else ""
        commands.append(f"        {quote(command.name)}) words={words}{paths} ;;")
    return _BASH.substitute(
        paths=_cases(root), values="\n".join(values), commands="\n".join(commands)
    )


def zsh(root: Outline) -> str:
    """The script for zsh."""
    commands = [f"    {quote(one.name)}) _arguments -s {_zsh(one)} ;;" for one in root.walk()]
    return _ZSH.substitute(paths=_cases(root), commands="\n".join(commands))


def fish(root: Outline) -> str:
    """The script for fish."""
    lines = [line for command in root.walk() for line in _fish_lines(command)]
    names = " ".join(quote(one.name) for one in root.walk()[1:])
    return _FISH.substitute(paths=names, lines="\n".join(lines))


def _flags(command: Outline) -> list[str]:
    return [flag for one in command.options for flag in one.flags]


def _cases(root: Outline) -> str:
    """A pattern for ``PATH WORD`` where that is a command."""
    return "|".join(quote(f"{' '.join(one.path[:-1])} {one.path[-1]}") for one in root.walk()[1:])


def _bash_value(one: Argument) -> str:
    if one.value == "words":
        return f"words={quote(' '.join(one.words))}"
    return {"file": "paths=-f", "directory": "paths=-d"}.get(one.value, "return 0")


def _zsh(command: Outline) -> str:
    specs = []
    for one in command.options:
        specs += [f"{flag}[{_zsh_text(one.does)}]{_zsh_value(one)}" for flag in one.flags]
    if command.actions:
        named = [f"{one.path[-1]}\\:{quote(_zsh_text(one.does))}" for one in command.actions]
        specs.append(f":command:(({' '.join(named)}))")
    specs += [f"*{_zsh_value(one)}" for one in command.positionals]
    return " ".join(map(quote, specs))


def _zsh_value(one: Argument) -> str:
    kinds = {"words": f"({' '.join(one.words)})", "file": "_files", "directory": "_files -/"}
    colons = "::" if one.flags and one.optional else ":"
    return "" if one.value == "none" else f"{colons}{one.metavar}:{kinds.get(one.value, ' ')}"


def _zsh_text(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\[]:" else char for char in text)


def _fish_lines(command: Outline) -> list[str]:
    begin = f"    complete -c $program -n {quote(f'__reflex_at {quote(command.name)}')}"
    described = [(f"-f -a {one.path[-1]}", one.does) for one in command.actions]
    described += [(_fish_argument(one), one.does) for one in command.arguments]
    return [f"{begin} {what} -d {quote(does)}" for what, does in described]


def _fish_argument(one: Argument) -> str:
    flags = [f"-l {flag[2:]}" if flag[1] == "-" else f"-s {flag[1:]}" for flag in one.flags]
    words = f"-a {quote(' '.join(one.words))}"
    if not flags:
        return {"words": f"-f {words}", "file": "-F"}.get(one.value, "-f")
    if one.optional:
        return " ".join([*flags, "-f"])
    kinds = {"words": f"-x {words}", "text": "-x", "none": "-f"}
    return " ".join([*flags, kinds.get(one.value, "-r -F")])


_SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}


def run(arguments: argparse.Namespace) -> int:
    """Print the script for the shell that was named."""
    print(_SCRIPTS[arguments.shell](outline(build_parser("code reflex"))), end="")
    return 0
