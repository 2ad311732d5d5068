"""Rule: a peer is used as its own documentation has it, with its strongest durability switched on.

What a user would pick instead of agentd, one file each, all of the form of `peer.py`. What each
of them promises, and what its cycle lacks or adds, is in the README of `benchmarks/`.
"""
