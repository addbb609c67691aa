"""The shape `full`: real nodes and pods, in namespaces of their own; the end of PID 1 there ends all of it.

`life` starts and ends it, `spawning` makes the namespaces, `plan` writes what runs in them, `furnishing` what the cluster
needs to be useful. `cgroups`, `sysctls` and `links` change the host, and take back what they changed.
"""

from __future__ import annotations

from cluster.full.furnishing import load_images, operator_image
from cluster.full.life import down, up

__all__ = ["down", "load_images", "operator_image", "up"]
