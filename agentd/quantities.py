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


def format_nodes(number: int) -> str:
    """So many nodes."""
    return "1 node" if number == 1 else f"{number:,} nodes"


def format_amount(number: float) -> str:
    """A sum as a person reads it: without what binary fractions add to it."""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.12g}"
