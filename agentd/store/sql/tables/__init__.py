"""The SQL of each noun: what a reader asks, and what the write transaction does besides.

The rule these files keep: one noun each, named as in `store.protocols`. A file has a `…Reader` with
the questions, and a `…Tx` that answers them inside a write transaction.
"""
