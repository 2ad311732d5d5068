"""Setting agents up: what is put into the settings of a harness, and taken out again.

The rule this package keeps: a settings file is somebody else's. What is not ours keeps its bytes,
nothing is written before everything was planned, and what we put in can be found and taken out.
"""
