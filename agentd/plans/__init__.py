"""Plans from elsewhere: what other tools wrote, as a task of agentd; and a task, written out.

The rule this package keeps: one pure function per form, a file each, from the text to a plan. What
a form says and agentd has no counterpart for is listed with its line, never dropped in silence;
what would make another plan of it (which nodes there are, and what waits for what) is a fault.
"""
