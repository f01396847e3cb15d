"""Forks, exits of all kinds, signals and workers: each span ends once, and the process leaves as it would."""

import os
import signal
from pathlib import Path

import pytest

from otel_dispatch.demo.provider import Provider, chat_stream
from tests.faults.programs import run
from tests.sinks import HttpSink, dead_endpoint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork")
STREAM = chat_stream(["a ", "b ", "c "], model="m", usage=(3, 4))

OPENED = """
import os, sys, openai
client = openai.OpenAI()
stream = client.chat.completions.create(model="stream", messages=HI, stream=True)
read = iter(stream)
next(read)
"""
CHILDS = {
    "reads on": "list(read)",
    "closes it": "stream.close()",
    "drops it": "del read, stream\n    import gc; gc.collect()",
    "leaves it": "",
}
LEAVES = {
    "returning": "sys.exit(0)",
    "os._exit": "os._exit(0)",
    "an exception of its own": "sys.excepthook = lambda *_: None; raise ValueError",
}


@pytest.mark.parametrize("leaving", LEAVES)
@pytest.mark.parametrize("child", CHILDS)
def test_a_stream_that_a_fork_copies_is_ended_by_the_parent_alone(
    provider: Provider, tmp_path: Path, child: str, leaving: str
) -> None:
    provider.script(STREAM)
    code = f"""
if (pid := os.fork()) == 0:
    {CHILDS[child] if child != "reads on" else "pass"}
    openai.OpenAI().chat.completions.create(model="child", messages=HI)
    {LEAVES[leaving]}
assert os.waitpid(pid, 0)[1] in (0, 256)
list(read)
"""
    ran = run(provider, tmp_path, OPENED + code)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.told() == {"stream": ("served", None), "child": ("served", None)}


def test_a_child_that_reads_the_streams_end_leaves_the_telling_to_its_parent(
    provider: Provider, tmp_path: Path
) -> None:
    provider.script(STREAM)
    code = """
if (pid := os.fork()) == 0:
    list(read)
    sys.exit(0)
os.waitpid(pid, 0)
del read, stream
"""
    ran = run(provider, tmp_path, OPENED + code)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.told() == {"stream": ("cancelled", "abandoned")}


def test_an_entry_that_a_fork_copies_is_ended_by_the_parent_alone(provider: Provider, tmp_path: Path) -> None:
    ran = run(
        provider,
        tmp_path,
        """
        import os, sys, openai
        import otel_dispatch as od
        @od.entry_point("run_skill", name="skill")
        def skill():
            if (pid := os.fork()) == 0:
                openai.OpenAI().chat.completions.create(model="child", messages=HI)
                sys.exit(0)
            os.waitpid(pid, 0)
            openai.OpenAI().chat.completions.create(model="parent", messages=HI)
        skill()
        """,
    )
    assert (ran.code, ran.err) == (0, "")
    entries = [each for each in ran.records if each["kind"] == "run_skill"]
    assert [each["outcome"]["kind"] for each in entries] == ["served"]
    assert sorted(each["model"] for each in ran.records if each["kind"] == "llm_call") == ["child", "parent"]


def test_a_fork_while_another_thread_sets_up_gives_a_child_that_is_observed(provider: Provider, tmp_path: Path) -> None:
    code = """
    import os, sys, threading, time, openai
    from otel_dispatch import sdk
    plain, begun = sdk.set_up, threading.Event()
    def slow():
        made = plain()
        begun.set()
        time.sleep(0.3)
        return made
    sdk.set_up = slow
    def call(model):
        with openai.OpenAI() as client:
            client.chat.completions.create(model=model, messages=HI)
    thread = threading.Thread(target=call, args=("thread",))
    thread.start()
    begun.wait()
    if (pid := os.fork()) == 0:
        call("child")
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    thread.join()
    """
    ran = run(provider, tmp_path, code)
    assert (ran.code, ran.err) == (0, "")
    assert ran.told() == {"thread": ("served", None), "child": ("served", None)}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["Process", "Pool", "Executor"])
