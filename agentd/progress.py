"""How far a long piece of work has come."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and of how much; 0 where nobody knows.

Where nothing is being done ("") the line is cleared, for others to print.
"""
