"""The bounded HTTP server, rate limits and probes that operator, ingest and gateway share."""
