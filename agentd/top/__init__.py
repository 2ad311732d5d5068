"""`agentd top`: what the daemon has in hand, live in a terminal.

The rule this package keeps: `model` knows what is shown and asks for it, the widgets draw what they
are given and ask for nothing. What is drawn are lines of text that fit, made by plain functions; a
colour is never alone, and text of others is neither markup nor control characters.
"""
