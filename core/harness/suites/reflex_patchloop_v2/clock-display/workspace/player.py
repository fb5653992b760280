"""Time display of the audio player."""


def clock(seconds):
    """``M:SS``, or ``H:MM:SS`` from one hour on; fractions of a second are dropped."""
    if seconds < 0:
        return "-" + clock(-seconds)
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes}:{seconds:02d}"
    return f"{minutes}:{seconds:02d}"


def progress(position, length):
    """Both times, as in ``0:07 / 3:20``."""
    return f"{clock(position)} / {clock(length)}"
