"""What to do about an unhealthy server, in lines that can be typed or pasted."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.client.server import Engine
from core.plain import plain
from core.router.condition import Cause
from core.router.hardware import has_gpu
from core.stages import PRIMARY, Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.client.backend import Backend

_SHOWN_MODELS = 5
_WITHOUT_GPU = (
    "No GPU here: start the embedded engine, which writes itself into the configuration. "
    "On a machine with a GPU: SGLang or vLLM."
)
_KNOWN_WEIGHTS = re.compile(r"qwen2\.5-coder-([0-9.]+)b-instruct", re.IGNORECASE)
# Both engines refuse what is over the limit at once. vLLM counts running requests too; 32 are four
# candidates of eight calls.
_SGLANG_GRAMMAR = "--grammar-backend xgrammar --constrained-json-disable-any-whitespace"
_VLLM_GRAMMAR = (
    """--structured-outputs-config '{"backend":"xgrammar","disable_any_whitespace":true}'"""
)
_SGLANG_TOOLS = "--tool-call-parser qwen"
_VLLM_TOOLS = "--enable-auto-tool-choice --tool-call-parser hermes"
_SGLANG_SWITCHES = (
    f"{_SGLANG_GRAMMAR} {_SGLANG_TOOLS} "
    "--schedule-policy lpm --max-queued-requests 32 --enable-metrics --enable-cache-report"
)
_VLLM_SWITCHES = (
    f"{_VLLM_GRAMMAR} {_VLLM_TOOLS} "
    "--enable-prompt-tokens-details --enable-force-include-usage --max-num-queued-reqs 32"
)
_LM_STUDIO_PORT = "1234"
_SENTENCES = {
    Cause.UNREACHABLE: "Check the network, and `endpoint` under {section} in stage0.toml.",
    Cause.UNRESOLVABLE: "Fix the host name of `endpoint` under {section} in stage0.toml.",
    Cause.TLS: (
        "If the server speaks plain HTTP, write http:// in `endpoint` under {section}; else its "
        "certificate must be one that this machine trusts ($SSL_CERT_FILE)."
    ),
    Cause.TIMEOUT: "It may be overloaded or hung: look at the server's log, and restart it.",
    Cause.NO_REPLY: (
        "The server's log says why it hung up; check the port, and http:// or https://, of "
        "`endpoint` under {section}."
    ),
    Cause.LOADING: "Wait until it has loaded its weights; its log says how far it is.",
    Cause.HTTP_ERROR: "Look at the server's log for what went wrong, and restart it.",
}


def remedy(  # noqa: PLR0911  one return a cause
    cause: Cause, backend: Backend, engine: Engine | None = None, models: Sequence[str] = ()
) -> tuple[str, ...]:
    """What to do about ``cause``: a sentence, then commands or lines of configuration.

    ``engine`` is what answers, where that is known; ``models`` are the ids it serves, safe to show.
    """
    if cause in _SENTENCES:
        return (_SENTENCES[cause].format(section=_section(backend)),)
    match cause:
        case Cause.NOT_LISTENING:
            return _start(backend)
        case Cause.UNAUTHORIZED:
            return _key(backend)
        case Cause.WRONG_PATH | Cause.NOT_OPENAI:
            return _address(backend)
        case Cause.NO_MODELS | Cause.MODEL_MISSING:
            return _model(backend, engine, models)
        case Cause.GENERATION_FAILED:
            return _grammar(engine, "does not generate JSON by a schema")
        case Cause.SCHEMA_REFUSED:
            return _grammar(engine, "refuses our own small schema")
        case Cause.ONLY_REASONING:
            return _reasoning(engine)
        case _:
            return ()


def shown(models: Sequence[str]) -> str:
    """Some of the ids in words: ``a, b, c, d, e and 7 more``."""
    text = ", ".join(models[:_SHOWN_MODELS])
    rest = len(models) - _SHOWN_MODELS
    return f"{text} and {rest} more" if rest > 0 else text


def _section(backend: Backend) -> str:
    if backend.mode is Mode.CLOUD:
        return "[cloud]"
    return "[reflex]" if backend.name == "reflex" else f"[reflex.backends.{plain(backend.name)}]"


def _start(backend: Backend) -> tuple[str, ...]:
    from core.settings.trust import is_loopback  # it reads the settings' model

    if not is_loopback(backend.endpoint):
        place = f"`endpoint` under {_section(backend)} in stage0.toml"
        return (f"Start the server at {backend.address}, or fix {place}.",)
    parts = urlsplit(backend.endpoint)
    host = "127.0.0.1" if parts.hostname in {None, "localhost"} else parts.hostname
    port = backend.address.rpartition(":")[2]
    # A project's file may have chosen the name, and the line is meant to be pasted into a shell.
    name = shlex.quote(plain(backend.model, 256))
    place = f"--served-model-name {name} --host {host} --port {port}"
    weights = _weights(backend.model)
    if port == _LM_STUDIO_PORT:
        return (
            "Start LM Studio's server, whose port this is, and load a model under that name:",
            f"lms server start --port {port}",
            f"lms load MODEL_KEY --identifier {name}",
            "lms ls",
        )
    if not has_gpu() and backend.name == PRIMARY:
        return (
            _WITHOUT_GPU,
            f"code reflex engine --port {port} --write",
            f"sglang serve --model-path {weights} {place} {_SGLANG_SWITCHES}",
            f"vllm serve {weights} {place} {_VLLM_SWITCHES}",
        )
    return (
        "Start it with SGLang, with vLLM, or as the embedded engine:",
        f"sglang serve --model-path {weights} {place} {_SGLANG_SWITCHES}",
        f"vllm serve {weights} {place} {_VLLM_SWITCHES}",
        f"code reflex engine --port {port}",
    )


def _weights(model: str) -> str:
    """The Hugging Face name behind a served name, where it is known."""
    if known := _KNOWN_WEIGHTS.fullmatch(model):
        return f"Qwen/Qwen2.5-Coder-{known[1]}B-Instruct"
    return shlex.quote(plain(model, 256)) if "/" in model else "HUGGINGFACE_NAME_OR_PATH"


def _known_to_lm_studio(models: Sequence[str]) -> str:
    """What ``lms load`` takes: the key of a model on disk, which is what its list shows."""
    return shlex.quote(models[0]) if len(models) == 1 else "MODEL_KEY"


def _key(backend: Backend) -> tuple[str, ...]:
    if backend.mode is Mode.REFLEX:
        return ("Reflex sends no key to a local server: start it without --api-key.",)
    state = "The key was refused: check" if backend.api_key else "No key was sent: set"
    return (f"{state} the environment variable that `api_key_env` under [cloud] names.",)


def _address(backend: Backend) -> tuple[str, ...]:
    section = _section(backend)
    if urlsplit(backend.endpoint).path.rstrip("/"):
        return (f"Check host, port and path of `endpoint` under {section} in stage0.toml.",)
    return (
        f"The endpoint lacks the API's path; or its port is another server's. Under {section}:",
        f"endpoint = {json.dumps(backend.endpoint.rstrip('/') + '/v1')}",
    )


def _model(backend: Backend, engine: Engine | None, models: Sequence[str]) -> tuple[str, ...]:
    model = plain(backend.model, 256)
    lines: list[str] = []
    if models:
        import difflib

        near = difflib.get_close_matches(model, models, n=1, cutoff=0)
        choice = json.dumps((near or list(models))[0], ensure_ascii=False)
        lines += [
            f"Name a model that it serves, under {_section(backend)} in stage0.toml:",
            f"model = {choice}",
        ]
    if backend.mode is Mode.CLOUD:
        return tuple(lines) or ("Ask the server's operator which models your key may use.",)
    restart = "or start it again under the configured name:" if lines else "Start it with a model:"
    name = shlex.quote(model)
    match engine:
        case Engine.LLAMACPP:
            lines += [restart, f"--alias {name}  (code reflex engine: --model {name})"]
        case Engine.OLLAMA:
            lines += ["or fetch it:" if lines else "Fetch a model:", f"ollama pull {name}"]
        case Engine.LM_STUDIO:
            load = "or load it under the configured name:" if lines else "Load a model:"
            lines += [load, f"lms load {_known_to_lm_studio(models)} --identifier {name}"]
        case _:
            lines += [restart, f"--served-model-name {name}"]
    return tuple(lines)


def _grammar(engine: Engine | None, what: str) -> tuple[str, ...]:
    sentence = f"The server lists the model but {what}"
    match engine:
        case Engine.SGLANG:
            return (f"{sentence}; start it with:", _SGLANG_GRAMMAR)
        case Engine.VLLM:
            return (f"{sentence}; start it with:", _VLLM_GRAMMAR)
        case _:
            return (f"{sentence}; look at its log.",)


def _reasoning(engine: Engine | None) -> tuple[str, ...]:
    sentence = "The server's reasoning parser takes the whole reply for thoughts"
    match engine:
        case Engine.SGLANG | Engine.VLLM:
            how = "if its model does not think, start it without:"
            return (f"{sentence}; {how}", "--reasoning-parser")
        case Engine.LLAMACPP:
            return (f"{sentence}; start it with:", "--reasoning-format none")
        case _:
            return (f"{sentence}; turn that parser off.",)


def tool_parser(engine: Engine | None, *, refused: bool) -> str:
    """What to do where a tool call was ``refused``, or came back as text."""
    what = "refuses requests with tools" if refused else "returns tool calls as text"
    given = "" if refused else " If it has one, this model writes its calls in another form."
    match engine:
        case Engine.SGLANG:
            how = f"start it with {_SGLANG_TOOLS}, or the parser of its model"
        case Engine.VLLM:
            how = f"start it with {_VLLM_TOOLS}, or the parser of its model"
        case Engine.LLAMACPP:
            how = "start it with --jinja and a model whose chat template knows tools"
        case _:
            how = "turn on the tool-call parser of its model"
    return f"It {what}, so agents cannot use it: {how}.{given}"
