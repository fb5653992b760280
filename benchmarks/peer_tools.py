"""Load generators that are command lines: what each is told, and how its report is read.

They use all cores, as they are made to, and nothing is asked that would make them slower: no
counting of tokens, no dashboard, no server metrics.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers import MESSAGES
from processes import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMPT = MESSAGES[0]["content"]


@dataclass(frozen=True)
class Load:
    """What a tool is to do: so many calls, so many at a time, to the API at ``url``/v1."""

    url: str
    concurrency: int
    calls: int


@dataclass(frozen=True)
class Report:
    """What a tool reports: TTFT in ms and the reply of each call that succeeded, as they started.

    ``began`` and ``ended`` are Unix times of the first call's start and the last one's end;
    ``cpu_s`` is what the tool and its processes used between, None where the system does not tell.
    """

    samples: list[tuple[float, str]]
    began: float
    ended: float
    cpu_s: float | None = None

    @property
    def rate(self) -> float:
        """Calls a second of wall time."""
        return len(self.samples) / (self.ended - self.began)

    @property
    def cpu_rate(self) -> float | None:
        """Calls a second of CPU time."""
        return len(self.samples) / self.cpu_s if self.cpu_s else None


def _guidellm(bin_: Path, load: Load, folder: Path) -> list[str]:
    prompts = folder / "prompts.jsonl"
    prompts.write_text((json.dumps({"prompt": PROMPT}) + "\n") * load.calls, encoding="utf-8")
    return [
        *(str(bin_ / "guidellm"), "run", "--disable-console"),
        *("--backend", f"kind=openai_http,target={load.url},model={MODEL},validate_backend=false"),
        *("--profile", f"kind=concurrent,streams={load.concurrency}"),
        *("--constraint", f"kind=max_requests,count={load.calls}"),
        *("--data", f"kind=json_file,path={prompts}"),
        *("--output", f"kind=json,path={folder / 'report.json'}"),
    ]


def read_guidellm(folder: Path) -> Report:
    """``report.json`` of ``guidellm run``."""
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    calls = told["benchmarks"][0]["requests"]["successful"]
    calls.sort(key=lambda call: call["request_start_time"])
    return Report(
        [(call["time_to_first_token_ms"], call["output"]) for call in calls],
        calls[0]["request_start_time"],
        max(call["request_end_time"] for call in calls),
    )


def _tokenizer(folder: Path) -> None:
    """One that knows no word: two tools insist on having one, and would fetch it."""
    model = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    words = {"pre_tokenizer": {"type": "Whitespace"}, "added_tokens": []}
    tokenizer = {"version": "1.0", "model": model, **words}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "?"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def _aiperf(bin_: Path, load: Load, folder: Path) -> list[str]:
    prompts = folder / "prompts.jsonl"
    _tokenizer(folder)
    prompts.write_text((json.dumps({"text": PROMPT}) + "\n") * load.calls, encoding="utf-8")
    return [
        *(str(bin_ / "aiperf"), "profile", "--model", MODEL, "--url", load.url),
        *("--endpoint-type", "chat", "--streaming", "--use-server-token-count"),
        *("--tokenizer", str(folder)),
        *("--input-file", str(prompts), "--custom-dataset-type", "single_turn"),
        *("--concurrency", str(load.concurrency), "--request-count", str(load.calls)),
        *("--artifact-dir", str(folder), "--export-level", "records", "--export-outputs-json"),
        *("--no-server-metrics", "--no-gpu-telemetry", "--ui", "none"),
    ]


def read_aiperf(folder: Path) -> Report:
    """``outputs.json`` of ``aiperf profile --export-outputs-json``."""
    told = json.loads((folder / "outputs.json").read_text(encoding="utf-8"))["data"]
    calls = [call for call in told if "time_to_first_token" in call["metrics"]]
    calls.sort(key=lambda call: call["request_start_ns"])
    return Report(
        [(call["metrics"]["time_to_first_token"], call["response_text"]) for call in calls],
        calls[0]["request_start_ns"] / 1e9,
        max(call["request_end_ns"] for call in calls) / 1e9,
    )


# Its module imports torch; the compiled client beside it needs nothing.
_SGLANG = """
import importlib.util, pathlib, sys
package = pathlib.Path(importlib.util.find_spec("sglang").origin).parent
sys.path.insert(0, str(package / "srt" / "rust_extensions"))
import _bench
_bench.run_argv(["sglang-bench", *sys.argv[1:]])
"""


def _sglang(bin_: Path, load: Load, folder: Path) -> list[str]:
    turns = [{"from": "human", "value": PROMPT}, {"from": "gpt", "value": " word" * 32}]
    prompts = folder / "sharegpt.json"
    prompts.write_text(json.dumps([{"conversations": turns}] * load.calls), encoding="utf-8")
    _tokenizer(folder)
    return [
        *(str(bin_ / "python"), "-c", _SGLANG, "--backend", "vllm-chat", "--base-url", load.url),
        *("--model", MODEL, "--tokenizer", str(folder), "--disable-retokenize", "--disable-tqdm"),
        *("--dataset-name", "sharegpt", "--dataset-path", str(prompts)),
        *("--num-prompts", str(load.calls), "--max-concurrency", str(load.concurrency)),
        *("--output-file", str(folder / "report.jsonl"), "--output-details"),
    ]


def read_sglang(folder: Path) -> Report:
    """``report.jsonl`` of ``sglang-bench --output-details``, which is written at the end."""
    path = folder / "report.jsonl"
    told = json.loads(path.read_text(encoding="utf-8"))
    calls = zip(told["ttfts"], told["generated_texts"], told["errors"], strict=True)
    ended = path.stat().st_mtime
    return Report(
        [(1000 * ttft, text) for ttft, text, error in calls if not error],
        ended - told["duration"],
        ended,
    )


@dataclass(frozen=True)
class Tool:
    """A peer: its command below a ``bin`` folder, and its report in the folder it worked in.

    ``fast`` times as many calls as another gets in the time make its rate worth reading.
    """

    command: Callable[[Path, Load, Path], list[str]]
    read: Callable[[Path], Report]
    fast: int = 1


# By distribution, which is also the name of the command.
TOOLS = {
    "guidellm": Tool(_guidellm, read_guidellm),
    "aiperf": Tool(_aiperf, read_aiperf),
    "sglang": Tool(_sglang, read_sglang, fast=4),
}
