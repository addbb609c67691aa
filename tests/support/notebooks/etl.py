# The cells of the tutorial s1-etl of the platform (scc-digitalhub/digitalhub-tutorials, Apache-2.0). Two lines differ:
# the name of the project, and the address of the data.
import json
import os

import digitalhub as dh

p_name = os.environ["PROJECT"]
project = dh.get_or_create_project(p_name)

url = os.environ["DATA_URL"]
di = project.new_dataitem(name="url-data-item", kind="table", path=url)

func = project.new_function(
    name="download-data",
    kind="python",
    python_version="PYTHON3_10",
    code_src="src/functions.py",
    handler="downloader",
)

run = func.run("job", inputs={"url": di.key}, wait=True)

dataset_di = project.get_dataitem("dataset")
dataset_di.as_df().head()

process_func = project.new_function(
    name="process-spire",
    kind="python",
    python_version="PYTHON3_10",
    code_src="src/functions.py",
    handler="process_spire",
)

process_run = process_func.run("job", inputs={"di": dataset_di.key}, wait=True)

process_run.output("dataset-spire").as_df().head()

process_measures_func = project.new_function(
    name="process-measures",
    kind="python",
    python_version="PYTHON3_10",
    code_src="src/functions.py",
    handler="process_measures",
)

process_measures_run = process_measures_func.run("job", inputs={"di": dataset_di.key}, wait=True)

di_meas = process_measures_run.output("dataset-measures")
di_meas.as_df().head()

api_func = project.new_function(
    name="api",
    kind="python",
    python_version="PYTHON3_10",
    code_src="src/functions.py",
    handler="serve",
    init_function="init_context",
)

run_serve_model = api_func.run("serve", init_parameters={"dataitem": di_meas.key}, wait=True)

import pandas as pd

svc_url = f"http://{run_serve_model.status.service['url']}/?page=5&size=10"
res = run_serve_model.invoke(url=svc_url).json()
rdf = pd.read_json(res["data"], orient="records")
rdf.head()

workflow = project.new_workflow(name="pipeline", kind="hera", code_src="src/pipeline.py", handler="pipeline")
build_run = wf_run = workflow.run("build", wait=True)
wf_run = workflow.run("pipeline", parameters={"url": di.key}, wait=True)

# What the test looks at.
print(
    json.dumps(
        {
            "states": [
                one.refresh().status.state
                for one in (run, process_run, process_measures_run, run_serve_model, build_run, wf_run)
            ],
            "spire": len(process_run.output("dataset-spire").as_df()),
            "measures": len(di_meas.as_df()),
            "page": [res["page"], res["size"], res["total"], len(rdf)],
            "pipeline": wf_run.id,
            "relationships": [one["type"] for one in dataset_di.metadata.relationships],
        }
    )
)
