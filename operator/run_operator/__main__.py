"""`python -m run_operator`: start the operator."""

from __future__ import annotations

import asyncio
import gc
import sys

try:
    from run_operator.engine.operator import Operator
except ModuleNotFoundError as error:
    if (error.name or "").startswith("run_operator"):
        raise
    sys.exit(
        f"run-operator: {error.name} is not installed; the operator needs: pip install 'run-operator[operator]'"
    )
from run_operator.engine.leadership import LeadershipLostError
from run_operator.flags import command
from run_operator.kube.config import NoClusterError
from run_operator.kube.errors import KubeError, NotFoundError
from run_operator.kube.reflector import RewoundError
from run_operator.settings import Settings


@command(Settings, "RUN_OPERATOR", "run-operator")
def main(settings: Settings) -> None:
    """Reconcile Runs until SIGTERM. The cluster: KUBECONFIG, else the pod's service account, else ~/.kube/config."""
    try:
        asyncio.run(_operate(settings))
    except NotFoundError as error:
        sys.exit(
            f"run-operator: a CRD is missing or older than this operator: kubectl apply -k crds ({error})"
        )
    except LeadershipLostError:
        sys.exit("run-operator: another replica holds the Lease; this process exits and starts again")
    except RewoundError as error:
        sys.exit(
            f"run-operator: {error}; the objects in memory are no longer valid; this process exits and starts again"
        )
    except (KubeError, NoClusterError, OSError) as error:
        sys.exit(f"run-operator: {error}")


async def _operate(settings: Settings) -> None:
    # Events and requests make thousands of objects a second, and hardly any cycles: looking for some after every 700 costs
    # a tenth of the operator's CPU. Modules that are imported by now stay anyway.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    await Operator(settings).run()


if __name__ == "__main__":
    main()
