"""Write charts/run-operator from what kustomize makes of manifests/: `make chart`. So the two ways to install cannot differ.

What is here by hand is only what Helm adds: values, and where they stand. A test renders both and compares the objects.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.build import build
from run_operator import __version__

ROOT: Final = Path(__file__).parents[1]
CHART: Final = ROOT / "charts" / "run-operator"
GATEWAY: Final = "run-operator-gateway"
HEADER: Final = "{{- /* Written by `make chart` from manifests/. Change it there. */ -}}\n"
POLICIES: Final = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
SELECTED: Final = (
    "run-operator-author",
    "run-operator-fields",
    "run-operator-profiles",
    "run-operator-runtimes",
    "run-operator-status",
    "run-operator-steps",
)
"""Policies about Runs: with a list of namespaces, of these."""
OVERLAY: Final = (
    "resources: [../../base]\n"
    "components: [../../components/gateway, ../../components/monitoring, ../../components/multikueue]\n"
)
MONITORING: Final = (
    ("PrometheusRule", "run-operator"),
    ("ServiceMonitor", "run-operator"),
    ("ConfigMap", "run-operator-dashboard"),
)
DISPATCHING: Final = ("run-operator-multikueue", "run-operator-kueue")
"""Rights of the operator and of Kueue for Runs that MultiKueue runs in another cluster."""
KUEUE: Final = "kueue-controller-manager"

NAMESPACE: Final = "__NAMESPACE__"
IMAGE: Final = "__IMAGE__"
PULL: Final = "__PULL__"
BLOCKS: Final = {
    "__ENV__": """{{- range $name, $value := .Values.env }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}""",
    "__GATEWAY_SETTINGS__": """{{- range $name, $value := .Values.gateway.env }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}""",
    "__GATEWAY_ENV__": """{{- if .Values.gateway.enabled }}
        - name: RUN_OPERATOR_GATEWAY_TLS_SECRET
          value: run-operator-gateway-tls
        - name: RUN_OPERATOR_GATEWAY_SERVICE
          value: run-operator-gateway
        {{- end }}
        {{- with .Values.namespaces }}
        - name: RUN_OPERATOR_NAMESPACES
          value: {{ join " " . | quote }}
        - name: RUN_OPERATOR_PROFILES_NAMESPACE
          value: {{ first . | quote }}
        {{- end }}""",
    "__MULTIKUEUE__": """{{- if .Values.multikueue.enabled }}
  annotations:
    run-operator.io/multikueue-account: system:serviceaccount:{{ .Values.multikueue.namespace }}:{{ .Values.multikueue.serviceAccount }}
  {{- end }}""",
    "__KUEUE__": "{{ .Values.multikueue.serviceAccount }}",
    "__KUEUE_NAMESPACE__": "{{ .Values.multikueue.namespace }}",
    "__RESOURCES__": "{{- toYaml .Values.resources | nindent 10 }}",
    "__GATEWAY_RESOURCES__": "{{- toYaml .Values.gateway.resources | nindent 10 }}",
    "__SELECTOR__": """{{- with .Values.namespaces }}
  matchResources:
    matchPolicy: Equivalent
    objectSelector: {}
    namespaceSelector:
      matchExpressions:
        - key: kubernetes.io/metadata.name
          operator: In
          values: {{ toJson . }}
  {{- end }}""",
}
HELPERS: Final = """{{- /* Written by `make chart`. */ -}}
{{- define "run-operator.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end -}}
"""


def rendered(overlay: str) -> list[dict[str, Any]]:
    """The objects of a kustomization beside the repository's own overlays."""
    folder = ROOT / "manifests" / "overlays" / ".chart"
    folder.mkdir()
    try:
        (folder / "kustomization.yaml").write_text(overlay)
        command = [str(build("kubernetes") / "kubectl"), "kustomize", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        (folder / "kustomization.yaml").unlink()
        folder.rmdir()
    return list(yaml.safe_load_all(done.stdout))


def files() -> dict[str, str]:
    """The generated files of the chart by name."""
    objects = [one for one in rendered(OVERLAY) if one["kind"] != "Namespace"]
    policies = [one for one in objects if one["kind"] in POLICIES]
    gateway = [one for one in objects if one not in policies and _of_gateway(one)]
    everywhere = [
        one
        for one in objects
        if one["kind"] in ("ClusterRole", "ClusterRoleBinding") and one["metadata"]["name"] == "run-operator"
    ]
    watching = [one for one in objects if (one["kind"], one["metadata"]["name"]) in MONITORING]
    dispatching = [one for one in objects if one["metadata"]["name"] in DISPATCHING]
    apart = (*policies, *gateway, *everywhere, *watching, *dispatching)
    rest = [one for one in objects if one not in apart]
    values = _values(objects)
    return {
        "Chart.yaml": _chart(),
        "values.yaml": values,
        "values.schema.json": json.dumps(_schema(), indent=2) + "\n",
        "templates/_helpers.tpl": HELPERS,
        "templates/operator.yaml": HEADER + _documents(rest),
        "templates/rights.yaml": HEADER + _rights(everywhere),
        "templates/gateway.yaml": HEADER + _guarded(".Values.gateway.enabled", gateway),
        "templates/monitoring.yaml": HEADER + _guarded(".Values.monitoring.enabled", watching),
        "templates/multikueue.yaml": HEADER + _guarded(".Values.multikueue.enabled", dispatching),
        "templates/policies.yaml": HEADER + _guarded(".Values.policies.enabled", policies),
        "templates/crds.yaml": HEADER + _guarded(".Values.crds.install", _crds()),
        "templates/NOTES.txt": _NOTES,
    }


def main() -> None:
    """Write them."""
    for name, text in files().items():
        path = CHART / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _of_gateway(one: Mapping[str, Any]) -> bool:
    return str(one["metadata"]["name"]).startswith(GATEWAY)


def _crds() -> list[dict[str, Any]]:
    paths = yaml.safe_load((ROOT / "crds" / "kustomization.yaml").read_text())["resources"]
    return [yaml.safe_load((ROOT / "crds" / path).read_text()) for path in paths]


def _documents(objects: Iterable[Mapping[str, Any]]) -> str:
    return "".join(f"---\n{_text(one)}" for one in objects)


def _guarded(condition: str, objects: Iterable[Mapping[str, Any]]) -> str:
    return f"{{{{- if {condition} }}}}\n{_documents(objects)}{{{{- end }}}}\n"


def _rights(objects: Iterable[Mapping[str, Any]]) -> str:
    """To all namespaces, or as Roles in those of the list."""
    text = _documents(objects)
    roles = text.replace("kind: ClusterRole", "kind: Role").replace(
        "metadata:\n", "metadata:\n  namespace: {{ . }}\n"
    )
    roles = roles.replace("{{ .Release.Namespace }}", "{{ $.Release.Namespace }}")
    return f"{{{{- range .Values.namespaces }}}}\n{roles}{{{{- else }}}}\n{text}{{{{- end }}}}\n"


def _text(one: Mapping[str, Any]) -> str:
    """As YAML, with values where they stand. What is a template already in the text is kept as it is."""
    dumped = yaml.safe_dump(_marked(one), sort_keys=False, width=100_000).replace("{{", '{{ "{{" }}')
    dumped = dumped.replace(NAMESPACE, "{{ .Release.Namespace }}").replace(
        PULL, "{{ .Values.image.pullPolicy }}"
    )
    dumped = dumped.replace(IMAGE, '{{ include "run-operator.image" . }}')
    for mark, block in BLOCKS.items():
        dumped = dumped.replace(f"- {mark}", block).replace(f"__KEY__: {mark}", block).replace(mark, block)
    return dumped


def _marked(one: Mapping[str, Any]) -> Any:
    made: dict[str, Any] = json.loads(json.dumps(one))
    if "namespace" in made["metadata"]:
        made["metadata"]["namespace"] = NAMESPACE
    for subject in made.get("subjects") or ():
        subject.update(_account(subject["name"]))
    if made["kind"] == "ServiceAccount" and "annotations" in made["metadata"]:
        del made["metadata"]["annotations"]
        made["metadata"]["__KEY__"] = "__MULTIKUEUE__"
    if made["kind"] == "FlowSchema":
        made["spec"]["rules"][0]["subjects"][0]["serviceAccount"]["namespace"] = NAMESPACE
    if made["kind"] == "ValidatingAdmissionPolicyBinding":
        if "paramRef" in made["spec"]:
            made["spec"]["paramRef"]["namespace"] = NAMESPACE
        if made["metadata"]["name"] in SELECTED:
            made["spec"]["__KEY__"] = "__SELECTOR__"
    if made["kind"] == "Deployment":
        container = made["spec"]["template"]["spec"]["containers"][0]
        container["image"], container["imagePullPolicy"] = IMAGE, PULL
        if _of_gateway(made):
            container["env"] += ["__GATEWAY_SETTINGS__"]
            container["resources"] = "__GATEWAY_RESOURCES__"
        else:
            container["env"] = [e for e in container["env"] if "GATEWAY" not in e["name"]]
            container["env"] += ["__GATEWAY_ENV__", "__ENV__"]
            container["resources"] = "__RESOURCES__"
    return made


def _account(name: str) -> dict[str, str]:
    """The changes to a subject: ours are of the release, Kueue's is a value."""
    if name == KUEUE:
        return {"name": "__KUEUE__", "namespace": "__KUEUE_NAMESPACE__"}
    return {"namespace": NAMESPACE}


def _chart() -> str:
    """Helm wants SemVer, Python has 1.2.3.dev0."""
    version = __version__.replace(".dev", "-dev")
    text = {
        "apiVersion": "v2", "name": "run-operator", "type": "application",
        "description": "DigitalHub Runs as native Kubernetes objects.",
        "version": version, "appVersion": __version__, "kubeVersion": ">=1.30.0-0",
    }  # fmt: skip
    return "# Written by `make chart`.\n" + yaml.safe_dump(text, sort_keys=False)


def _resources(objects: Iterable[Mapping[str, Any]], name: str) -> str:
    (found,) = [o for o in objects if o["kind"] == "Deployment" and o["metadata"]["name"] == name]
    resources = found["spec"]["template"]["spec"]["containers"][0]["resources"]
    return yaml.safe_dump(resources, default_flow_style=True, sort_keys=False, width=1000).strip()


def _values(objects: list[dict[str, Any]]) -> str:
    return f"""# Written by `make chart`.
image:
  repository: run-operator.local/run-operator
  tag: "" # the chart's appVersion
  digest: "" # sha256:..., in place of the tag
  pullPolicy: IfNotPresent
# Settings as variables: RUN_OPERATOR_ and the flag's name.
env: {{}}
# Serve these and no others, with Roles in place of the ClusterRole. Empty: all.
namespaces: []
resources: {_resources(objects, "run-operator")}
crds:
  install: true # kept when the release is uninstalled: with a CRD go all its objects
policies:
  enabled: true
monitoring:
  enabled: false # PrometheusRule, ServiceMonitor and a Grafana dashboard; needs the Prometheus Operator
# Runs that Kueue's MultiKueue runs in another cluster (docs/operations.md): in the cluster in which they are applied.
multikueue:
  enabled: false
  namespace: kueue-system # of Kueue's ServiceAccount, which may then write the status of these Runs
  serviceAccount: kueue-controller-manager
gateway:
  enabled: false
  # Settings as variables: RUN_GATEWAY_ and the flag's name, such as RUN_GATEWAY_UI_OIDC_ISSUER for the page.
  env: {{}}
  resources: {_resources(objects, GATEWAY)}
"""


def _schema() -> dict[str, Any]:
    flag, anything = {"type": "boolean"}, {"type": "object"}
    image = {
        "repository": {"type": "string", "minLength": 1},
        "tag": {"type": "string"},
        "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
        "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    }
    variables, of_gateway = (
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{prefix}_[A-Z_]+$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }
        for prefix in ("RUN_OPERATOR", "RUN_GATEWAY")
    )
    namespace = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
    account = {"type": "string", "minLength": 1}
    values = {
        "image": _object(image),
        "env": variables,
        "namespaces": {"type": "array", "items": namespace, "uniqueItems": True},
        "resources": anything,
        "crds": _object({"install": flag}),
        "policies": _object({"enabled": flag}),
        "monitoring": _object({"enabled": flag}),
        "multikueue": _object({"enabled": flag, "namespace": namespace, "serviceAccount": account}),
        "gateway": _object({"enabled": flag, "env": of_gateway, "resources": anything}),
        "global": anything,
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#"} | _object(values)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


_NOTES: Final = """The Run operator is in namespace {{ .Release.Namespace }}{{ with .Values.namespaces }}, for {{ join ", " . }}{{ end }}.

  kubectl -n {{ .Release.Namespace }} rollout status deployment/run-operator
  kubectl get runs -A

`helm uninstall` leaves the CRDs, and so all Runs. docs/operations.md has the rest.
"""

if __name__ == "__main__":
    main()
