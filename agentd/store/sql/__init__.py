"""The questions in SQL, and what a write transaction remembers: the same for every engine of SQL.

The rule these files keep: what an engine does with files, locks, connections and errors is in its
own folder. `tables` has a file per noun.
"""
