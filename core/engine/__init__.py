"""Servers that this package starts itself: embedded llama.cpp, and the scripted stand-in.

``core.engine.local.start_engine`` and ``core.standin.server.start_scripted`` each return a
running ``core.engine.process.ServerProcess``. Nothing here imports ``xllamacpp``.
"""
