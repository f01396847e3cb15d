"""What the host may rely on, for every seam that discovery finds."""

import asyncio
import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import wrapt
from opentelemetry.sdk import trace as sdk_trace

import otel_dispatch
from otel_dispatch import (
    aloft,
    context,
    departure,
    dialects,
    emit,
    entry,
    hearing,
    hosts,
    instruments,
    patch,
    sse,
    store,
    transit,
    transports,
    wording,
)
from otel_dispatch.dialects import Dialect
from otel_dispatch.seam import Seam
from tests.conftest import Faults, Told
from tests.transports.carriers import carriers

SEAMS = transports.seams()
IDS = [f"{seam.module}:{seam.path}" for seam in SEAMS]
CARRIERS = carriers()
TOPS = {seam.module: seam.module.partition(".")[0] for seam in SEAMS}
LIBRARIES = {module if top in sys.stdlib_module_names else top for module, top in TOPS.items()}


def original(seam: Seam) -> Any:
    """What the seam names, as it lies in its class or module."""
    module = importlib.import_module(seam.module)
    parent, attribute, _ = wrapt.resolve_path(module, seam.path)
    return vars(parent)[attribute]


def test_importing_our_files_imports_no_library_that_we_listen_to() -> None:
    # wrapt and OpenTelemetry import some by themselves.
    code = "import sys, wrapt; from opentelemetry import _logs, metrics, trace; before = set(sys.modules)"
    code += "; from otel_dispatch import transports, hosts; transports.seams(); hosts.seams()"
    code += f"; print([m for m in {sorted(LIBRARIES)} if m in sys.modules and m not in before])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("seam", SEAMS, ids=IDS)
def test_a_seam_resolves_on_the_installed_version(seam: Seam) -> None:
    assert patch.resolves(seam, importlib.import_module(seam.module))


@pytest.mark.parametrize("seam", SEAMS, ids=IDS)
def test_a_seam_is_wrapped_once_and_put_back_as_it_was(seam: Seam, make_told: Callable[[], Told]) -> None:
    before = original(seam)
    make_told()
    wrapped = original(seam)
    assert isinstance(wrapped, wrapt.FunctionWrapper)
    assert wrapped.__wrapped__ is before
    otel_dispatch.instrument()
    patch.install(seam)
    assert original(seam) is wrapped
    otel_dispatch.uninstrument()
    assert original(seam) is before
    make_told()
    assert original(seam).__wrapped__ is before
    otel_dispatch.uninstrument()
    assert original(seam) is before


@pytest.mark.parametrize("seam", SEAMS, ids=IDS)
def test_signature_name_and_coroutineness_stay(seam: Seam, make_told: Callable[[], Told]) -> None:
    before = original(seam)
    facts = [inspect.signature(before), before.__name__, before.__qualname__, before.__doc__, before.__module__]
    kinds = [inspect.iscoroutinefunction(before), inspect.isfunction(before)]
    make_told()
    after = original(seam)
    assert [inspect.signature(after), after.__name__, after.__qualname__, after.__doc__, after.__module__] == facts
    assert [inspect.iscoroutinefunction(after), inspect.isfunction(after)] == kinds


@pytest.mark.parametrize("seam", SEAMS, ids=IDS)
def test_both_orders_of_import_give_the_same(seam: Seam) -> None:
    steps = {"import": f"import {seam.module}", "instrument": "otel_dispatch.instrument()"}
    found = []
    for order in (("import", "instrument"), ("instrument", "import")):
        code = "import otel_dispatch, sys\n" + "\n".join(steps[step] for step in order) + "\n"
        owner, _, name = seam.path.rpartition(".")
        code += f"print(type(vars(sys.modules[{seam.module!r}].{owner})[{name!r}]).__name__)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        found.append(done.stdout)
    assert found == ["FunctionWrapper\n"] * 2


