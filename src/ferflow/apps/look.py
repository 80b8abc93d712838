"""How the applications look on a terminal: signs, sizes, bars."""

from __future__ import annotations

SIGNS = {
    "good": "[green]✓[/green]",
    "absent": "[dim]–[/dim]",
    "warn": "[yellow]![/yellow]",
    "bad": "[red]✗[/red]",
}
"""Rich markup of a finding: fine, not there and not needed, works with a drawback, must be mended."""


def megabytes(size: float) -> str:
    """Bytes as kB, MB or GB."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def bar(share: float, width: int) -> str:
    """A share 0–1 as a bar of `width` characters, in eighths of a character."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(width)
