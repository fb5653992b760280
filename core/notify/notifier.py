"""Gives notices to the user's command, beside whatever else goes on."""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from core.errors import ConfigError, NoHome
from core.files import make_private
from core.notify.own import own_notify
from core.settings.find import user_config_dir
from core.userdirs import in_demo, user_dir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.notify.notice import UserNotice
    from core.settings.model import Notify

logger = logging.getLogger(__name__)

# A command that hangs must not pile up.
_MOST_AT_ONCE = 4
# A short command of ours waits so long at its end for a notice that is under way.
_GRACE_S = 2.0
_at_once = threading.Semaphore(_MOST_AT_ONCE)
_under_way: set[threading.Thread] = set()


class Notifier:
    """Tells the user of what happens in one workspace; in the demo's it tells nobody."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def tell(self, notice: UserNotice) -> None:
        """Have the user's command told, without waiting for it; what goes wrong is logged."""
        self._begin(lambda _: notice)

    def tell_of_lapse(self, lapse: Callable[[float], UserNotice | None], name: str) -> None:
        """Likewise of a lapse, if there is one within the user's ``lapse_days``.

        No process of this user tells a second time of the one called ``name``.
        """
        self._begin(lapse, once=name)

    def _begin(self, found: Callable[[float], UserNotice | None], once: str = "") -> None:
        if not _at_once.acquire(blocking=False):
            logger.warning("a notice was dropped: %d others are waiting or running", _MOST_AT_ONCE)
            return
        thread = threading.Thread(target=self._tell, args=(found, once), name="notice", daemon=True)
        _under_way.add(thread)
        try:
            thread.start()
        except RuntimeError:  # the process is ending, or may have no more threads
            _under_way.discard(thread)
            _at_once.release()

    def _tell(self, found: Callable[[float], UserNotice | None], once: str) -> None:
        try:
            chosen = self._chosen()
            notice = found(chosen.lapse_days) if chosen else None
            if chosen is None or notice is None or (once and not _first_time(once)):
                return
            from core.notify.user_command import run_command  # loads what starts processes

            problem = run_command(
                chosen.command,
                notice.as_json(self._workspace),
                notice.environ(self._workspace),
                directory=user_config_dir(),
                timeout_s=chosen.timeout_s,
            )
            if problem:
                logger.warning("[notify] command: %s", problem)
        finally:
            _at_once.release()
            _under_way.discard(threading.current_thread())

    def _chosen(self) -> Notify | None:
        """The user's choice; None where nobody is to be told."""
        try:
            chosen = own_notify()
        except (ConfigError, NoHome) as error:
            logger.warning("nobody was told: %s", error)
            return None
        return chosen if chosen.command and not in_demo(self._workspace) else None


def _first_time(name: str) -> bool:
    """Whether no process of this user has asked so before; remembered in the state directory."""
    try:
        told = user_dir("state") / "told"
        make_private(told)
        file = told / hashlib.sha256(name.encode()).hexdigest()[:32]
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except (OSError, NoHome):
        return False  # told before, or nothing can be remembered: rather silent than every hour
    return True


@atexit.register
def _finish() -> None:
    """Give what is under way a moment, then end it: a command that hangs keeps nobody here."""
    if not _under_way:
        return
    ends = time.monotonic() + _GRACE_S
    with suppress(KeyboardInterrupt):
        for thread in list(_under_way):
            thread.join(max(0.0, ends - time.monotonic()))
    from core.notify.user_command import stop_all  # as above

    stop_all()
