"""Rule: one picture, one axis of time, one quantity a panel."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.soak.watch import Sample


def draw(
    path: Path, samples: Sequence[Sample], p99s: Sequence[tuple[float, float]], title: str
) -> None:
    """Write the picture of a soak as PNG."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra, needed for nothing else

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    began = samples[0].moment
    minutes = [(sample.moment - began) / 60 for sample in samples]
    panels = [
        ("memory, MB", minutes, [sample.resident for sample in samples]),
        ("WAL, MB", minutes, [sample.wal for sample in samples]),
        ("p99 of a call, ms", [(at - began) / 60 for at, _ in p99s], [p99 for _, p99 in p99s]),
        ("journal, 1,000 events", minutes, [sample.events / 1_000 for sample in samples]),
        ("database, MB", minutes, [sample.database for sample in samples]),
    ]
    figure, axes = plt.subplots(len(panels), 1, sharex=True, figsize=(9, 11))
    for axis, (label, x, y) in zip(axes, panels, strict=True):
        axis.plot(x, y, linewidth=1)
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        for before, after in pairwise(samples):
            if before.life != after.life:
                axis.axvline((after.moment - began) / 60, color="tab:red", linestyle=":")
    axes[0].set_title(title)
    axes[-1].set_xlabel("minutes (dotted: the daemon was killed)")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
