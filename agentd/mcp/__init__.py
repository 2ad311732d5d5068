"""Tool calls: what an agent that speaks the Model Context Protocol can do with agentd.

The rule this package keeps: a server lives and dies with its one client. It keeps alive what that
client holds for as long as it is there, and gives everything back the moment it goes. Nothing is
known here that the daemon does not know: all of it is asked through `agentd.client`.
"""
