"""The connection to the API server: requests with typed errors, deadlines, the leader's Lease, reflectors."""
