# The cells of the tutorial s3-scikit-learn of the platform (scc-digitalhub/digitalhub-tutorials, Apache-2.0) without its model
# server. One line differs: the name of the project.
import base64
import json
import os

import digitalhub as dh

p_name = os.environ["PROJECT"]
project = dh.get_or_create_project(p_name)

data_gen_fn = project.new_function(
    name="prepare-data",
    kind="python",
    python_version="PYTHON3_10",
    code_src="src/functions.py",
    handler="data_generator",
)

gen_data_run = data_gen_fn.run("job", wait=True)

dataset = gen_data_run.output("dataset")
dataset.as_df().head()

train_fn = project.new_function(
    name="train-classifier",
    kind="python",
    python_version="PYTHON3_10",
    code_src="src/functions.py",
    handler="train_model",
    requirements=["numpy<2"],
)

train_run = train_fn.run(action="job", inputs={"di": dataset.key}, wait=True)

model = train_run.output("model")

with open("src/pipeline.py", "w") as file:  # %%writefile "src/pipeline.py"
    file.write("""
from digitalhub_runtime_hera.dsl import step
from hera.workflows import DAG, Workflow


def pipeline():
    with Workflow(entrypoint="dag") as w:
        with DAG(name="dag"):
            A = step(template={"action": "job"},
                     function="prepare-data",
                     outputs=["dataset"])
            B = step(template={"action": "job", "inputs": {"di": "{{inputs.parameters.di}}"}},
                     function="train-classifier",
                     inputs={"di": A.get_parameter("dataset")})
            A >> B
    return w
""")

workflow = project.new_workflow(
    name="ml-pipeline", kind="hera", code_src="src/pipeline.py", handler="pipeline"
)

build_run = workflow.run("build", wait=True)

wf_run = workflow.run("pipeline", wait=True)

# What the test looks at.
print(
    json.dumps(
        {
            "states": [one.refresh().status.state for one in (gen_data_run, train_run, build_run, wf_run)],
            "message": wf_run.status.message,
            "steps": [
                [one["display_name"], one["state"]] for one in wf_run.status.to_dict().get("nodes", [])
            ],
            "built": "train-classifier" in base64.b64decode(build_run.result("workflow")).decode(),
            "kinds": [type(project.get_workflow("ml-pipeline")).__name__, len(project.list_functions())],
            "versions": len(project.get_model_versions("breast_cancer_classifier")),
            "dataset": list(dataset.as_df().shape),
            "model": [model.kind, model.name, os.path.basename(model.download())],
            "metrics": sorted(project.get_model("breast_cancer_classifier").metrics),
            "log": "\n".join(one.text for one in train_run.logs()),
        }
    )
)
