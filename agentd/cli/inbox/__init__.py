"""`agentd inbox`: what waits for a person."""
