"""What a person has to know when the cluster cannot be had; each message is one complete line."""

from __future__ import annotations


class ClusterError(Exception):
    """The text says what happened, to what, and what to do."""
