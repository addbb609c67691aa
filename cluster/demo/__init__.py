"""`make demo`: from nothing to real Runs on a real cluster, showing every step."""
