"""An OpenAI-compatible API in front of the router, for agents whose base URL can be set.

A request comes in through ``connections`` (a cap, a deadline for heads) and ``server`` (uvicorn, a
graceful end), passes ``security`` (this machine, no web page, the token) and reaches a route of
``app``. ``relay`` reads its body, lets ``dialects`` turn it into the router's request, and sends
the answer as it may be sent: a local server's when it is whole and valid, a cloud's as it comes.
``runs`` gives each call the Implementer of the configuration as it is now; ``metrics`` counts.

``dialects`` are pure: they read and word requests, answers and errors. The rest, except ``runs``
and ``security``, needs the ``serve`` extra: starlette, uvicorn, httptools, prometheus-client.
"""
