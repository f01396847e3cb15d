"""Flight: one model call in the air; it becomes a span, counts and an event, and ends exactly once."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode

from . import aloft, context, outcome, store
from . import attributes as a
from .context import Frame
from .departure import Told, arrived
from .foreign import Foreign, foreign_inference
from .gateways import Header, hear_headers, is_worth_hearing
from .guard import guarded, succeeds
from .instruments import Instruments
from .keeper import keeper
from .publish import is_wanted, publish
from .record import Outcome, Reply, Request
from .room import HOLD_SECONDS
from .vocabulary import FAILED, OutcomeKind
from .wording import Words, words_of_change, words_of_outcome, words_of_reply


class Flight:
    """One model call between its request and the end of its answer; every method is safe to call twice."""

    def __init__(
        self, tools: Instruments, now: Context, frame: Frame, request: Request, told: Told, body: bytes
    ) -> None:
        dispatch, words, name = told
        self._tools, self._now, self._words = tools, now, words
        self.frame, self.request = frame, request
        self._latch = threading.Lock()
        self._start_ns, self._first_ns, self._end_ns = time.time_ns(), 0, 0
        self._held: list[Outcome] = []
        self.catch_up: Callable[[], None] | None = None
        self._error_type: str | None = None
        # Only an empty attempt in a room needs its body, to know its like; a long stream need not hold a prompt.
        self.body = body if frame.room is not None else b""
        self.dispatch = self._departed = dispatch
        self.reply = Reply()
        self.status: int | None = None
        self.sent: Any = None  # what its transport compares with what has really left
        self.empty_retries = frame.room.replace(body) if frame.room is not None else 0
        self._foreign: Foreign | None = foreign_inference(now, name)
        if self._foreign is not None:
            self.span: Span = self._foreign.span
            self._foreign.renew(words)
        else:
            self.span = store.start(tools.tracer, name, context.parent_context(now), words, self._start_ns)
        for tally in frame.tallies:
            tally.began(dispatch)
        aloft.opened(self)

    @guarded
    def enter(self) -> Any:
        """Make our span current while the request is sent, so that no inner layer opens another; give the token."""
        base = self._now if self._foreign is not None else trace.set_span_in_context(self.span, self._now)
        return context.attach(context.with_frame(context.IN_FLIGHT, base))

    def leave(self, token: Any) -> None:
        """Undo `enter`, also where an interrupt struck before it gave its *token*."""
        context.attach(self._now) if token is None else context.detach(token)

    @guarded
    def stream(self) -> None:
        """Note that the answer will come in pieces; on somebody's span, write what is true if nobody reads on."""
        if self._foreign is not None:
            found = outcome.outcome_of_status(status) if (status := self.status or 0) >= 300 else outcome.ABANDONED
            self._foreign.doubt(words_of_outcome(found))

    def answered(self, status: int, headers: Iterable[tuple[Header, Header]]) -> None:
        """Note the status and the headers of the answer."""
        self.status = status
        if is_worth_hearing(self.dispatch.provider):
            hear_headers(headers, self.reply)

    def retell(self, request: Request, told: Told) -> None:
        """Tell of *request* from here on: it is what the host's own hooks made of the one that was to leave."""
        dispatch, words, name = told
        if words == self._words:
            return
        for tally in self.frame.tallies:
            tally.began_anew(self._departed, dispatch)
        gone, self._words = self._words.keys() - words.keys(), words
        self.dispatch = self._departed = dispatch
        self.request = request
        if self._foreign is not None:
            self._foreign.renew(words)
            return
        store.take_away(self.span, gone)
        store.put(self.span, words)
        self.span.update_name(name)

    def first_byte(self) -> None:
        """Note that the first piece of the answer has come."""
        self._first_ns = time.time_ns()

    def read(self, reader: Callable[[bytes, Reply], None], data: bytes) -> None:
        """Have a dialect's *reader* hear *data*; where it fails, what was said is not known, and the call goes on."""
        if not succeeds(reader, data, self.reply):
            self.reply.unread = True

    def arrive(self) -> None:
        """End it as the answer heard so far says."""
        self._surely(self._arrive)

    def fail(self, error: BaseException) -> None:
        """End it as *error*, which stopped it, says."""
        self._surely(self._fail, error)

    def abandon(self) -> None:
        """End it because nobody listens any more; a refusal, or an answer whose finish was heard, is whole."""
        is_whole = self.reply.finish or self.reply.done or self.reply.failed or (self.status or 0) >= 300
        self._surely(*((self._arrive,) if is_whole else (self._stop, outcome.ABANDONED)))

    @property
    def has_ended(self) -> bool:
        """Whether its end is known, so that nothing more can be told of it."""
        return self._latch.locked()

    def lose(self) -> None:
        """End it after a fault of ours, with what has been said of it and no more."""
        self._latch.acquire(blocking=False)
        aloft.closed(self)
        if self._foreign is None and self.span.is_recording():
            self.span.end()

    def _surely(self, end: Callable[..., None], *args: object) -> None:
        # Whoever hears the answer may have left something unread; then it is not to hold on to us, nor we to it.
        if (late := self.catch_up) is not None:
            self.catch_up = None
            succeeds(late)
        if not succeeds(end, *args):
            succeeds(self.lose)

    def _arrive(self) -> None:
        reply = self.reply
        if self.status is not None and self.status >= 300:
            found = outcome.outcome_of_status(self.status, reply.code)
        else:
            found = outcome.outcome_of_reply(reply, self.empty_retries)
        if found.kind in FAILED and found.kind is not OutcomeKind.EMPTY_TERMINAL:
            self._error_type = outcome.error_type_of(found, None, self.status, reply.code)
        self._end(found)

    def _fail(self, error: BaseException) -> None:
        found = outcome.outcome_of_exception(error)
        if found.kind is OutcomeKind.CANCELLED:
            self._stop(found)
            return
        self._error_type = outcome.error_type_of(found, error, None, None)
        self._end(found)

    @guarded
    def supersede(self) -> None:
        """End an empty attempt that is held back as replaced by a later one."""
        if (held := self._let_go()) is not None:
            self._land(Outcome(OutcomeKind.SUPERSEDED, None, held.completion_tokens, 0, held.empty_retries))

    @guarded
    def settle(self) -> None:
        """End an empty attempt that is held back as terminal."""
        if (held := self._let_go()) is not None:
            if self.frame.room is not None:
                self.frame.room.release(self)
            self._land(held)

    def _let_go(self) -> Outcome | None:
        # The deadline, a later attempt and the scope's end race for it, each on a thread of its own.
        try:
            return self._held.pop()
        except IndexError:
            return None

    def _stop(self, found: Outcome) -> None:
        heard = self.reply
        self._end(Outcome(found.kind, found.cls, heard.usage.output, heard.content_len or None, self.empty_retries))

    def _end(self, found: Outcome) -> None:
        if not self._latch.acquire(blocking=False):
            return
        self._end_ns = time.time_ns()
        room = self.frame.room
        if self.empty_retries and room is not None and found.cls is not None:
            room.owe(self, HOLD_SECONDS)
        if found.kind is OutcomeKind.EMPTY_TERMINAL and room is not None:
            self._held.append(found)
            if self._foreign is not None:
                # Its owner ends it now, before it can be known whether a later attempt replaces this one.
                self._foreign.write(self._final_words(found))
            if room.hold(self):
                keeper.later(HOLD_SECONDS, self.settle)
                return
            self._held.clear()
        self._land(found)

    def _land(self, found: Outcome) -> None:
        if not aloft.closed(self):
            return
        words: Words = {}
        try:
            words = self._final_words(found)
            self._close(words, found)
        finally:
            if self._foreign is None:
                self.span.end(end_time=self._end_ns)
        self._tell(words, found)

    def _close(self, words: Words, found: Outcome) -> None:
        if self._foreign is not None:
            self._foreign.write(words)
            return
        store.put(self.span, words)
        if found.kind in FAILED:
            self.span.set_status(StatusCode.ERROR)

    def _tell(self, words: Words, found: Outcome) -> None:
        dispatch = self.dispatch
        for tally in self.frame.tallies:
            tally.ended(found, self.reply.usage.output, self._departed, dispatch)
        tools = self._tools
        if tools.counts():
            tools.count(dispatch, found)
            if self._foreign is None:
                tools.time_call({**self._words, **words}, self.reply.usage, (self._end_ns - self._start_ns) / 1e9)
        if is_wanted(tools):
            told = replace(dispatch, outcome=found)
            publish(tools, told, {**self._words, **words}, self.span, self._start_ns, self._end_ns, self.frame.tallies)

    def _final_words(self, found: Outcome) -> Words:
        words = words_of_reply(self.reply)
        self.dispatch = arrived(self._departed, self.request, self.reply)
        if self.dispatch is not self._departed:
            words.update(words_of_change(self._departed, self.dispatch))
        words.update(words_of_outcome(found))
        if self.status is not None:
            words[a.HTTP_STATUS] = self.status
        if self._first_ns and self.request.stream:
            words[a.RESPONSE_TIME_TO_FIRST_CHUNK] = (self._first_ns - self._start_ns) / 1e9
        if self._error_type is not None:
            words[a.ERROR_TYPE] = self._error_type
        elif found.kind is OutcomeKind.EMPTY_TERMINAL:
            words[a.ERROR_TYPE] = str(found.kind)
        return words
