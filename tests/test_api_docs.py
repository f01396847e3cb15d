"""The API's pages: every public name says what it is, and pdoc writes them without a warning."""

import importlib
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def loaded(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    spec = importlib.util.spec_from_file_location("docs_api", ROOT / "docs" / "api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public(name: str) -> Iterator[tuple[str, Any]]:
    """The public names of a module, and those of its classes that are defined in this package."""
    module = importlib.import_module(name)
    yield name, module
    for word in getattr(module, "__all__", [word for word in vars(module) if word[0] != "_"]):
        found = getattr(module, word)
        if inspect.isclass(found) or inspect.isroutine(found):
            yield f"{name}.{word}", found
        if inspect.isclass(found):
            yield from ((f"{name}.{word}.{each}", one) for each, one in vars(found).items() if is_said(each, one))


def is_said(name: str, value: Any) -> bool:
    return name[0] != "_" and (inspect.isroutine(value) or isinstance(value, property))


def test_every_public_name_has_a_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {name: value for module in loaded(monkeypatch).MODULES for name, value in public(module)}
    assert {"otel_dispatch.scope", "otel_dispatch.testing.Records.below", "otel_dispatch.hosts.Seam"} <= found.keys()
    foreign = [
        name for name, one in found.items() if not getattr(one, "__module__", "otel_dispatch").startswith("otel")
    ]
    documented = {name for name, one in found.items() if (inspect.getdoc(one) or "").strip()}
    assert found.keys() - documented - set(foreign) == set()


def test_every_public_function_says_what_it_takes_and_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in loaded(monkeypatch).MODULES:
        for name, value in public(module):
            if inspect.isfunction(value) and value.__module__.startswith("otel_dispatch"):
                signature = inspect.signature(value)
                assert signature.return_annotation is not inspect.Signature.empty, name
                own = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
                assert [each.name for each in own if each.annotation is inspect.Parameter.empty] == [], name


def test_the_pages_are_written_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pdoc", reason="runs in the row api-docs of the matrix")
    module = loaded(monkeypatch)
    done = subprocess.run(
        module.command(Path(sys.executable), tmp_path), capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    pages = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html")}
    assert pages == {"index.html", "otel_dispatch.html", *(f"otel_dispatch/{name}.html" for name in SUBMODULES)}
    assert "inherited_from_primary" in (tmp_path / "otel_dispatch.html").read_text()


SUBMODULES = ("hosts", "testing", "vocabulary")


def test_dev_writes_them_by_one_word() -> None:
    assert '"docs": ["docs.api"]' in (ROOT / "dev.py").read_text()
