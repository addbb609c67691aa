"""The command `runctl`: one module for each verb, and `main` which registers them."""
