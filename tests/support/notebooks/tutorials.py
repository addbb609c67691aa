# The Python functions of the tutorials s6, s7, s8 and s10 of the platform (scc-digitalhub/digitalhub-tutorials, Apache-2.0), with the calls of
# their cells, side by side. Instead of a build each function has requirements; in place of GPUs, Tika and large packages stand small ones.
import json
import os
import time

import digitalhub as dh

project = dh.get_or_create_project(os.environ["PROJECT"])
found = {}


def ended(run):
    """Until it has ended, for three minutes."""
    until = time.monotonic() + 180
    while run.refresh().status.state not in ("COMPLETED", "ERROR", "STOPPED") and time.monotonic() < until:
        time.sleep(1)
    assert run.status.state == "COMPLETED", (run.spec.function, run.status.state, run.status.message)
    return run


def python(name, file, handler, **more):
    return project.new_function(
        name=name,
        kind="python",
        python_version="PYTHON3_10",
        code_src=f"src/{file}.py",
        handler=handler,
        **more,
    )


# s6: a model of one's own, trained and served
train_fn = python("train-time-series-model", "forecast", "train_model", requirements=["darts"])
train_run = train_fn.run("job", wait=False)

# s10: a table is validated
di = project.log_dataitem(name="data-invalid.csv", kind="table", source="src/invalid.csv")
func = python("validate-csv", "validate", "main", requirements=["frictionless"])
validate_run = func.run("job", inputs={"di": di.key}, wait=False)

# s8: a model is fine-tuned; its data is kept on a volume
project.new_secret(name="HF_TOKEN", secret_value="hf_1234567890")
func = python("create-dataset", "finetune", "preprocess_dataset")
more = {
    "secrets": ["HF_TOKEN"],
    "envs": [
        {"name": "HF_HOME", "value": "/local/data/huggingface"},
        {"name": "TRANSFORMERS_CACHE", "value": "/local/data/huggingface"},
    ],
    "volumes": [
        {
            "volume_type": "persistent_volume_claim",
            "name": "volume-llmpa",
            "mount_path": "/local/data",
            "spec": {"size": "1Gi"},
        }
    ],
}
whisper = {
    "model_id": "openai/whisper-small",
    "dataset_name": "fsicoli/common_voice_17_0",
    "language": "Italian",
    "language_code": "it",
}
data_run = func.run(
    action="job",
    parameters={
        "artifact_name": "audio-dataset",
        "max_train_samples": 100,
        "max_eval_samples": 100,
        **whisper,
    },
    resources={"mem": "1Gi"},
    **more,
)

# s7: text is extracted from a file by a service
tika_function = project.new_function("tika", kind="container", image="docker.io/library/python:3.12-slim")
tika_run = tika_function.run(
    "serve",
    command="python3",
    args=["-c", os.environ["TIKA"]],
    service_ports=[{"port": 9998, "target_port": 9998}],
    wait=True,
)
TIKA_URL = tika_run.status.to_dict()["service"]["url"]
extract_function = project.new_function(
    name="extract",
    kind="python",
    python_version="PYTHON3_10",
    code_src="src/extract.py",
    handler="extract_text",
)
pdf = project.new_artifact("document.pdf", kind="artifact", path=os.environ["DOCUMENT"])
extract_run = extract_function.run(
    "job", inputs={"artifact": pdf.key}, parameters={"tika_url": TIKA_URL}, wait=False
)

# s8, its second part
ended(data_run)
func = python("train-whisper", "finetune", "train_and_log_model")
tune_run = func.run(
    action="job",
    parameters={"model_name": "whisper-ft", "artifact_name": "audio-dataset", "max_steps": 3, **whisper},
    **more,
)

# s6, its second part
ended(train_run)
model = train_run.output("model")
serve_func = python(
    "serve-time-series-model",
    "forecast",
    "serve_predictions",
    init_function="init_context",
    requirements=["darts"],
)
serve_run = serve_func.run(
    "serve", init_parameters={"model_key": model.key}, labels=["time-series-service"], wait=True
)
inputs = {"inference_input": [{"value": 10.0 * n, "date": 1.6e12 + n * 86400000} for n in range(24)]}
result = serve_run.invoke(json=inputs).json()
found["forecast"] = [model.kind, sorted(model.status.metrics), len(result), sorted(result[0])]

ended(validate_run)
report = project.get_artifact("data-invalid.csv_validation-report.json")
found["validation"] = [
    json.loads(validate_run.result("report"))["valid"],
    project.get_dataitem("data-invalid.csv").metadata.labels,
    json.load(open(report.download(overwrite=True)))["valid"],
]

ended(extract_run)
html_artifact = project.get_artifact("document.pdf_output.html")
found["extract"] = open(html_artifact.download(overwrite=True)).read()

ended(tune_run)
tuned = project.get_model("whisper-ft")
found["tuned"] = [
    tuned.kind,
    sorted(
        os.path.relpath(os.path.join(top, name), "tuned")
        for top, _, names in os.walk(tuned.download("tuned"))
        for name in names
    ),
    tune_run.metrics,
    tuned.metrics,
    [line for entry in tune_run.logs() for line in entry.text.splitlines() if line.startswith("token")],
]
print(json.dumps(found))
