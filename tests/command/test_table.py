"""The table: aligned, within the terminal, and whole everywhere else."""

import io
from collections.abc import Iterator
from unicodedata import east_asian_width

import pytest

from otel_dispatch.command import table
from otel_dispatch.command.table import Cell, show, width_of

TITLES = ("run", "kind", "note")
ROWS = (
    (Cell("write-tests", "bold"), Cell("fleet_dispatch"), Cell("")),
    (Cell("x"), Cell("run_skill", "red"), Cell("")),
)


class Terminal(io.StringIO):
    """Something that is written to and says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[True, False], ids=["rich", "plain"])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal without colours, with rich and without."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    if not request.param:
        monkeypatch.setattr(table, "find_spec", lambda name: None)
    with Terminal() as out:
        yield out


def shown(out: io.StringIO, monkeypatch: pytest.MonkeyPatch, columns: int, rows: object = ROWS) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    show(TITLES, rows, out)  # type: ignore[arg-type]
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_what_is_piped_is_plain_and_one_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    with io.StringIO() as out:
        assert shown(out, monkeypatch, 10) == [
            "RUN          KIND",
            "write-tests  fleet_dispatch",
            "x            run_skill",
        ]


def test_a_column_that_is_empty_throughout_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with io.StringIO() as out:
        lines = shown(out, monkeypatch, 80, [(Cell("a"), Cell(""), Cell("b"))])
    assert lines == ["RUN  NOTE", "a    b"]


def test_a_terminal_s_width_is_kept(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (80, 24, 18):
        terminal.truncate(0)
        terminal.seek(0)
        lines = shown(terminal, monkeypatch, columns)
        assert max(map(len, lines)) <= columns
        text = "".join(lines[1:]).replace(" ", "")
        for piece in ("write-", "tests", "fleet_", "dispatch", "run_skill"[:4]):
            assert piece in text, (columns, lines)


def test_a_long_cell_is_broken_where_its_words_end(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(Cell("run_skill is one"), Cell("empty_completion_terminal"), Cell(""))]
    lines = shown(terminal, monkeypatch, 30, rows)[-3:]
    assert [line.split() for line in lines] == [["run_skill", "is", "empty_"], ["one", "completion_"], ["terminal"]]


def test_where_a_terminal_is_too_narrow_each_row_is_a_block(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(terminal, monkeypatch, 12) == [
        "run   write-tests",
        "kind  fleet_dispatch",
        "",
        "run   x",
        "kind  run_skill",
        "",
    ]


def test_colours_come_from_rich_and_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with Terminal() as screen, io.StringIO() as pipe:
        assert "\x1b[" in "".join(shown(screen, monkeypatch, 80))
        assert "\x1b[" not in "".join(shown(pipe, monkeypatch, 80))


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    with Terminal() as screen:
        text = "".join(shown(screen, monkeypatch, 80))
    assert "\x1b[31m" not in text
    assert "38;" not in text


def test_what_a_record_says_is_no_markup_and_no_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    for out in (Terminal(), io.StringIO()):
        with out:
            text = "\n".join(shown(out, monkeypatch, 80, [(Cell("[red]a\x1b]0;b\x07"), Cell("c\nd"), Cell(""))]))
        assert "[red]a ]0;b" in text
        assert "c d" in text
        assert "\x1b]" not in text


def test_wide_and_combining_characters_take_the_room_that_they_take() -> None:
    assert east_asian_width("模") == "W"
    assert width_of("模型") == 4
    assert width_of("e\u0301") == 1


def test_it_writes_to_stdout_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    show(("a",), [(Cell("b"),)])
    assert capsys.readouterr().out == "A\nb\n"
