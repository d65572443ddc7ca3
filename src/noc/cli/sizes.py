"""Sizes as people read them."""


def shown_size(count: int) -> str:
    """Bytes as `1.2 kB` or `3.4 MB`, in powers of ten."""
    return f"{count / 1_000_000:,.1f} MB" if count >= 100_000 else f"{count / 1_000:,.1f} kB"
