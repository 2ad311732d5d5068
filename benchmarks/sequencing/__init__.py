"""Rule: writers are processes of their own; what they did is counted by who reads."""
