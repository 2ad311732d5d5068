"""`agentd top`: what goes on, live in a terminal."""
