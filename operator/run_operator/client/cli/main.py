"""`runctl`: Runs from the command line. One module for a few verbs, loaded when one of them is used."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Final

import click

from run_operator import __version__
from run_operator.client.cli.exit_codes import FAILED, INTERRUPTED, code_of, say, text_of

VERBS: Final[dict[str, tuple[str, str]]] = {
    "manifest": ("manifest", "Convert exported files into manifests."),
    "run": ("run", "Create a Run from an image and a command, and follow it."),
    "rerun": ("run", "Run the same document again, with other variables."),
    "apply": ("apply", "Create or update the objects of exported files."),
    "list": ("list", "List Runs."),
    "get": ("list", "Show Runs by name, also as YAML or JSON."),
    "describe": ("describe", "Show all details of one Run."),
    "why": ("why", "Show what the operator waits for, and what it would do next."),
    "wait": ("wait", "Wait until Runs have ended, or until services are ready."),
    "logs": ("logs", "Show the logs of a Run; -f follows them."),
    "stop": ("suspend", "Stop Runs; runctl resume continues them."),
    "resume": ("suspend", "Resume stopped Runs."),
    "delete": ("suspend", "Delete Runs, with their pods and claims."),
    "metrics": ("metrics", "Show metrics; --plot: as a chart."),
    "runtimes": ("runtimes", "List the kinds that Runtimes define."),
    "explain-runtime": ("runtimes", "Show the fields of a kind, and the objects that a document becomes."),
    "compare": ("compare", "Compare Runs: parameters, metrics, a chart."),
    "export": ("export", "Write runs-<id>.yaml, with status and metrics."),
    "invoke": ("invoke", "Send a request to a Run's service."),
    "top": ("top", "Show the CPU and memory that the pods of Runs use."),
    "ui": ("ui", "Open the page of Runs in the browser."),
    "version": ("version", "Show the versions of client, CRDs and operator, and whether they fit."),
    "completion": ("completion", "Print the completion script for your shell."),
}
"""Verb to its module and its line in the help, so that the help loads none of them."""


MEANT: Final = {
    "ls": "list", "ps": "list", "show": "get", "status": "describe", "inspect": "describe", "log": "logs", "tail": "logs",
    "kill": "stop", "cancel": "stop", "suspend": "stop", "pause": "stop", "start": "resume", "unsuspend": "resume",
    "restart": "rerun", "retry": "rerun", "rm": "delete", "remove": "delete", "create": "apply", "submit": "run",
    "import": "apply", "load": "apply", "convert": "manifest", "save": "export", "watch": "wait", "diff": "compare",
    "call": "invoke", "curl": "invoke", "explain": "why", "kinds": "runtimes",
}  # fmt: skip
"""Words of other tools for our verbs."""


class _Verbs(click.Group):
    """Finds a verb in its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        module = import_module(f"run_operator.client.cli.{VERBS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A verb that there is not is answered with the one that may be meant."""
        if args and args[0] not in VERBS and args[0][:1].isalpha():
            from difflib import get_close_matches

            near = MEANT.get(args[0]) or next(iter(get_close_matches(args[0], VERBS)), None)
            raise click.UsageError(
                f"there is no verb {args[0][:40]!r}" + (f"; did you mean {near}?" if near else ""), ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_, purpose) in VERBS.items()])


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="runctl")
@click.option("-n", "--namespace", help="The namespace, written before the verb as in kubectl.")
@click.option("--context", "chosen_context", help="The same option of the verb, written before it.")
@click.option("--kubeconfig", type=click.Path(), help="The same option of the verb, written before it.")
@click.pass_context
def cli(context: click.Context, /, **chosen: str | None) -> None:
    """Work with DigitalHub Runs on Kubernetes. The cluster: KUBECONFIG, else the pod's own, else ~/.kube/config.

    Exit codes: 0 done, 1 the Run or the request failed, 2 usage or bad input, 3 not found, 4 timeout.
    """
    given = {name.removeprefix("chosen_"): value for name, value in chosen.items() if value is not None}
    context.default_map = dict.fromkeys(VERBS, given)


def main() -> None:
    """The entry point: no traceback for what a person or a cluster did, quiet on Ctrl-C and on a closed pipe."""
    _never_fail_for_a_letter()
    try:
        _run()
    finally:
        # The interpreter looks through all objects for cycles before it ends: 70 of the 80 ms that its end takes.
        gc.freeze()


def _run() -> None:
    try:
        code = cli(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, and not at the interpreter's end, an error of it can be printed
        sys.exit(code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else _asked()
        early = isinstance(error, click.NoSuchOption) and error.ctx is not None and error.ctx.command is cli
        hint = ": this option follows the verb, as in runctl list -o wide" if early else ""
        said = error.format_message().rstrip(".")
        say(f"{said}{hint}{'' if said.endswith('?') else ';'} see {asked} --help")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        say(error.format_message())
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _forget_output()
        sys.exit(FAILED)  # as click ends when it is the one that notices
    except Exception as error:
        status = code_of(error)
        if status is None:
            raise
        say(text_of(error))
        sys.exit(status)


def _asked() -> str:
    """The verb that was typed; click does not say it where an option lacks its value."""
    return next((f"runctl {word}" for word in sys.argv[1:] if word in VERBS), "runctl")


def _never_fail_for_a_letter() -> None:
    """A terminal that cannot show a letter shows `?`; the rest of what is asked for is not lost."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _forget_output() -> None:
    """Discard the rest of the output, so that a closed pipe does not fail again when the interpreter ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
