"""The embedded engine: llama.cpp's own server, from the ``xllamacpp`` wheel, as a child process.

It makes everything real (HTTP, streaming, constrained decoding, caching, failure) without a GPU or
a download at run time. ``local`` starts it and is what the child runs, ``weights`` finds and checks
the model file, ``hub`` fetches one from Hugging Face, and ``process`` is the child process of any
server of ours: a clean start, a clean stop, a log with an end, and nothing left behind.

A model file is untrusted: it is parsed in the child alone. Nothing imports ``xllamacpp`` before the
child serves.
"""
