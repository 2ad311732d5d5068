"""The wire protocol, line by line, against a real daemon behind a real socket."""
