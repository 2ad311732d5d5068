"""Rule: a figure counts only beside what it is compared with, taken in the same run.

`python -m benchmarks` measures the daemon against `floor.py`, the least program that could do
the job durably, against `peers/`, what a user would pick instead, and against the absolute
bars of the README in this directory.
"""
