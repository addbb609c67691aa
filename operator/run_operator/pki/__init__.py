"""The certificate authority of ingest and gateway: issue, rotate, reload."""
