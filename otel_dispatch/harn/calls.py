"""Groups a transcript's lines to attempts, and attempts to calls, in the memory of those that are still open."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..record import Reply
from ..vocabulary import count_of, text_of
from .reply import has_thoughts, reply_of
from .transcript import Entry, Line

OPEN: Final = 1024
"""How many attempts may be open at once; above that the oldest is told as it is."""

# What is kept of a request and of a record; the prompts that the former may hold are not.
_SHARED: Final = ("provider", "model", "iteration", "span_id")
_KEPT: Final = (*_SHARED, "thinking", "tool_format", "max_tokens", "native_tool_count")
_OF_CALL: Final = ("provenance", "wire_format", "base_url_host")
_KEPT_OF_ERROR: Final = (*_SHARED, "status", "category", "reason")

Fields = Mapping[str, Any]
Key = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt at a call: what each of its lines says; times in Unix nanoseconds.

    ``retried`` is why harn tried again, ``replaced`` whether it then did, ``before`` the attempt that this one
    replaces, ``resend`` how many came before, ``call`` what the record of a later attempt says of all of them.
    """

    transcript: object
    call_id: str | None = None
    key: Key = ()
    request: Fields | None = None
    reply: Reply | None = None
    thought: bool = False
    response_ms: int | None = None
    error: Fields | None = None
    record: Fields | None = None
    call: Fields | None = None
    before: "Attempt | None" = None
    retried: str | None = None
    replaced: bool = False
    resend: int = 0
    started_ns: int | None = None
    ended_ns: int | None = None

    @property
    def told(self) -> Fields:
        """What its lines say, the record's word before the request's."""
        return {
            name: value
            for line in (self.call, self.error, self.request, self.record)
            for name, value in (line or {}).items()
            if value is not None
        }

    @property
    def is_unanswered(self) -> bool:
        """Whether nothing has come back of it."""
        return self.reply is None and self.error is None and self.record is None


@dataclass(slots=True)
class Calls:
    """The attempts that are open; each is told once, as soon as nothing more can be said of it."""

    tell: Callable[[Attempt], None]
    limit: int = OPEN
    _open: dict[Key, Attempt] = field(default_factory=dict)
    _waiting: dict[Key, deque[Attempt]] = field(default_factory=dict)
    _count: int = 0

    def hear(self, line: Line, transcript: object, at_ns: int) -> None:
        """Take one *line* of *transcript*, written at *at_ns*."""
        _HEARD[line.entry](self, line.told, line.call_id, transcript, at_ns)
        while len(self._open) > self.limit:
            self._tell(self._open.pop(next(iter(self._open))))
        while self._count > self.limit:
            self._tell(self._first(next(iter(self._waiting))))

    def finish(self) -> None:
        """Tell what is still open: cancelled, crashed, or still running when the transcript was copied."""
        for attempt in [*self._open.values(), *(each for line in self._waiting.values() for each in line)]:
            self._tell(attempt)
        self._open.clear()
        self._waiting.clear()
        self._count = 0

    def _request(self, told: Fields, call_id: str | None, transcript: object, at_ns: int) -> None:
        key = _key(told, transcript)
        if (before := self._open.pop(_handle(call_id, key), None)) is not None:
            self._tell(before)
        attempt = Attempt(transcript, call_id, key, {name: told[name] for name in _KEPT if name in told})
        attempt.started_ns = attempt.ended_ns = at_ns
        if key in self._waiting:
            attempt.before = self._first(key)
            attempt.resend = attempt.before.resend + 1
        self._open[_handle(call_id, key)] = attempt

    def _response(self, told: Fields, call_id: str | None, transcript: object, at_ns: int) -> None:
        attempt = self._attempt(told, call_id, transcript, at_ns)
        attempt.reply, attempt.thought = reply_of(told), has_thoughts(told)
        attempt.response_ms = count_of(told.get("response_ms"))

    def _error(self, told: Fields, call_id: str | None, transcript: object, at_ns: int) -> None:
        attempt = self._attempt(told, call_id, transcript, at_ns)
        attempt.error = {name: told[name] for name in _KEPT_OF_ERROR if name in told}
        if told.get("status") == "retrying":
            self._wait(attempt)

    def _empty_retry(self, told: Fields, _: str | None, transcript: object, at_ns: int) -> None:
        key = _key(told, transcript)
        began = at_ns - (count_of(told.get("duration_ms")) or 0) * 1_000_000
        mine = [each for each in self._waiting.get(key, ()) if each.retried is None]
        mine = mine or [each for each in self._open.values() if each.key == key and each.is_unanswered]
        # The line names no call: of several at once it is the one that took as long.
        attempt = min(mine, key=lambda each: abs((each.started_ns or 0) - began), default=None)
        if attempt is None:
            return
        attempt.retried, attempt.ended_ns = text_of(told.get("reason")) or "", at_ns
        if _handle(attempt.call_id, key) in self._open:
            self._wait(attempt)

    def _record(self, told: Fields, call_id: str | None, transcript: object, at_ns: int) -> None:
        attempt = self._attempt(told, call_id, transcript, at_ns)
        attempt.record = told
        self._open.pop(_handle(attempt.call_id, attempt.key), None)
        self._tell(attempt)

    def _attempt(self, told: Fields, call_id: str | None, transcript: object, at_ns: int) -> Attempt:
        key = _key(told, transcript)
        handle = _handle(call_id, key)
        if (found := self._open.get(handle)) is None:
            found = self._open[handle] = Attempt(transcript, call_id, key)
        found.ended_ns = at_ns
        return found

    def _wait(self, attempt: Attempt) -> None:
        self._open.pop(_handle(attempt.call_id, attempt.key), None)
        self._waiting.setdefault(attempt.key, deque()).append(attempt)
        self._count += 1

    def _first(self, key: Key) -> Attempt:
        line = self._waiting[key]
        first = line.popleft()
        if not line:
            del self._waiting[key]
        self._count -= 1
        return first

    def _tell(self, attempt: Attempt) -> None:
        chain, record = [attempt], attempt.record or {}
        while (earlier := chain[-1].before) is not None:
            earlier.replaced, earlier.call = True, {name: record[name] for name in _OF_CALL if name in record}
            chain[-1].before = None
            chain.append(earlier)
        for each in reversed(chain):
            self.tell(each)


_HEARD: Final = {
    Entry.REQUEST: Calls._request,
    Entry.RESPONSE: Calls._response,
    Entry.ERROR: Calls._error,
    Entry.EMPTY_RETRY: Calls._empty_retry,
    Entry.RECORD: Calls._record,
}


def _key(told: Fields, transcript: object) -> Key:
    """What the attempts at one call share, as a retry gets a call id of its own."""
    words = (told.get(name) for name in ("span_id", "iteration", "provider", "model"))
    return (id(transcript), *map(str, words))


def _handle(call_id: str | None, key: Key) -> Key:
    return key if call_id is None else (call_id,)
