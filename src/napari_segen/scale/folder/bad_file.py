"""What a bad file raises, and how that is said in a line."""

import errno

# What else goes wrong is no file's fault.
BAD_FILE = (ValueError, TypeError, OSError, MemoryError)
# But these are of the place where results go.
NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def said(err: BaseException) -> str:
    """Say an error in one line, without its class if it says anything."""
    if isinstance(err, MemoryError):
        return f"not enough memory. {err}".strip()
    strerror = err.strerror if isinstance(err, OSError) else None
    return " ".join((strerror or str(err)).split()) or type(err).__name__
