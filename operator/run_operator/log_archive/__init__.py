"""Logs of ended pods, kept as RunLogs: follow or read, select, store within shares."""
