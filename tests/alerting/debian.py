"""Prometheus, Alertmanager and their tools: those on PATH, else Debian's packages, fetched once and only unpacked."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel_dispatch" / "debian"
PATIENCE = 30
AGAIN = 600

# What a program is called, by whoever packages it → the Debian package that holds it.
PACKAGES = {
    ("prometheus",): "prometheus",
    ("promtool",): "prometheus",
    ("alertmanager", "prometheus-alertmanager"): "prometheus-alertmanager",
    ("amtool",): "prometheus-alertmanager",
}


class Missing(Exception):  # noqa: N818 - an absence, not an error
    """A program is neither here nor to be had; the message says why."""


def program(name: str) -> str:
    """Return the path of a program, fetched once where nobody installed it; raises Missing."""
    names, package = next((names, package) for names, package in PACKAGES.items() if name in names)
    if path := found(names):
        return path
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Missing(f"no {name}: there is no apt-get here; put Prometheus and Alertmanager on PATH")
    import fcntl  # where apt-get is, this is too

    for folder in ("state/lists/partial", "cache/archives/partial"):
        (HOME / folder).mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        # Another worker may have fetched it meanwhile, or have failed to.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found(names):
            fetch(package)
    if path := found(names):
        return path
    raise Missing(f"no {name}: the package {package} does not hold it here; put it on PATH")


def fetch(package: str) -> None:
    """Fetch and unpack a package, unless that failed a little while ago; raises Missing."""
    failed = HOME / f"{package}.failed"
    if failed.exists() and time.time() - failed.stat().st_mtime < AGAIN:
        raise Missing(failed.read_text(encoding="utf-8"))
    failed.unlink(missing_ok=True)
    try:
        unpack(package)
    except Missing as reason:
        failed.write_text(str(reason), encoding="utf-8")
        raise


def found(names: tuple[str, ...]) -> str | None:
    """Return the path of a program under one of its names: installed, or unpacked by us."""
    ours = [str(HOME / package / "usr" / "bin") for package in sorted(set(PACKAGES.values()))]
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *ours])
    return next(filter(None, (shutil.which(name, path=search) for name in names)), None)


def unpack(package: str) -> None:
    """Unpack a Debian package into our own folder: needs no root, installs nothing, starts nothing; raises Missing."""
    for old in HOME.glob(f"{package}_*.deb"):
        old.unlink()
    own = own_lists()
    if not is_done(["apt-get", "download", package]):
        is_done(["apt-get", *own, "-qq", "update"])
        if not is_done(["apt-get", *own, "download", package]):
            raise Missing(f"no {package}: apt-get could not fetch it; put Prometheus and Alertmanager on PATH")
    (archive,) = HOME.glob(f"{package}_*.deb")
    made = HOME / f"{package}.new"
    shutil.rmtree(made, ignore_errors=True)
    if not is_done(["dpkg-deb", "--extract", str(archive), str(made)]):
        raise Missing(f"no {package}: dpkg-deb could not unpack {archive.name}")
    archive.unlink()
    relocate(made / "usr" / "bin" / "prometheus-alertmanager")
    # Whole and at once, because who finds a program does not ask for the lock.
    made.rename(HOME / package)


def relocate(alertmanager: Path) -> None:
    """Have our copy of Alertmanager read its templates below the folder it runs in."""
    # Debian compiles the absolute path of an installed package in; a relative one of the same length takes its place.
    if alertmanager.exists():
        program = alertmanager.read_bytes()
        alertmanager.write_bytes(program.replace(b"/usr/share/prometheus/", b"usr//share/prometheus/"))


def home_of(path: str) -> Path | None:
    """Return the folder of ours that a program was unpacked to, or None where somebody installed it."""
    return next((folder for folder in Path(path).parents if folder.parent == HOME), None)


def own_lists() -> list[str]:
    """Return apt's options for package lists of our own, which a fresh machine lacks and only root may fetch."""
    options = {
        "Dir::State": HOME / "state",
        "Dir::State::lists": HOME / "state" / "lists",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": HOME / "cache",
        "APT::Sandbox::User": "",
    }
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def is_done(command: list[str]) -> bool:
    """Run a command in our folder and return whether it succeeded in time."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=HOME, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
