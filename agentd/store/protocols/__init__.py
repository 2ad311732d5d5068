"""What an engine must offer, one file per noun.

The rule these files keep: rows and records go in and out, and these questions are all that is
asked. A file has a `…Reader` with the questions, and a `…Tx` where something is written besides.
`agentd.store` puts them together. Times are Unix milliseconds.
"""
