"""The Helm chart, and what writes it."""
