"""The REST API: one table of routes on plain requests and responses, which every door mounts; see docs/api.md."""
