"""What every model of the package can do: be saved, and be read back."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from napari_segen.core.archive import FilePath, read_archive, write_archive
from napari_segen.core.errors import ModelFileError, NotFitted
from napari_segen.core.imagespec import Array


class Model(ABC):
    """A segmenter or generator that learns from images and can be saved.

    A subclass keeps what it has learnt in NumPy arrays and plain values, so that it
    can be pickled to another process and written to a file.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def is_fitted(self) -> bool:
        """Whether `fit` has succeeded."""

    @abstractmethod
    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header (JSON values) and the arrays of the model file."""

    @classmethod
    @abstractmethod
    def from_archive(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Build the model that `to_archive` described.

        May raise KeyError, TypeError, ValueError, IndexError, AttributeError or
        OverflowError on contents that no `to_archive` wrote; `restored` turns them
        into `ModelFileError`.
        """

    @classmethod
    def restored(
        cls,
        path: FilePath,
        header: Mapping[str, Any],
        arrays: Mapping[str, Array],
    ) -> Self:
        """Build the model of the file `path`, or say in a `ModelFileError` why not."""
        try:
            return cls.from_archive(header, arrays)
        except ModelFileError:
            raise
        except (
            KeyError,
            TypeError,
            ValueError,
            IndexError,
            AttributeError,
            OverflowError,  # an infinite or enormous number where an integer belongs
        ) as err:
            raise ModelFileError(
                f"{path} is damaged: its contents do not make a model ({err!r})."
            ) from err

    @classmethod
    def opened(cls, init_from: Any) -> Self:
        """Return the fitted model that `init_from` is, or is the file of."""
        if isinstance(init_from, cls):
            init_from.check_fitted()
            return init_from
        if not isinstance(init_from, str | os.PathLike):
            raise TypeError(
                f"init_from must be a fitted {cls.__name__} or the path of its file, "
                f"got {init_from!r}."
            )
        header, arrays = read_archive(init_from)
        if header["kind"] != cls.kind:
            raise ValueError(
                f"init_from: {init_from} holds a model of the kind {header['kind']!r}, "
                f"not {cls.kind!r}."
            )
        return cls.restored(init_from, header, arrays)

    def save(self, path: FilePath) -> None:
        """Write the model to one file, whole or not at all.

        Parameters
        ----------
        path : path
            By convention ending in ``.segen``.
        """
        self.check_fitted()
        header, arrays = self.to_archive()
        write_archive(path, self.kind, header, arrays)

    def check_fitted(self) -> None:
        """Raise `NotFitted` before `fit`."""
        if not self.is_fitted:
            raise NotFitted(
                f"this {type(self).__name__} has not been fitted: call fit first."
            )


def finds_objects(model: Any) -> bool:
    """Whether a model's labels are numbers of objects, and not classes."""
    return getattr(model, "task", "classes") == "instances"
