"""`agentd mcp`: tool calls for an agent that speaks the Model Context Protocol."""
