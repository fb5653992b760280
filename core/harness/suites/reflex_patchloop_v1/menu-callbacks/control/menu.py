"""Builds the callbacks behind a text menu."""


def build_menu(labels, on_select):
    """Map each label to a callback without arguments.

    Calling it runs ``on_select(position, label)``; positions count from 1.
    """
    menu = {}
    for position, label in enumerate(labels, start=1):
        menu[label] = lambda label=label: on_select(position, label)
    return menu
