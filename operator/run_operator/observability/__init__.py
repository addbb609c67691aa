"""Prometheus metrics, logging and health of the operator process."""
