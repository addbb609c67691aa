"""Hooks of the documentation site: pages that are made of the code, and pages from outside of docs/.

mkdocs calls `on_files` and `on_page_markdown`; nothing that is made here is committed, so it cannot go out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parents[1]
FROM_OUTSIDE: Final = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "cluster.md": "cluster/README.md",
}
PAGES: Final = {source: page for page, source in FROM_OUTSIDE.items()}
LINK: Final = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    generated = {
        "reference/resources.md": "\n".join(_resources()),
        "reference/runctl.md": RUNCTL,
        "reference/python.md": PYTHON,
        "reference/settings.md": "\n".join(_settings()),
        "reference/prometheus.md": "\n".join(_prometheus()),
    }
    for page, source in FROM_OUTSIDE.items():
        generated[page] = _moved((ROOT / source).read_text(), Path(source))
    for name, content in generated.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links to files outside of docs/ lead to their pages, or show the path."""
    if page.file.src_uri in FROM_OUTSIDE:
        return markdown
    return _moved(markdown, Path("docs") / page.file.src_uri)


def _moved(text: str, source: Path) -> str:
    """`text` of `source` with links that hold for a page of the site."""

    def moved(match: re.Match[str]) -> str:
        target = (source.parent / match[1]).as_posix()
        target = _normal(target)
        page = Path(source.as_posix().removeprefix("docs/") if source.parts[0] == "docs" else "index.md")
        if target in PAGES:
            path = PAGES[target]
        elif target.startswith("docs/") and (ROOT / target).suffix in (".md", ".png", ".svg"):
            path = target.removeprefix("docs/")
        else:
            return f"] (`{target}`)"
        up = "../" * (len(page.parts) - 1)
        return f"]({up}{path}{match[2] or ''})"

    moved_text = LINK.sub(moved, text)
    return re.sub(r"\[([^\]]*)\] \((`[^)]*`)\)", r"\1 (\2)", moved_text)


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


RUNCTL: Final = """\
# runctl

`kubectl runs` is the same program.

::: mkdocs-click
    :module: run_operator.client.cli.main
    :command: cli
    :prog_name: runctl
    :depth: 1
"""
PYTHON: Final = """\
# Python API

`pip install .` gives the package `run_operator`. [How to use it](../client.md).

::: run_operator.client.runs

::: run_operator.client.run.Run

::: run_operator.client.errors
"""


def _resources() -> Iterator[str]:
    yield "# Custom resources\n\nAs `kubectl explain` shows them. Required fields are marked with `*`.\n"
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        if not document or document.get("kind") != "CustomResourceDefinition":
            continue
        spec = document["spec"]
        (version, *_) = spec["versions"]
        schema = version["schema"]["openAPIV3Schema"]
        yield f"## {spec['names']['kind']}\n\n`{spec['group']}/{version['name']}`, `kubectl get {spec['names']['plural']}`\n"
        yield f"{schema.get('description', '')}\n\n| field | type | meaning |\n|---|---|---|"
        for part in ("spec", "status"):
            if part in schema.get("properties", {}):
                yield from _rows(part, schema["properties"][part])
        yield ""


def _rows(path: str, schema: Mapping[str, Any], required: bool = False) -> Iterator[str]:
    kind = str(schema.get("type", "any"))
    if "enum" in schema:
        kind = ", ".join(f"`{one}`" for one in schema["enum"])
    elif kind == "array":
        kind = f"list of {schema['items'].get('type', 'any')}"
    meaning = " ".join(str(schema.get("description", "")).split()).replace("|", "\\|").replace("<", "&lt;")
    if "default" in schema:
        meaning += f" Default: `{schema['default']}`."
    yield f"| `{path}`{' *' if required else ''} | {kind} | {meaning} |"
    inner = schema.get("items", schema) if schema.get("type") == "array" else schema
    for name, one in inner.get("properties", {}).items():
        yield from _rows(f"{path}.{name}", one, name in inner.get("required", ()))


def _settings() -> Iterator[str]:
    from run_operator.gateway.__main__ import GatewaySettings
    from run_operator.settings import Settings

    yield "# Settings\n\nEach setting is a flag and an environment variable. Times are seconds, sizes are bytes.\n"
    for title, settings, prefix in (
        ("The operator (`python -m run_operator`)", Settings, "RUN_OPERATOR"),
        ("The gateway (`python -m run_operator.gateway`)", GatewaySettings, "RUN_GATEWAY"),
    ):
        yield f"## {title}\n\n| flag | variable | default | meaning |\n|---|---|---|---|"
        for one in fields(settings):
            flag = one.metadata.get("flag") or "--" + one.name.replace("_", "-")
            default = "" if one.default in ("", (), None) else f"`{one.default}`"
            text = str(one.metadata.get("help", "")).replace("|", "\\|")
            yield f"| `{flag}` | `{prefix}_{one.name.upper()}` | {default} | {text} |"
        yield ""


def _prometheus() -> Iterator[str]:
    from prometheus_client import CollectorRegistry

    from run_operator.gateway.telemetry import GatewayTelemetry
    from run_operator.ingest.telemetry import IngestTelemetry
    from run_operator.log_archive.telemetry import ArchiveTelemetry
    from run_operator.observability.telemetry import OperatorTelemetry

    operator = OperatorTelemetry()
    IngestTelemetry(operator.registry)
    ArchiveTelemetry(operator.registry)
    yield "# Prometheus metrics\n\nServed at `/metrics` of the port `metrics`. Gauges that are read at scrape time are not listed.\n"
    for title, registry in (("Operator", operator.registry), ("Gateway", GatewayTelemetry().registry)):
        assert isinstance(registry, CollectorRegistry)
        yield f"## {title}\n\n| metric | type | meaning |\n|---|---|---|"
        for family in sorted(registry.collect(), key=lambda one: one.name):
            name = family.name + ("_total" if family.type == "counter" else "")
            yield f"| `{name}` | {family.type} | {family.documentation} |"
        yield ""
