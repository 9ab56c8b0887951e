"""Queues and readers: pipelines whose stages are runs of the same session, in threads."""
