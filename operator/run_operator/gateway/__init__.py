"""The server that speaks the DigitalHub SDK's API. Each request reaches the cluster with its caller's token."""
