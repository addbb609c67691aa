"""`runctl`: Runs from the command line. One verb a module, loaded when it is used."""

from __future__ import annotations

import sys

import click

from run_operator import __version__
from run_operator.client.cli.manifest import manifest_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="runctl")
def cli() -> None:
    """Work with DigitalHub Runs on Kubernetes."""


cli.add_command(manifest_command)


def main() -> None:
    """The entry point: no traceback for what a person did, quiet on Ctrl-C and on a closed pipe."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
