"""Settings are fields of a dataclass, each described once: its flag, its environment variable and its help come from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, field, fields
from typing import Any, TypeVar

import click

from run_operator import __version__
from run_operator.observability import logs

Settings = TypeVar("Settings")


def setting(default: Any, told: str, *, flag: str = "", **option: Any) -> Any:
    """A field of such a dataclass. `told` is its help, `flag` where it is not `--field-name`, `option` what click takes."""
    return field(default=default, metadata={"flag": flag, "help": told, **option})


def command(
    settings: type[Settings], prefix: str, program: str
) -> Callable[[Callable[[Settings], None]], click.Command]:
    """Make a command of a function that takes the settings; variables are PREFIX_FIELD_NAME. Logs are set up before it."""

    def decorate(run: Callable[[Settings], None]) -> click.Command:
        def main(log_level: str, log_format: str, **chosen: Any) -> None:
            logs.configure(log_level, as_json=log_format == "json")
            run(settings(**chosen))

        made = click.Command(
            name=program,
            callback=main,
            params=[*map(_option, fields(settings)), *_of_logs()],  # type: ignore[arg-type]
            help=run.__doc__,
            context_settings={"auto_envvar_prefix": prefix, "show_default": True, "max_content_width": 110},
        )
        return click.version_option(__version__, prog_name=program)(made)

    return decorate


def _option(one: Field[Any]) -> click.Option:
    more = dict(one.metadata)
    flag = more.pop("flag") or "--" + one.name.replace("_", "-")
    return click.Option([flag, one.name], default=one.default, show_envvar=True, **more)


def _of_logs() -> tuple[click.Option, click.Option]:
    levels = click.Choice(["debug", "info", "warning", "error"], case_sensitive=False)
    return (
        click.Option(
            ["--log-level"], default="info", type=levels, show_envvar=True, help="How much to tell."
        ),
        click.Option(
            ["--log-format"], default="json", type=click.Choice(["json", "text"]), show_envvar=True,
            help="For whom to tell.",
        ),
    )  # fmt: skip
