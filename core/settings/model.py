"""What may stand in ``[reflex]`` and ``[cloud]``: names, types, ranges and defaults.

The field descriptions are the configuration reference.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.stages import CLOUD, PRIMARY, EditFormatName, Stage

_LONGEST_NAME = 253  # that the domain name system has


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and parts.port != 0
        valid = valid and 0 < len(parts.hostname or "") <= _LONGEST_NAME
    except ValueError:
        valid = False
    if not valid or not value.isprintable() or " " in value:
        raise ValueError("must be a URL such as http://127.0.0.1:3009/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold credentials; keys come from the environment")
    if parts.query or parts.fragment:
        raise ValueError("must not have a query or fragment")
    return value.rstrip("/")


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable, without blanks around it")
    return value


Endpoint = Annotated[str, Field(max_length=2048), AfterValidator(_endpoint)]
Name = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]
Milliseconds = Annotated[int, Field(ge=1, le=600_000)]
Percent = Annotated[float, Field(ge=0, le=100)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Word = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_printable)]
Pattern = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class ConfigSection(BaseModel):
    """A table that is read strictly and never changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Fallback(ConfigSection):
    """``[reflex.fallback]``: what happens when the local model fails."""

    to_cloud: bool = Field(
        default=True, description="Whether the cloud may answer when reflex fails."
    )
    max_failures: int = Field(
        default=3, ge=1, le=100, description="Consecutive failures after which calls go elsewhere."
    )
    order: tuple[Name, ...] = Field(
        default=(CLOUD,),
        strict=False,
        max_length=16,
        description="Backends to try next, in this order.",
    )
    recovery_s: float = Field(
        default=30,
        gt=0,
        le=300,
        description="How long the breaker stays open at first, in seconds.",
    )


class Thresholds(ConfigSection):
    """``[reflex.thresholds]``: what a bakeoff must show before reflex serves anything.

    Looser values in a project's file take the user's consent: ``code reflex trust --thresholds``.
    """

    p95_latency_ms: float = Field(
        default=2000,
        gt=0,
        le=600_000,
        description="P95 of the total latency must be below this; ms.",
    )
    success_parity_percent: Percent = Field(
        default=85, description="Least success of reflex relative to the cloud; percent."
    )
    json_schema_compliance_percent: Percent = Field(
        default=100, description="Least share of replies that meet the schema; percent."
    )
    confidence: float = Field(
        default=0.95,
        ge=0,
        lt=1,
        description="Confidence of the bounds, which must pass too; 0 = point estimates only.",
    )
    golden_regressions_allowed: int = Field(
        default=0,
        ge=0,
        le=2000,
        description="Golden tasks that may fail on reflex though the cloud solves them.",
    )
    max_age_days: float = Field(
        default=30, gt=0, le=3650, description="Age at which a gate pass becomes stale; days."
    )


class Shadow(ConfigSection):
    """``[reflex.shadow]``: cloud calls also sent to reflex in the background, for comparison."""

    sample: float = Field(
        default=0, ge=0, le=1, description="Share of the cloud's Implement calls; 0 = off."
    )
    concurrency: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Limit of parallel shadow calls; further ones are left out.",
    )
    wait_s: float = Field(
        default=10,
        ge=0,
        le=600,
        description="How long `implement` waits for a comparison once the answer is there; s.",
    )


class Monitor(ConfigSection):
    """``[reflex.monitor]``: live calls watched after a pass, against what the pass promised.

    A project's file can switch neither off without the user's consent: ``code reflex trust
    --thresholds``.
    """

    enabled: bool = Field(default=True, description="Whether live calls are watched at all.")
    demote: bool = Field(
        default=True,
        description="Whether a broken promise takes the pass away; false: only a warning.",
    )
    holdout: float = Field(
        default=0,
        ge=0,
        le=1,
        description="Share of reflex's calls given to the cloud, to compare both; 0 = off.",
    )


class LocalBackend(ConfigSection):
    """``[reflex.backends.NAME]``: a further local server, for ``fallback.order``."""

    endpoint: Endpoint = Field(description="Base URL of its OpenAI-compatible API.")
    model: Name = Field(description="The model's id as the server serves it.")
    timeout_ms: Milliseconds | None = Field(
        default=None, description="Deadline of one attempt; default: that of [reflex]."
    )


