"""`agentd ui`: pages for a browser on this machine."""
