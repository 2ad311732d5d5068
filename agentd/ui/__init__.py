"""`agentd ui`: pages for a browser on this machine.

The rule this package keeps: a page is whole without JavaScript, and what others wrote is text on
it. Nothing is changed by looking, and by forms only where the person who started it allowed that.
"""
