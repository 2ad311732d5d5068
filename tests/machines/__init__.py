"""The laboratory of several machines that share one database on a server."""
