# The cells of the tutorial s3-scikit-learn of the platform (scc-digitalhub/digitalhub-tutorials, Apache-2.0). One line differs: the
# name of the project.
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
serve_func = project.new_function(
    name="serve-classifier",
    kind="sklearnserve",
    path=model.key,
)

serve_run = serve_func.run("serve", labels=["ml-service"], wait=True)

import numpy as np

# Generate sample data for prediction
data = np.random.rand(2, 30).tolist()
json_payload = {"inputs": [{"name": "input-0", "shape": [2, 30], "datatype": "FP32", "data": data}]}

# Make prediction
result = serve_run.refresh().invoke(json=json_payload).json()
print("Prediction result:")
print(result)

workflow = project.new_workflow(
    name="ml-pipeline", kind="hera", code_src="src/pipeline.py", handler="pipeline"
)

build_run = workflow.run("build", wait=True)

wf_run = workflow.run("pipeline", wait=True)

# What the test looks at.
print(
    json.dumps(
        {
            "states": [
                one.refresh().status.state for one in (gen_data_run, train_run, serve_run, build_run, wf_run)
            ],
            "prediction": [result["model_name"], *(result["outputs"][0][key] for key in ("name", "shape"))],
            "pipeline": wf_run.id,
            "dataset": list(dataset.as_df().shape),
            "model": [model.kind, model.name, os.path.basename(model.download())],
            "metrics": sorted(project.get_model("breast_cancer_classifier").metrics),
            "log": "\n".join(one.text for one in train_run.logs()),
        }
    )
)
