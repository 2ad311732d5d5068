"""What makes releases: man pages, completions, the one file. Run from the tree, never installed."""
