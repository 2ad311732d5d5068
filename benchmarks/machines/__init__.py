"""Rule: whoever is compared works on the same server, each in a database of its own, in turns."""
