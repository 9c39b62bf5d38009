"""`nearfield update`: take a new release, go back to the last one, show them (docs/update.md)."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from

if TYPE_CHECKING:
    from device.config import Settings
    from device.update.updater import Updater


def update(
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="DIR|URL", help="Where the release is; else where update.source says."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look: is it signed, would it be taken?")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Back to the release before this one.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="The releases that are here.")] = False,
    allow_downgrade: Annotated[bool, typer.Option("--allow-downgrade", help="Take an older version too.")] = False,
    keep: Annotated[
        int | None,
        typer.Option("--keep", metavar="N", min=0, max=100, help="Old releases to keep; else update.keep."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take back what a power cut left; for the service, before it starts.")
    ] = False,
    self_test: Annotated[bool, typer.Option("--self-test", help="Does this release work here?")] = False,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a new release, or go back to the last one.

    A release is taken only when its manifest is signed with the key that this machine trusts, and its own self-test
    passes beside the one that runs. If the service does not become healthy with it, the old one is put back. Examples:

      sudo nearfield update --from https://example.org/nearfield/ --check

      sudo nearfield update --from /media/usb/nearfield

      sudo nearfield update --rollback
    """
    from device.errors import UsageError  # noqa: PLC0415

    chosen = [flag for flag, given in _ways(check, rollback, show_list, resume, self_test).items() if given]
    if len(chosen) > 1:
        raise UsageError(f"{chosen[0]} and {chosen[1]} exclude each other", hint="one thing at a time")
    if source is not None and chosen and not check:
        raise UsageError(f"--from goes with --check or alone, not with {chosen[0]}")
    settings = settings_from(config, overrides)
    if self_test:
        from device.update.self_test import run  # noqa: PLC0415

        run(settings)
        _tell("ok", {"ok": True}, as_json)
        return
    if show_list:
        _show_list(settings, as_json)
        return
    os.umask(0o022)  # what root sets up here is run by another user
    updater = _updater(settings, config, settings.update.keep if keep is None else keep, quiet=as_json)
    with _steadfast():
        if resume:
            _resume(updater, as_json)
        elif rollback:
            name = updater.roll_back()
            _tell(f"{name} runs", {"current": name}, as_json)
        else:
            _take(updater, settings, source, check, allow_downgrade, as_json)


@contextlib.contextmanager
def _steadfast() -> Iterator[None]:
    """An ssh session that breaks off ends no update; SIGTERM does, in order, as Ctrl-C."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    ours: dict[int, Any] = {signal.SIGHUP: signal.SIG_IGN, signal.SIGTERM: interrupted}
    before = {number: signal.signal(number, action) for number, action in ours.items()}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _ways(check: bool, rollback: bool, show_list: bool, resume: bool, self_test: bool) -> dict[str, bool]:
    return {
        "--check": check,
        "--rollback": rollback,
        "--list": show_list,
        "--resume": resume,
        "--self-test": self_test,
    }


def _take(
    updater: "Updater", settings: "Settings", source: str | None, check: bool, allow_downgrade: bool, as_json: bool
) -> None:
    from device.errors import UsageError  # noqa: PLC0415
    from device.update.signature import read_key  # noqa: PLC0415
    from device.update.source import open_source  # noqa: PLC0415

    where = source or settings.update.source
    if not where:
        raise UsageError("where is the release?", hint="name it with --from DIR|URL, or set update.source")
    bundle, key = open_source(where), read_key(settings.update.public_key)
    if check:
        manifest, why_not = updater.check(bundle, key)
        facts = {"name": manifest.name, "version": manifest.version, "bytes": manifest.total_bytes, "refused": why_not}
        text = f"{manifest.name}: version {manifest.version}, {manifest.total_bytes / 1e6:.1f} MB; "
        _tell(text + (f"would be refused: {why_not}" if why_not else "can be taken"), facts, as_json)
        if why_not:
            raise typer.Exit(1)
        return
    name = updater.update(bundle, key, allow_downgrade=allow_downgrade)
    _tell(f"{name} runs" if name else "that release runs already", {"current": name or None}, as_json)


def _updater(settings: "Settings", config: Path | None, keep: int, quiet: bool) -> "Updater":
    from device.update.machine import SystemMachine  # noqa: PLC0415
    from device.update.releases import Releases  # noqa: PLC0415
    from device.update.shared_models import SharedModels  # noqa: PLC0415
    from device.update.updater import Updater  # noqa: PLC0415

    wanted = settings.update
    status = [str(wanted.root / "current/.venv/bin/nearfield"), "ctl", "status"]
    machine = SystemMachine(
        wanted.service, status, config=config, within_s=wanted.healthy_within_s, for_s=wanted.healthy_for_s
    )

    def tell(text: str) -> None:
        if not quiet:
            with contextlib.suppress(OSError):  # the terminal may have gone; the update goes on
                print_text(text)

    return Updater(Releases(wanted.root), machine, SharedModels(settings.models.dir), keep=keep, tell=tell)


def _resume(updater: "Updater", as_json: bool) -> None:
    from device.errors import UpdateError  # noqa: PLC0415

    try:
        back = updater.resume(restart=False)
    except UpdateError as error:  # one is running, and this start is its trial; or there are no releases here
        print(f"nearfield: nothing taken back: {error.message}", file=sys.stderr)
        return
    _tell(f"{back} is back" if back else "nothing to take back", {"current": back or None}, as_json)


def _show_list(settings: "Settings", as_json: bool) -> None:
    from device.update.releases import Releases  # noqa: PLC0415

    releases = Releases(settings.update.root)
    current, previous = releases.current(), releases.previous()
    rows: list[dict[str, Any]] = []
    for name in releases.whole():
        manifest = releases.manifest(name)
        rows.append(
            {
                "name": name,
                "version": manifest.version if manifest else None,
                "created": manifest.created if manifest else None,
                "state": "current" if name == current else "previous" if name == previous else "kept",
            }
        )
    doing = releases.state().doing
    if as_json:
        print_json({"root": str(settings.update.root), "releases": rows, "doing": doing.name if doing else None})
        return
    for row in rows:
        print_text(f"{row['state']:<9} {row['name']}  {row['created'] or 'by install.sh'}")
    if not rows:
        print_text(f"there are no releases in {settings.update.root}")
    if doing:
        print_text(f"in work   {doing.name} ({doing.phase}); if no update is running: nearfield update --resume")


def _tell(text: str, facts: dict[str, Any], as_json: bool) -> None:
    with contextlib.suppress(OSError):  # as above
        if as_json:
            print_json(facts)
        else:
            print_text(text)
