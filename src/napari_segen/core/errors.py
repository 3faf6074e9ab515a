"""The package's own exceptions and warnings; all else is ValueError or TypeError."""


class MissingBackend(ImportError):
    """A package that this task needs is not installed; the message has the remedy."""


class ModelFileError(ValueError):
    """A model file is damaged, foreign, too large, or not what it claims to be."""


class SomeFailed(ValueError):
    """Some of many files were bad; what could be done with the others is done."""


class NotFitted(ValueError):
    """A model was asked for a result before `fit`."""


class DataWarning(UserWarning):
    """The data can be used, but the result will probably disappoint."""
