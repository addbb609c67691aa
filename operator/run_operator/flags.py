"""Settings are fields of a dataclass. Each field gives its flag, its environment variable and its help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from typing import Any, Final, TypeVar

import click

from run_operator import __version__
from run_operator.observability import logging

Settings = TypeVar("Settings")
MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class BindAddress:
    """Where a server listens. An empty host: all addresses, of IPv4 and of IPv6."""

    host: str
    port: int

    def __str__(self) -> str:
        """The form that a flag takes."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class BindAddressType(click.ParamType[BindAddress]):
    """HOST:PORT, [IPv6]:PORT, or :PORT for all addresses."""

    name = "[HOST]:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> BindAddress:
        """Raise click.BadParameter with what to write."""
        if isinstance(value, BindAddress):
            return value
        host, colon, port = str(value).rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if not colon or not port.isdecimal() or int(port) > MAX_PORT or (":" in host and not bracketed):
            self.fail(f"{value!r} is not HOST:PORT, [IPv6]:PORT or :PORT", param, ctx)
        return BindAddress(host[1:-1] if bracketed else host, int(port))


def setting(default: Any, help_text: str, *, flag: str = "", **option: Any) -> Any:
    """A field of a dataclass of settings. `flag` replaces the default name `--field-name`; `option` goes to click."""
    return field(default=default, metadata={"flag": flag, "help": help_text, **option})


def command(
    settings: type[Settings], prefix: str, program: str
) -> Callable[[Callable[[Settings], None]], click.Command]:
    """Make a command of a function that takes the settings; variables are PREFIX_FIELD_NAME. Logs are set up before it."""

    def decorate(run: Callable[[Settings], None]) -> click.Command:
        def main(log_level: str, log_format: str, **chosen: Any) -> None:
            logging.configure(log_level, as_json=log_format == "json")
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
            ["--log-level"], default="info", type=levels, show_envvar=True, help="Minimum severity."
        ),
        click.Option(
            ["--log-format"], default="json", type=click.Choice(["json", "text"]), show_envvar=True,
            help="Output format.",
        ),
    )  # fmt: skip
