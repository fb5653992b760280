"""The wire formats that an agent may speak; pure: no I/O, nothing of the ``serve`` extra.

A dialect reads an agent's request into the client's neutral ``ChatRequest``, and writes an answer,
its deltas and its errors in that dialect's own words. ``chat`` is OpenAI's Chat Completions. What a
request holds that cannot be honoured is refused by name, never dropped.
"""
