"""An OpenAI-compatible API in front of the router, for agents whose base URL can be set.

Only ``app`` and ``server`` need the ``serve`` extra (starlette, uvicorn, prometheus-client).
"""