class Reflex(ConfigSection):
    """``[reflex]``: the local server and whether it may serve the Implement stage."""

    enabled: bool = Field(
        default=False, description="Whether Implement calls may go to reflex at all."
    )
    endpoint: Endpoint = Field(
        default="http://127.0.0.1:3009/v1",
        description="Base URL of the local OpenAI-compatible API.",
    )
    model: Name = Field(
        default="qwen2.5-coder-7b-instruct", description="The model's id as the server serves it."
    )
    timeout_ms: Milliseconds = Field(
        default=1500, description="Deadline of one attempt, from connect to the last byte."
    )
    json_schema: bool = Field(
        default=True, description="Constrain replies by schema; false: validate and ask again."
    )
    candidates: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Parallel replies per local call in the patch loop; first pass wins.",
    )
    edit_format: EditFormatName = Field(
        default="auto",
        description="How the patch loop's edits are written; auto: as in the suite and the newest"
        " pass, else by the files.",
    )
    capture_mode: Literal["none", "prompts_only", "full_io"] = Field(
        default="prompts_only", description="What the capsule keeps of requests and responses."
    )
    suites: tuple[Name, ...] = Field(
        default=("reflex_patchloop_v1",),
        strict=False,
        max_length=64,
        description="The suites on which a pass counts: names or paths. Others in a project's file"
        " take the user's consent: `code reflex trust --suites`.",
    )
    fallback: Fallback = Fallback()
    thresholds: Thresholds = Thresholds()
    shadow: Shadow = Shadow()
    monitor: Monitor = Monitor()
    backends: dict[Name, LocalBackend] = Field(
        default={}, description="Further local servers by name."
    )

    @model_validator(mode="after")
    def _order_names_backends(self) -> Self:
        for name in self.backends:
            if name in {CLOUD, PRIMARY}:
                raise ValueError(f"backends.{name}: is a reserved name; choose another")
        known = {CLOUD, *self.backends}
        for name in self.fallback.order:
            if name not in known:
                raise ValueError(
                    f"fallback.order: unknown backend {name!r}; known: {', '.join(sorted(known))}"
                )
        if len(set(self.fallback.order)) != len(self.fallback.order):
            raise ValueError("fallback.order: names a backend twice")
        return self


class Cloud(ConfigSection):
    """``[cloud]``: the model that answers when reflex is not allowed to, or fails."""

    endpoint: Endpoint = Field(
        default="https://api.openai.com/v1",
        description="Base URL of the cloud's OpenAI-compatible API.",
    )
    model: Name = Field(default="gpt-5-mini", description="The cloud model's id.")
    api: Literal["chat", "responses", "messages"] = Field(
        default="chat",
        description="The API that the cloud speaks; an agent's own passes as is.",
    )
    auth: Literal["key", "caller"] = Field(
        default="key",
        description="key: our API key; caller: the agent's own credential, https only.",
    )
    api_key_env: EnvName = Field(
        default="OPENAI_API_KEY", description="The environment variable that holds the API key."
    )
    timeout_ms: Milliseconds = Field(default=60_000, description="Deadline of one attempt.")
    price_input_per_million: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="USD for a million prompt tokens; for the cost saved.",
    )
    price_output_per_million: float | None = Field(
        default=None, ge=0, le=1e6, description="USD for a million completion tokens."
    )

    def price_usd(self, prompt: int, completion: int) -> float | None:
        """What so many tokens cost here, USD; None without both prices."""
        prices = self.price_input_per_million, self.price_output_per_million
        if prices[0] is None or prices[1] is None:
            return None
        return (prompt * prices[0] + completion * prices[1]) / 1e6


class StageRule(ConfigSection):
    """``[serve.stages.NAME]``: of which stage a request is that meets all that is given here."""

    stage: Stage = Field(strict=False, description="The stage of such requests.")
    header: HeaderName | None = Field(default=None, description="A header that it has.")
    value: Pattern | None = Field(
        default=None, description="What that header says, with * and ? as in file names."
    )
    model: Pattern | None = Field(
        default=None, description="The model it asks for, with * and ? as in file names."
    )
    tools: bool | None = Field(default=None, description="Whether it offers tools.")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.value is not None and self.header is None:
            raise ValueError("value: needs a header to be the value of")
        if self.header is None and self.model is None and self.tools is None:
            raise ValueError("header: one of header, model and tools is needed")
        return self


class Serve(ConfigSection):
    """``[serve]``: the gateway for agents."""

    stages: dict[Name, StageRule] = Field(
        default={},
        max_length=64,
        description="Rules in order, before the built-in ones; the header X-Speckit-Stage wins.",
    )


class Notify(ConfigSection):
    """``[notify]``: how you are told while nobody looks; counts in your own file only.

    A project's file that names a command is ignored, and ``code reflex status`` says so.
    """

    command: tuple[Word, ...] = Field(
        default=(),
        strict=False,
        max_length=64,
        description="A program and its arguments, run without a shell; empty = none.",
    )
    timeout_s: float = Field(
        default=10, gt=0, le=60, description="When the command is stopped, in seconds."
    )
    bell: bool = Field(
        default=True,
        description="Whether the dashboard rings and sends OSC 9 while its terminal is unfocused.",
    )
    lapse_days: float = Field(
        default=3,
        ge=0,
        le=30,
        description="So many days before a pass is too old you are told; 0 = never.",
    )


class Document(ConfigSection):
    """All tables together."""

    reflex: Reflex = Reflex()
    cloud: Cloud = Cloud()
    serve: Serve = Serve()
    notify: Notify = Notify()
