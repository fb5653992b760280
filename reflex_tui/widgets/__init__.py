"""What the panes and screens are made of.

``lines`` puts styled text into columns of exact width; nothing is ever read as markup. A
``Section`` draws ``lines(width)`` and holds what it shows in reactives, so that each can be tested
as text. ``log_view`` draws only the rows in sight, of a list as long as it likes; ``chart`` draws
latencies in braille; ``key_bar`` shows the keys that act here and now, as ``keymap`` reads
them from the user's ``keys.toml``.

A widget knows its data and its width, never another widget: panes pass things on.
"""
