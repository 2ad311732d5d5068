"""Spans of OpenTelemetry: of attempts, and of what the agents of the loop ask a model.

The rule this room keeps: its API is used where a program has imported it already, never imported
for a program that does not trace; and whatever goes wrong with a span, no node notices.
"""
