"""The wire formats that an agent may speak; pure: no I/O, nothing of the ``serve`` extra.

A dialect reads an agent's request into an ``AgentCall`` (``call``), whose ``ChatRequest`` is what
the router works with, and writes an answer, its deltas, its pings and its errors in its own words.
``chat`` is OpenAI's Chat Completions; ``responses`` and ``messages`` are OpenAI's and Anthropic's
newer APIs, with ``responses_events`` and ``messages_events`` for their answers. They share
``turns`` (calls and their results in order), ``tools`` (names that a chat model may be offered),
``blocks`` (deltas put in sequence) and ``refusals`` (errors). What a translation leaves out is
named in the call, never dropped silently.
"""
