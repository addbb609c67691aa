# The cells of the tutorial s2-dbt of the platform (scc-digitalhub/digitalhub-tutorials, Apache-2.0). Two lines differ: the name of the
# project, and the address of the data.
import json
import os

import digitalhub as dh

p_name = os.environ["PROJECT"]
project = dh.get_or_create_project(p_name)

url = os.environ["DATA_URL"]
di = project.new_dataitem(name="employees-data", kind="table", path=url)

sql = """
WITH tab AS (
    SELECT  *
    FROM    {{ ref('employees') }}
)
SELECT  *
FROM    tab
WHERE   tab."DEPARTMENT_ID" = '50'
"""

function = project.new_function(name="transform-employees", kind="dbt", code=sql)

run = function.run(
    "transform",
    inputs={"employees": di.key},
    outputs={"output_table": "department-50"},
    wait=True,
)

found = run.output("department-50").as_df()
found.head()

workflow = project.new_workflow(
    name="dbt-pipeline", kind="hera", code_src="src/pipeline.py", handler="pipeline"
)

build_run = workflow.run("build", wait=True)

workflow_run = workflow.run("pipeline", parameters={"employees": di.key}, wait=True)

# What the test looks at.
print(
    json.dumps(
        {
            "states": [one.refresh().status.state for one in (run, build_run, workflow_run)],
            "names": sorted(found["FIRST_NAME"]),
            "results": sorted(run.status.results),
            "pipeline": workflow_run.id,
        }
    )
)
