"""The nouns: what one dispatch is, and what is heard of it."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .vocabulary import (
    Field,
    Kind,
    Mismatch,
    Origin,
    OutcomeClass,
    OutcomeKind,
    ThinkingMode,
    ToolFormat,
    WireFormat,
    text_of,
)

_REASONS = 16


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thinking config: mode, whether it is on (None: not said), budget in tokens, effort level as sent."""

    mode: ThinkingMode = ThinkingMode.PROVIDER_DEFAULT
    enabled: bool | None = None
    budget_tokens: int | None = None
    level: str | None = None

    @property
    def label(self) -> str:
        """The config as one word, for comparing two: the level where it is an effort, else the mode."""
        return self.level if self.mode is ThinkingMode.EFFORT and self.level else self.mode


UNSENT_THINKING = Thinking()
UNKNOWN_THINKING = Thinking(ThinkingMode.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of each of the five fields; none is ever missing."""

    provider: Origin = Origin.UNKNOWN
    model: Origin = Origin.UNKNOWN
    wire_format: Origin = Origin.UNKNOWN
    thinking: Origin = Origin.UNKNOWN
    tool_format: Origin = Origin.UNKNOWN

    @property
    def inherited(self) -> tuple[str, ...]:
        """The fields that nobody chose and that fell through from the primary, sorted."""
        origins = (self.model, self.provider, self.thinking, self.tool_format, self.wire_format)
        if Origin.INHERITED not in origins:
            return ()
        return tuple(name for name, origin in zip(_SORTED_FIELDS, origins, strict=True) if origin is Origin.INHERITED)


_SORTED_FIELDS = sorted(str(name) for name in Field)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request went: host without userinfo, lower-cased; port; and the provider that lives there."""

    host: str = ""
    port: int | None = None
    provider: str = "unknown"


@dataclass(frozen=True, slots=True)
class Request:
    """What a model call asked for, as its dialect reads it from the body that was sent.

    ``fallbacks`` are the other models that a gateway may use, ``upstreams`` the providers that it is to try, in order;
    ``deployment`` says that the path names a deployment of the user's own naming, and ``model`` is no model's id.
    """

    wire_format: WireFormat
    operation: str = "chat"
    model: str | None = None
    thinking: Thinking = UNSENT_THINKING
    tool_format: ToolFormat = ToolFormat.NONE
    stream: bool = False
    max_tokens: int | None = None
    api_type: str | None = None
    fallbacks: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()
    deployment: bool = False


@dataclass(slots=True)
class Usage:
    """Tokens as reported; None means not reported, which is not zero. Input includes what the cache gave."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


@dataclass(slots=True)
class Reply:
    """What has been heard of an answer so far; a dialect writes it event by event, hence not frozen.

    ``content_len`` counts UTF-8 bytes of visible text, ``blank`` says that all of it was white space, ``committed``
    that something other than text came (tool call, thinking, refusal, audio), ``done`` that the wire's own end was
    seen, ``failed`` that the body itself reported an error, ``code`` and ``status`` what that error's fields said.
    ``provider`` is who the answer proves to have answered, ``upstream`` whom a gateway names as having served it,
    ``overridden`` what the answer says was switched on the way by a fallback that the program did not choose.
    """

    model: str | None = None
    id: str | None = None
    finish: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    content_len: int = 0
    blank: bool = True
    committed: bool = False
    done: bool = False
    failed: bool = False
    malformed: bool = False
    unread: bool = False
    code: str | None = None
    status: int | None = None
    thinking: Thinking | None = None
    provider: str | None = None
    upstream: str | None = None
    overridden: set[Field] = field(default_factory=set)

    def say(self, text: str) -> None:
        """Count *text* as visible output."""
        if text:
            self.content_len += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
            if self.blank and not text.isspace():
                self.blank = False

    def stop(self, reason: object) -> None:
        """Note a finish reason, once."""
        word = text_of(reason)
        if word is not None and word not in self.finish and len(self.finish) < _REASONS:
            self.finish.append(word)


class Outcome(NamedTuple):
    """What came back, as a kind, the class of a failure, and the figures that tell an empty from a served one."""

    kind: OutcomeKind = OutcomeKind.SERVED
    cls: OutcomeClass | None = None
    completion_tokens: int | None = None
    content_len: int | None = None
    empty_retries: int = 0


@dataclass(frozen=True, slots=True)
class Requested:
    """What was asked for by name before anything was resolved: an alias, a profile."""

    provider: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Primary:
    """What would be inherited inside an escalation: the primary's values, None where not known."""

    provider: str | None = None
    model: str | None = None
    wire_format: str | None = None
    thinking: str | None = None
    tool_format: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Who is acting, by the host's own real names and ids, never made up; ``label`` is for the span's name only."""

    agent: str | None = None
    skill: str | None = None
    workflow: str | None = None
    conversation: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Rollup:
    """Everything below an entry, summed: one search on entries then finds the run."""

    calls: int = 0
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    inherited_calls: int = 0
    empty_terminal_calls: int = 0
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One dispatch: which provider, model, wire format and config it really used, whence, and what came back."""

    kind: Kind
    operation: str
    provider: str = "unknown"
    model: str = "unknown"
    wire_format: WireFormat = WireFormat.UNKNOWN
    thinking: Thinking = UNKNOWN_THINKING
    tool_format: ToolFormat = ToolFormat.UNKNOWN
    base_url_host: str = ""
    provenance: Provenance = Provenance()
    requested: Requested = Requested()
    primary: Primary | None = None
    reported_provider: str | None = None
    definition_hash: str | None = None
    mismatch: tuple[str, ...] = ()
    names: Names = Names()
    outcome: Outcome | None = None
    rollup: Rollup | None = None
    definition: str | None = None

    def differing(self, mismatch: Mismatch) -> "Dispatch":
        """The same, of which *mismatch* holds, too."""
        return replace(self, mismatch=tuple(sorted({*self.mismatch, str(mismatch)})))
