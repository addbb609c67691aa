# The workflow that the tutorial s2-dbt of the platform writes (scc-digitalhub/digitalhub-tutorials, Apache-2.0), as it is.
from digitalhub_runtime_hera.dsl import step
from hera.workflows import DAG, Parameter, Workflow


def pipeline():
    with Workflow(entrypoint="dag", arguments=Parameter(name="employees")) as w:
        with DAG(name="dag"):
            A = step(
                template={
                    "action": "transform",
                    "inputs": {"employees": "{{workflow.parameters.employees}}"},
                    "outputs": {"output_table": "department-50"},
                },
                function="transform-employees",
            )
    return w
