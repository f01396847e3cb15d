"""Every way to start a program and to read what it says; each gives what its host sees."""

import asyncio
import io
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import anyio

STREAM = ["claude", "-p", "hi", "--model", "sonnet", "--output-format", "stream-json", "--verbose"]


def run(env: dict[str, str]) -> Any:
    return subprocess.run(STREAM, env=env, capture_output=True, check=True).stdout


def run_text(env: dict[str, str]) -> Any:
    return subprocess.run(STREAM, env=env, capture_output=True, text=True, check=True).stdout


def check_output(env: dict[str, str]) -> Any:
    return subprocess.check_output(STREAM, env=env)


def only_stdout(env: dict[str, str]) -> Any:
    # With one pipe and no deadline, communicate() reads the file object.
    return subprocess.run(STREAM, env=env, stdout=subprocess.PIPE, check=True).stdout


def shell(env: dict[str, str]) -> Any:
    line = "cd / && claude -p hi --model sonnet --output-format=stream-json 2>/dev/null"
    return subprocess.run(line, env=env, shell=True, capture_output=True, check=True).stdout


def positional(env: dict[str, str]) -> Any:
    arguments = (STREAM, -1, None, None, subprocess.PIPE, None, None, True, False, None, env)
    with subprocess.Popen(*arguments) as process:
        return process.communicate()[0]


def lines(env: dict[str, str]) -> Any:
    with subprocess.Popen(STREAM, env=env, stdout=subprocess.PIPE) as process:
        assert type(process.stdout) is io.BufferedReader
        return list(process.stdout)


def text_lines(env: dict[str, str]) -> Any:
    with subprocess.Popen(STREAM, env=env, stdout=subprocess.PIPE, text=True, bufsize=1, encoding="utf-8") as process:
        assert type(process.stdout) is io.TextIOWrapper
        assert process.stdout.encoding == "utf-8"
        return [process.stdout.readline(), *process.stdout]


def wait_then_read(env: dict[str, str]) -> Any:
    process = subprocess.Popen(STREAM, env=env, stdout=subprocess.PIPE)
    process.wait()
    assert process.stdout is not None
    with process.stdout as stdout:
        return stdout.read()


def in_a_thread(env: dict[str, str]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(lines(env)))
    thread.start()
    thread.join()
    return found


async def aio(env: dict[str, str]) -> Any:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*STREAM, env=env, stdout=pipe, stderr=pipe)
    return (await process.communicate())[0]


async def aio_shell(env: dict[str, str]) -> Any:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_shell("exec " + " ".join(STREAM), env=env, stdout=pipe)
    assert process.stdout is not None
    found = [line async for line in process.stdout]
    await process.wait()
    return found


async def any_io(env: dict[str, str]) -> Any:
    return (await anyio.run_process(STREAM, env=env)).stdout


def on(loop: Callable[[dict[str, str]], Any]) -> Callable[[dict[str, str]], Any]:
    return lambda env: asyncio.run(loop(env))


WAYS: dict[str, Callable[[dict[str, str]], Any]] = {
    "run": run,
    "run text": run_text,
    "check_output": check_output,
    "only stdout": only_stdout,
    "shell": shell,
    "positional": positional,
    "lines": lines,
    "text lines": text_lines,
    "wait, then read": wait_then_read,
    "thread": in_a_thread,
    "asyncio": on(aio),
    "asyncio shell": on(aio_shell),
    "anyio": on(any_io),
}
