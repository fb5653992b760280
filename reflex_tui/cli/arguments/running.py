"""engine, demo, tui, serve, completion: what runs until it is told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.stages import Stage
from reflex_tui.cli.arguments.kinds import count, from_one, path, port

if TYPE_CHECKING:
    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Add this family's commands."""
    _add_running(commands)
    _add_serve(commands)


def _add_running(commands: Commands) -> None:
    engine = commands.add(
        "engine",
        "engine:engine",
        "serve a model by the embedded llama.cpp until Ctrl-C; n-gram drafts make "
        "code that repeats the prompt about twice as fast, with the same output",
        "engine",
        "engine --gguf qwen2.5-coder-7b-instruct-q4_k_m.gguf --port 3009",
        "engine --threads 8 --parallel 4 --ctx 16384",
        "engine --hf Qwen/Qwen2.5-Coder-7B-Instruct-GGUF:qwen2.5-coder-7b-instruct-q4_k_m.gguf",
    )
    weights = engine.add_mutually_exclusive_group()
    weights.add_argument("--gguf", type=path, metavar="FILE", help="the model (default: SmolLM2)")
    weights.add_argument("--hf", metavar="REPO[:FILE]", help="fetch the model from Hugging Face")
    engine.add_argument("--port", type=port, metavar="PORT", help="default: that of [reflex]")
    engine.add_argument("--model", metavar="NAME", help="the id to serve it under")
    engine.add_argument(
        "--threads",
        type=from_one,
        metavar="N",
        help="threads that compute, at most 512 (default: the CPUs less one, at most 16; with two "
        "CPUs both)",
    )
    engine.add_argument(
        "--parallel",
        type=from_one,
        metavar="N",
        help="requests served at once, at most 256 (default: 2); set it to [reflex] candidates",
    )
    engine.add_argument(
        "--ctx",
        type=from_one,
        metavar="N",
        help="tokens of context, divided among --parallel, 512 each at least (default: 8192)",
    )
    engine.add_argument(
        "--write", action="store_true", help="put endpoint and model into the configuration"
    )
    demo = commands.add(
        "demo",
        "demo:demo",
        "the dashboard over an embedded engine, in a workspace of its own",
        "demo",
    )
    demo.add_argument(
        "--headless", action="store_true", help="one call without the dashboard, then end"
    )
    tui = commands.add(
        "tui",
        "tui:tui",
        "open the dashboard",
        "tui",
        "tui --config path/stage0.toml",
        "tui --web --port 8000",
    )
    tui.add_argument(
        "--web",
        action="store_true",
        help="serve it to a browser on this machine (needs the extra web)",
    )
    tui.add_argument(
        "--port",
        type=port,
        default=8000,
        metavar="PORT",
        help="of --web: default %(default)s; 0: any",
    )
    completion = commands.add(
        "completion",
        "completion:completion",
        "print a script that completes this command line in your shell",
        "completion bash",
        "completion fish | source",
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="your shell")


def _add_serve(commands: Commands) -> None:
    serve = commands.add(
        "serve",
        "serve:serve",
        "serve an OpenAI-compatible API over the router, for agents whose base URL can be set",
        "serve",
        "serve --port 3011 --stage plan",
        "serve --host 0.0.0.0 --token-env REFLEX_TOKEN --allow-host host.docker.internal",
    )
    add = serve.add_argument
    add("--port", type=port, default=3010, metavar="PORT", help="default %(default)s; 0: any")
    add(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="default %(default)s; others need --token-env",
    )
    add(
        "--stage",
        choices=[stage.value for stage in Stage],
        default=Stage.IMPLEMENT.value,
        help="of calls without the header X-Speckit-Stage (default: %(default)s)",
    )
    add(
        "--token-env",
        metavar="NAME",
        help="the environment variable with the bearer token that every request must carry",
    )
    add(
        "--allow-host",
        action="append",
        metavar="NAME",
        help="a further name under which clients reach this server; may be given several times",
    )
    add(
        "--grace",
        type=count,
        default=30,
        metavar="SECONDS",
        help="how long calls under way may go on after SIGTERM or Ctrl-C (default: %(default)s)",
    )
