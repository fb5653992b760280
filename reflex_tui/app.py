"""The application: settings, watchers, themes and commands put together around the dashboard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.actions import SkipAction
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.theme import BUILTIN_THEMES

from core.clock import Clock, SystemClock
from core.plain import plain, plain_block
from reflex_tui import bugs, terminal, theme
from reflex_tui.bugs import SturdyApp
from reflex_tui.model.slash import COMMANDS, SlashCall
from reflex_tui.panes.health import HealthPane
from reflex_tui.screens.dashboard import Dashboard
from reflex_tui.watch.announcements import (
    CommandWanted,
    ConfigBroken,
    ConfigRead,
    CopyWanted,
    LookWanted,
    NoticeCame,
)
from reflex_tui.widgets.refusing import why_refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from textual.binding import BindingType
    from textual.content import Content
    from textual.notifications import SeverityLevel
    from textual.screen import Screen
    from textual.theme import Theme

    from core.errors import ConfigError
    from core.settings import Settings
    from reflex_tui.watch.announcements import PreferencesChanged
    from reflex_tui.watch.archive import Question
    from reflex_tui.watch.on_disk import ConfigWatcher
    from reflex_tui.watch.threads import WorkspaceWatchers

_HUNG_UP = 129  # as a shell tells of SIGHUP
_LOOKED_AT_EVERY_S = 2.0
# A first look that takes longer waits for the server, and the other panes need not.
_FIRST_LOOK_S = 0.3
_TOLD_S = 14
_WHY_S = 4
_PICTURE = "Screenshot"  # as Textual names its command

Beside = Callable[[Callable[[str], object]], AbstractContextManager[object]]


class ReflexApp(SturdyApp):
    """The dashboard over one workspace.

    ``settings`` may be None: they are then read by ``read`` after the first paint, and what is
    wrong with them is shown. With ``watch`` it sees the workspace by itself; without, only what is
    posted to it, as tests do.
    """

    TITLE = "Reflex"
    CSS_PATH = "reflex_tui.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority, as a dialog keeps all other keys from the application.
        Binding(
            "ctrl+c", "interrupt", "Quit from anywhere", show=False, priority=True, id="interrupt"
        ),
    ]

    def __init__(
        self,
        settings: Settings | None,
        *,
        read: Callable[[], Settings] | None = None,
        clock: Clock | None = None,
        watch: bool = True,
        theme_file: Path | None = None,
        keymap_file: Path | None = None,
        beside: Beside | None = None,
    ) -> None:
        self._theme_file = theme_file or theme.user_state_file()
        # Before Textual reads its styles with it: set afterwards, it reads all of them twice.
        self.set_reactive(App.theme, theme.remembered(self._theme_file, set(self.available_themes)))
        super().__init__(self._theme_file.with_name(bugs.NAME))
        self._beside = beside
        self._entered = ExitStack()
        self.settings = settings
        self._read = read or partial(_read_again, settings)
        self._clock = clock or SystemClock()
        self._watch = watch
        self._watchers: WorkspaceWatchers | None = None
        self._config: ConfigWatcher | None = None
        self.dashboard = Dashboard(self.settings, self._clock)
        self._keymap_file = keymap_file
        self.keymap: Mapping[str, str] = {}

    def get_default_screen(self) -> Screen[None]:
        """The dashboard is the screen that is always there."""
        return self.dashboard

    @property
    def available_themes(self) -> dict[str, Theme]:
        """Textual's themes and ours."""
        return BUILTIN_THEMES | {each.name: each for each in theme.THEMES}

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables for themes that are not ours."""
        mine = self.current_theme in theme.THEMES
        return {} if mine else theme.derived(self.current_theme)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The slash commands, in the palette as well, and Textual's screenshot."""
        for command in COMMANDS:
            yield SystemCommand(
                command.name.capitalize(),
                command.does,
                partial(self._run_command, SlashCall(command)),
            )
        yield from (each for each in super().get_system_commands(screen) if each.title == _PICTURE)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # noqa: ARG002  names of files and models are in what is said
    ) -> None:
        """As Textual's, but never read as markup."""
        shown = plain_block(message, 2000)
        super().notify(shown, title=title, severity=severity, timeout=timeout, markup=False)

    def on_mount(self) -> None:
        """Remember themes chosen from now on; leave when nobody can see it any more."""
        if not self.is_headless:
            self.set_interval(_LOOKED_AT_EVERY_S, self._leave_when_alone)
        self.theme_changed_signal.subscribe(
            self, lambda chosen: theme.remember(self._theme_file, chosen.name)
        )

    def on_dashboard_painted(self) -> None:
        """There is a picture: look at the server, which is what it is opened for, and then load."""
        if not self._watch:
            self.dashboard.complete()
            return
        from reflex_tui.watch.on_disk import ConfigWatcher  # not for the first paint
        from reflex_tui.watch.settings_reader import loading  # as above

        self.set_timer(_FIRST_LOOK_S, self.dashboard.complete)
        self._config = ConfigWatcher(self.settings, self.post_message, loading(self._read))
        self._config.start()
        if self.settings is not None:
            self._begin()

    def on_dashboard_ready(self) -> None:
        """All panes are there: watch what they show."""
        from reflex_tui.model import preferences  # not for the first paint

        if not self.is_headless:  # a process of its own
            terminal.collect_garbage_in_small_steps()
        self._use_keymap()
        kept = self._theme_file.with_name(preferences.NAME)
        self.dashboard.routing.preferences = preferences.preferred(kept)
        if self._beside is not None:
            self._entered.enter_context(self._beside(self._told_beside))
        if not self._watch:
            return
        if self._watchers is not None:
            self._watchers.follow()

    async def action_interrupt(self) -> None:
        """Leave, whatever is open; where text is selected the key copies that."""
        selected = getattr(self.focused, "selected_text", "") or self.screen.get_selected_text()
        if selected:
            raise SkipAction
        await self.action_quit()

    async def action_quit(self) -> None:
        """Leave; asked once before a bakeoff under way is stopped by that."""
        if self.dashboard.is_whole and self.dashboard.bakeoff.asks_before(self.exit):
            return
        self.exit()

    async def on_unmount(self) -> None:
        """Let the threads end."""
        await asyncio.to_thread(self._entered.close)
        if self._config is not None:
            self._config.stop()
            self._config.join()
        if self._watchers is not None:
            self._watchers.stop()

    def on_config_read(self, message: ConfigRead) -> None:
        """The file changed and is good: in force from now on."""
        before, self.settings = self.settings, message.settings
        self.dashboard.use(message.settings)
        closed = self._close_broken()
        if (
            self._watchers is None
            or before is None
            or before.state_dir != message.settings.state_dir
        ):
            self._begin()
        else:
            self._watchers.routing_view.use(message.settings)
            self._watchers.windows.use(message.settings)
        if before is None and not closed:
            return
        path = message.settings.source.path
        from core.settings.policy import PolicySnapshot  # not for the first paint

        name = plain(path.name, 80) if path else "The built-in defaults"
        policy = PolicySnapshot.capture(message.settings, self._clock).policy_hash[:19]
        self.notify(f"{name}: in force, as policy {policy}", title="Configuration read")

    def on_config_broken(self, message: ConfigBroken) -> None:
        """The file changed and cannot be used: the last good one stays."""
        self.dashboard.complete()
        self._show_broken(message.error)

    def on_look_wanted(self, message: LookWanted) -> None:
        """Look at the server now."""
        if message.deep:
            self.dashboard.query_one(HealthPane).show_generating()
        if self._watchers is not None:
            self._watchers.routing_view.look_now(deep=message.deep)

    def _ask_archive(self, message: Question) -> None:
        if self._watchers is not None:
            self._watchers.archive.ask(message)

    on_calls_wanted = on_count_wanted = on_page_wanted = on_time_wanted = _ask_archive
    on_quick_count_wanted = on_order_wanted = on_sessions_wanted = _ask_archive

    def on_preferences_changed(self, message: PreferencesChanged) -> None:
        """Keep how the user arranged the routing log."""
        from reflex_tui.model import preferences  # as above

        preferences.keep(self._theme_file.with_name(preferences.NAME), message.preferences)

    def on_copy_wanted(self, message: CopyWanted) -> None:
        """To the clipboard; what is too long for it goes to a file."""
        from reflex_tui import terminal as clipboard  # not for the first paint

        if clipboard.fits(message.text):
            self.copy_to_clipboard(message.text)
            self.notify(f"Copied {message.what}", timeout=2)
            return
        try:
            path = clipboard.to_file(message.text)
        except OSError as error:
            self.notify(
                f"Too long for the clipboard; writing a file failed: {error.strerror}",
                severity="error",
            )
        else:
            self.notify(f"Too long for the clipboard; written to {path}", timeout=10)

    async def on_notice_came(self, message: NoticeCame) -> None:
        """Say what happened; to who looks elsewhere the terminal says it too."""
        from reflex_tui.model.notices import SEVERITIES, osc9  # rare

        notice = message.notice
        self.notify(
            notice.text,
            title=notice.title,
            severity=SEVERITIES[notice.event],
            timeout=_TOLD_S,
        )
        if not self.app_focus and await asyncio.to_thread(_rings):
            self.bell()
            self.to_terminal(osc9(notice))

    def to_terminal(self, sequence: str) -> None:
        """Write an escape sequence that draws nothing; as ``bell`` does it."""
        if not self.is_headless and self._driver is not None:
            self._driver.write(sequence)

    def on_command_wanted(self, message: CommandWanted) -> None:
        """Run a slash command."""
        self._run_command(message.call)

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:  # noqa: FBT001, FBT002
        """As Textual's; a key that has something to do, but not now, says why it does not."""
        if words := why_refused(self.screen, key, priority=priority):
            self.notify(words, timeout=_WHY_S)
            done = True
        else:
            done = await super()._check_bindings(key, priority)
        if not priority:
            self.dashboard.early.done()
        return done

    def _told_beside(self, words: str) -> None:
        """What goes on beside has something to say; called from its thread."""
        self.call_from_thread(self.notify, words, title="Demo", timeout=_TOLD_S)

    def _leave_when_alone(self) -> None:
        if terminal.is_gone():
            self.exit(return_code=_HUNG_UP)

    def _use_keymap(self) -> None:
        """Let the user's own keys count, and say once what of them cannot be used."""
        from reflex_tui.widgets import keymap  # not for the first paint

        file = self._keymap_file = self._keymap_file or keymap.keymap_file()
        if not file.exists():
            return
        found = keymap.read_keymap(file, every_binding())
        self.keymap = found.keys
        self.set_keymap(dict(found.keys))
        if found.problems:
            self.notify(found.summary(), title=f"Keys: {file.name}", severity="warning", timeout=20)

    def _begin(self) -> None:
        from reflex_tui.watch.threads import WorkspaceWatchers  # not for the first paint

        if self._watchers is not None:
            self._watchers.stop()
            self._watchers = None
        assert self.settings is not None
        self._watchers = WorkspaceWatchers(
            self.settings, self.dashboard.post_message, clock=self._clock
        )
        self._watchers.start()
        if self.dashboard.is_whole:
            self._watchers.follow()

    def _show_broken(self, error: ConfigError) -> None:
        from reflex_tui.screens.broken_config import BrokenConfigScreen  # rare

        if isinstance(self.screen, BrokenConfigScreen):
            self.screen.say(error)
        else:
            self.push_screen(BrokenConfigScreen(error, in_force=self.settings is not None))

    def _close_broken(self) -> bool:
        from reflex_tui.screens.broken_config import BrokenConfigScreen  # rare

        if not isinstance(self.screen, BrokenConfigScreen):
            return False
        self.screen.dismiss()
        return True

    def _run_command(self, call: SlashCall) -> None:
        while self.screen is not self.dashboard:
            self.pop_screen()
        match call.command.name:
            case "health":
                self.dashboard.action_pane("health")
                self.post_message(LookWanted(deep=call.argument == "--deep"))
            case "models" | "status" | "check" | "help" as name:
                self._open(name)
            case "savings":
                self._open_savings()
            case "probe":
                self.post_message(LookWanted())
            case "theme":
                self._choose_theme(call.argument)
            case "quit":
                self.call_later(self.action_quit)
            case _:
                from reflex_tui.screens.pane_commands import run_command  # as above

                run_command(self.dashboard, call)

    def _open_savings(self) -> None:
        from reflex_tui.screens.savings import SavingsScreen  # as above

        if self.settings is None:
            self.notify("There is no usable configuration yet", severity="warning")
        else:
            self.push_screen(SavingsScreen(self.settings))

    def _choose_theme(self, wanted: str) -> None:
        """That theme, or ask for one; ``dark`` is ours, as are ``light`` and ``ansi``."""
        named = [name for name in (f"reflex-{wanted}", wanted) if name in self.available_themes]
        if named:
            self.theme = named[0]
            return
        if wanted:
            self.notify(f"no theme {plain(wanted, 40)!r}; choose one", severity="warning")
        self.action_change_theme()

    def _open(self, name: str) -> None:
        from reflex_tui.screens import pages  # as above
        from reflex_tui.widgets import keymap  # not for the first paint

        routing_view, settings = self.dashboard.routing_view, self.settings
        keys = pages.readable(
            (self.get_key_display(active.binding), active.binding.description, active.binding.id)
            for active in self.screen.active_bindings.values()
            if active.enabled and active.binding.id and active.binding.description
        )
        where = pages.places(settings, self._theme_file, self._keymap_file or keymap.keymap_file())
        built: dict[str, Callable[[int], list[Content]]] = {
            "models": partial(pages.models_page, routing_view),
            "check": partial(pages.check_page, routing_view, live=self.dashboard.live),
            "status": partial(
                pages.status_page,
                settings,
                routing_view,
                self.dashboard.live,
                no_evidence=self.dashboard.is_broken,
            ),
            "help": partial(pages.help_page, keys, where),
        }
        self.push_screen(pages.Sheet(name.capitalize(), built[name]))