@pytest.mark.parametrize("seam", SEAMS, ids=IDS)
def test_a_wrapper_that_somebody_put_over_ours_stays_and_works(seam: Seam, make_told: Callable[[], Told]) -> None:
    before = original(seam)
    module = importlib.import_module(seam.module)
    parent, attribute, _ = wrapt.resolve_path(module, seam.path)
    make_told()
    theirs = wrapt.FunctionWrapper(vars(parent)[attribute], lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs))
    setattr(parent, attribute, theirs)
    try:
        otel_dispatch.uninstrument()
        assert vars(parent)[attribute] is theirs
        for carrier in CARRIERS.values():
            if carrier.transport == seam.wrapper.__module__:
                assert carrier.run_all() == carrier.run_all()
    finally:
        setattr(parent, attribute, before)


def boom(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("ours")


def broken(part: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Breaks one reader of every dialect."""

    def apply(patcher: pytest.MonkeyPatch) -> None:
        table: dict[str, Any] = {
            last: tuple((ending, replace(dialect, **{part: boom})) for ending, dialect in found)
            for last, found in dialects._by_last_word().items()
        }
        patcher.setattr(dialects, "_by_last_word", lambda: table)

    return forgetful(apply)


def raising(module: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Makes one function of ours raise."""
    return lambda patcher: patcher.setattr(module, name, boom)


def forgetful(apply: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
    """Has the paths looked up anew."""

    def fresh(patcher: pytest.MonkeyPatch) -> None:
        apply(patcher)
        transit.route_at.cache_clear()
        transit.route_at_raw.cache_clear()

    return fresh


@pytest.fixture(autouse=True)
def forget_the_routes() -> Iterator[None]:
    """Leaves no route to a broken dialect."""
    yield
    transit.route_at.cache_clear()
    transit.route_at_raw.cache_clear()


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "request reader": broken("request"),
    "reply reader": broken("reply"),
    "event reader": broken("event"),
    "dialect look-up": forgetful(raising(transit, "dialect_at")),
    "endpoint": raising(transit, "endpoint_at"),
    "provenance": raising(departure, "provenance_of"),
    "attributes at start": raising(transit, "told_of"),
    "attributes at end": raising(emit, "words_of_outcome"),
    "outcome": raising(emit.outcome, "outcome_of_reply"),
    "outcome of an exception": raising(emit.outcome, "outcome_of_exception"),
    "context": raising(context, "with_frame"),
    "current frame": raising(context, "current"),
    "hearing": raising(hearing.Hearing, "__init__"),
    "pieces": raising(sse.Lines, "events"),
    "span start": raising(sdk_trace.Tracer, "start_span"),
    "span end": raising(sdk_trace.Span, "end"),
    "span attributes": raising(store, "put"),
    "counting": raising(instruments.Instruments, "count"),
    "telling": raising(instruments.Instruments, "tell"),
    "words of the reply": raising(wording, "_put"),
}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_ours_leaves_every_call_as_it_was(
    fault: str,
    carrier: str,
    make_told: Callable[[], Told],
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults.expect()
    run_all = CARRIERS[carrier].run_all
    plain = run_all()
    make_told()
    with monkeypatch.context() as patcher:
        FAULTS[fault](patcher)
        assert run_all() == plain
    assert faults.seen, "the fault was not provoked"
    assert aloft.count() == 0, "a span is left open"
    assert {type(error) for _, error in faults.seen} <= {ZeroDivisionError, AttributeError}


ENTRY_FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "arguments": raising(entry, "_arguments"),
    "names": raising(entry, "_names"),
    "attributes": raising(entry, "words_of"),
    "attributes at end": raising(entry, "words_of_rollup"),
    "agreement": raising(entry, "agreed"),
    "publishing": raising(entry, "publish"),
    "span start": raising(sdk_trace.Tracer, "start_span"),
    "span attributes": raising(sdk_trace.Span, "set_attributes"),
    "counting": raising(instruments.Instruments, "count"),
}


@pytest.mark.parametrize("fault", ENTRY_FAULTS)
def test_a_fault_of_ours_leaves_every_kind_of_entry_as_it_was(
    fault: str, told: Told, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.expect()
    error = KeyError("the host's own")

    @otel_dispatch.entry_point("run_skill", name="s")
    def plain(x: int) -> int:
        return x

    @otel_dispatch.entry_point("run_skill", name="s")
    async def coroutine(x: int) -> int:
        return x

    @otel_dispatch.entry_point("agent", name="s")
    def generator(x: int) -> Any:
        yield x

    @otel_dispatch.entry_point("agent", name="s")
    async def async_generator(x: int) -> Any:
        yield x

    @otel_dispatch.entry_point("run_skill", name="s")
    def failing(x: int) -> int:
        raise error

    async def listed() -> list[int]:
        return [x async for x in async_generator(4)]

    with monkeypatch.context() as patcher:
        ENTRY_FAULTS[fault](patcher)
        assert plain(1) == 1
        assert asyncio.run(coroutine(2)) == 2
        assert list(generator(3)) == [3]
        assert asyncio.run(listed()) == [4]
        with pytest.raises(KeyError) as caught:
            failing(5)
        assert caught.value is error
    assert faults.seen
    started = 0 if fault in ("arguments", "names", "attributes", "span start") else 5
    assert len(told.spans()) == started


@pytest.mark.parametrize("carrier", CARRIERS)
def test_without_a_fault_the_host_sees_the_same_as_without_us(carrier: str, make_told: Callable[[], Told]) -> None:
    plain = CARRIERS[carrier].run_all()
    told = make_told()
    assert CARRIERS[carrier].run_all() == plain
    assert [str((span.attributes or {})["dispatch.outcome.kind"]) for span in told.spans()] == CARRIERS[carrier].kinds


def test_every_transport_has_a_carrier() -> None:
    # What starts programs carries no calls; transports/test_subprocess.py puts it through faults of its own.
    carrying = {seam.wrapper.__module__ for seam in SEAMS} - {"otel_dispatch.transports.subprocess"}
    assert {carrier.transport for carrier in CARRIERS.values()} == carrying


def test_every_dialect_is_found_and_speaks_for_itself() -> None:
    found = dialects.dialects()
    assert all(isinstance(dialect, Dialect) for dialect in found)
    assert len({dialect.name for dialect in found}) == len(found)
    endings = [ending for dialect in found for ending in dialect.endings]
    assert len(set(endings)) == len(endings)


def test_a_hook_that_fails_does_not_fail_the_import(monkeypatch: pytest.MonkeyPatch, faults: Faults) -> None:
    faults.expect()
    monkeypatch.setattr(patch, "_apply_all", boom)
    patch._on_import(httpx)
    assert len(faults.seen) == 1


def test_a_fault_is_logged_once_with_frames_and_without_its_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.undo()
    from otel_dispatch import guard

    monkeypatch.setattr(guard, "_told", set())

    def leak() -> None:
        raise ValueError("a secret prompt")

    for _ in range(3):
        guard.swallow("the test", leak)
    (record,) = [r for r in caplog.records if r.name == "otel_dispatch"]
    message = record.getMessage()
    assert "the test (ValueError); your call is unaffected" in message
    assert "in leak" in message
    assert 'a secret prompt"' not in message.replace('raise ValueError("a secret prompt")', "")


@pytest.mark.parametrize("folder", [dialects, hosts, transports], ids=lambda folder: folder.__name__)
def test_a_file_that_cannot_be_imported_silences_no_other(
    folder: Any, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    faults.expect()
    find = {dialects: dialects._modules, hosts: hosts.hosts, transports: transports.seams}[folder].__wrapped__
    whole, import_module = len(find()), importlib.import_module
    broken_file = {dialects: "ollama", hosts: "program", transports: "httpx"}[folder]

    def importing(name: str) -> Any:
        return boom() if name == f"{folder.__name__}.{broken_file}" else import_module(name)

    monkeypatch.setattr(folder.importlib, "import_module", importing)
    assert 0 < len(find()) < whole
    assert [type(error) for _, error in faults.seen] == [ZeroDivisionError]
