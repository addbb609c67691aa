"""Metrics of one Run: numbers, series, their limits, requests of pods, the ledger of commits. No I/O."""
