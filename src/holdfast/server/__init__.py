"""The server: one process that takes runs and shows them. `app` puts its rooms together."""