def test_workers_of_multiprocessing_tell_their_calls_and_end_their_streams(
    provider: Provider, tmp_path: Path, method: str, kind: str
) -> None:
    code = f"""
    import multiprocessing, sys
    from concurrent.futures import ProcessPoolExecutor
    import openai
    def work(model):
        global client, stream
        client = openai.OpenAI()
        client.chat.completions.create(model=model, messages=HI)
    def main():
        context = multiprocessing.get_context({method!r})
        if {kind!r} == "Process":
            workers = [context.Process(target=work, args=(f"m{{n}}",)) for n in (1, 2)]
            for worker in workers: worker.start()
            for worker in workers: worker.join()
            assert [worker.exitcode for worker in workers] == [0, 0]
        elif {kind!r} == "Pool":
            with context.Pool(2) as pool:
                pool.map(work, ["m1", "m2"])
                pool.close()
                pool.join()
        else:
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                list(pool.map(work, ["m1", "m2"]))
    if __name__ == "__main__":
        work("m0")
        main()
    """
    ran = run(provider, tmp_path, code)
    assert (ran.code, ran.err) == (0, "")
    assert ran.told() == {f"m{n}": ("served", None) for n in range(3)}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_stream_that_a_worker_leaves_open_ends_as_abandoned(provider: Provider, tmp_path: Path, method: str) -> None:
    provider.script(STREAM)
    code = f"""
    import multiprocessing, openai
    def work():
        global client, stream
        client = openai.OpenAI()
        stream = client.chat.completions.create(model="m", messages=HI, stream=True)
        next(stream)
    if __name__ == "__main__":
        worker = multiprocessing.get_context({method!r}).Process(target=work)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
    """
    ran = run(provider, tmp_path, code)
    assert (ran.code, ran.err) == (0, "")
    assert ran.told() == {"m": ("cancelled", "abandoned")}


def test_os_exit_keeps_its_code_and_loses_nothing_that_had_ended(provider: Provider, tmp_path: Path) -> None:
    provider.script(STREAM, STREAM)
    code = """
client.chat.completions.create(model="whole", messages=HI)
os._exit(7)
"""
    ran = run(provider, tmp_path, OPENED + code)
    assert (ran.code, ran.out, ran.err) == (7, "", "")
    assert set(ran.told()) == {"whole"}


def test_sigterm_ends_the_process_as_it_would_without_us(provider: Provider, tmp_path: Path) -> None:
    provider.script(STREAM)
    code = "import signal\nos.kill(os.getpid(), signal.SIGTERM)\nimport time; time.sleep(30)"
    ran = run(provider, tmp_path, OPENED + code)
    assert (ran.code, ran.out, ran.err) == (-signal.SIGTERM, "", "")
    assert ran.told() == {}


def test_sigterm_that_the_host_handles_ends_the_stream_once(provider: Provider, tmp_path: Path) -> None:
    provider.script(STREAM)
    code = """
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
os.kill(os.getpid(), signal.SIGTERM)
"""
    ran = run(provider, tmp_path, OPENED + code)
    assert (ran.code, ran.out, ran.err) == (143, "", "")
    assert ran.told() == {"stream": ("cancelled", "abandoned")}


def test_we_handle_no_signal_of_the_hosts(provider: Provider, tmp_path: Path) -> None:
    code = """
    import signal, openai
    before = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with openai.OpenAI() as client:
        client.chat.completions.create(model="m", messages=HI)
    assert [signal.getsignal(number) for number in sorted(signal.valid_signals())] == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask
    """
    ran = run(provider, tmp_path, code)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("is_up", [False, True])
def test_with_sigpipe_at_its_default_a_collector_that_hangs_up_does_not_end_the_host(
    provider: Provider, tmp_path: Path, is_up: bool
) -> None:
    code = """
    import signal, sys, time
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    import openai
    with openai.OpenAI() as client:
        for number in range(6):
            client.chat.completions.create(model="m", messages=HI)
            time.sleep(0.25)
    sys.exit(5)
    """
    with HttpSink() as sink:
        endpoint = sink.url if is_up else dead_endpoint()
        ran = run(
            provider,
            tmp_path,
            code,
            OTEL_TRACES_EXPORTER="otlp",
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
    assert ran.code == 5
    assert len(ran.records) == 6


def test_a_collector_that_resets_each_connection_does_not_end_a_host_with_sigpipe_at_its_default(
    provider: Provider, tmp_path: Path
) -> None:
    # The exporter writes to a connection whose other end is gone: that is what raises the signal.
    code = """
    import signal, socket, struct, sys, threading, time
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    import os
    listener = socket.create_server(("127.0.0.1", 0))
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:%d" % listener.getsockname()[1]
    met = []
    def hang_up():
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            met.append(1)
    threading.Thread(target=hang_up, daemon=True).start()
    import openai
    with openai.OpenAI() as client:
        for number in range(6):
            client.chat.completions.create(model="m", messages=HI)
            time.sleep(0.25)
    sys.exit(5 if met else 6)
    """
    ran = run(provider, tmp_path, code, OTEL_TRACES_EXPORTER="otlp", OTEL_BSP_SCHEDULE_DELAY="100")
    assert ran.code == 5
    assert ran.err.count("\n") == 1
    assert "do not arrive" in ran.err
