"""Numbers as a person reads them."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_KIB = 1024


def format_size(number: float) -> str:
    """So many bytes."""
    for unit in _UNITS[:-1]:
        if number < _KIB:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= _KIB
    return f"{number:,.1f} {_UNITS[-1]}"


def format_count(number: int, noun: str) -> str:
    """So many of them; the noun is one that only takes an s."""
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def format_nodes(number: int) -> str:
    """So many nodes."""
    return format_count(number, "node")


def format_amount(number: float) -> str:
    """A sum as a person reads it: without what binary fractions add to it."""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.12g}"
