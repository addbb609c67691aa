"""The Run operator: DigitalHub Runs as native Kubernetes objects."""

from __future__ import annotations

__version__ = "0.1.0.dev0"