def run(
    settings: Settings | None = None,
    *,
    read: Callable[[], Settings] | None = None,
    beside: Beside | None = None,
) -> int:
    """Open the dashboard; returns the exit status when it is left, 128 + n by a signal n.

    Args:
        settings: The configuration; None to have it read after the first paint, where what is
            wrong with it is shown until the file is fixed.
        read: How to read it, then and when it changes; by default as ``settings`` was found.
        beside: What is to go on while the dashboard is open, such as a demo's story: it is made
            with a way to say something there, entered once there is a picture, and left at its end.
    """
    app = ReflexApp(settings, read=read, beside=beside)
    asyncio.run(_run(app))
    return app.return_code or 0


async def _run(app: ReflexApp) -> None:
    """A signal ends it as the key does, so that the terminal is restored."""
    terminal.on_ending_signal(
        asyncio.get_running_loop(), lambda status: app.exit(return_code=status)
    )
    await app.run_async()


def every_binding() -> list[dict[str, str]]:
    """Each class's bindings, of the whole dashboard; imports all of it."""
    import importlib  # only who has a file of keys pays for it
    import pkgutil

    import reflex_tui
    from reflex_tui.widgets import keymap

    found: dict[type[DOMNode], None] = {ReflexApp: None}
    for package in ("panes", "screens", "widgets"):
        path = [f"{place}/{package}" for place in reflex_tui.__path__]
        for module in pkgutil.iter_modules(path, f"reflex_tui.{package}."):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, DOMNode):
                    found[value] = None
    return list(keymap.bindings_of(x for x in found if x.__module__.startswith("reflex_tui.")))


def _rings() -> bool:
    """Whether the user wants to hear of what happens; a broken file takes no bell away."""
    from core.errors import ConfigError
    from core.notify.own import own_notify  # rare

    try:
        return own_notify().bell
    except ConfigError:
        return True


def _read_again(settings: Settings | None) -> Settings:
    from core.settings import load_settings  # pydantic costs the first paint

    if settings is None or settings.source.path is None or settings.source.trusted:
        return load_settings()
    return load_settings(settings.source.path)
