"""The daemon as a service of its user: systemd's or launchd's, installed, looked at, taken away.

The rule this package keeps: what is written is worked out before anything is, as text out of
settings; nothing is done as root, nothing that is not ours is touched, and no secret is written.
"""
