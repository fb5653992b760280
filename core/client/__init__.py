"""One OpenAI-compatible server: a question asked once, answered whole or with one typed error.

``chat`` asks: it builds the request as the server takes it, with its ``schema``, makes an
``attempt`` under one wall-clock deadline, and checks what came. The bytes go through ``transport``
over ``wire``, which records when they arrived (``proxies`` where the environment names one);
``body`` decodes them without I/O; ``replies`` and ``toolcalls`` put the reply together and judge
whether it is whole. ``bounded`` checks schemas and parses large JSON where it can be ended.
``faults`` turns whatever goes wrong into one class of ``core.errors``.

Beside that, ``fetch`` makes one small GET; ``server`` reads from it which engine serves which
models, whether it is ready, and its load. ``backend`` holds the values of all of it.
"""
