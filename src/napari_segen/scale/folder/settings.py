"""What is wanted of each image."""

from dataclasses import asdict, dataclass
from typing import Any

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.model import finds_objects


@dataclass(frozen=True, slots=True)
class ObjectSettings:
    """How objects are found in classes; see `instances`.

    Parameters
    ----------
    foreground : tuple of int
        Class *values*, unlike those of `instances`; `boundary` too.
    boundary : int, optional
    min_size : int
    """

    foreground: tuple[int, ...]
    boundary: int | None = None
    min_size: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """What is wanted of each image.

    Parameters
    ----------
    axes : str, optional
        The axes of each image; None takes the file's word, or those of training.
    posterior, uncertainty, measurements : bool
        Also write these.
    objects : ObjectSettings, optional
        Also write objects.
    rescale : bool
        As for a network's `predict`.
    """

    axes: str | None = None
    posterior: bool = False
    uncertainty: bool = False
    objects: ObjectSettings | None = None
    measurements: bool = False
    rescale: bool = False

    @property
    def wanted(self) -> list[str]:
        """Which files are written."""
        optional = {
            "posterior": self.posterior,
            "uncertainty": self.uncertainty,
            "objects": self.objects is not None,
            "measurements": self.measurements,
        }
        return ["labels", *(what for what, is_wanted in optional.items() if is_wanted)]

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)


def check_for_omezarr(settings: Settings) -> None:
    """Raise ValueError where what is wanted cannot be had of OME-Zarr images."""
    refused = {
        "--posterior": settings.posterior,
        "--uncertainty": settings.uncertainty,
        "--rescale": settings.rescale,
    }
    if names := [name for name, is_wanted in refused.items() if is_wanted]:
        raise ValueError(
            f"{' and '.join(names)} cannot be had of OME-Zarr images, which may be "
            "larger than memory. Leave it out, or give only images of other formats."
        )


def check_settings(model: Any, settings: Settings) -> None:
    """Raise ValueError where a model cannot do what is wanted."""
    if settings.axes is not None:
        ImageSpec(settings.axes)
    if settings.rescale and model.kind not in ("cnn", "bioimageio"):
        raise ValueError(
            "the model is no CNN: leave --rescale out. Features in physical units "
            "(--sigma-unit physical, in training) take account of the pixel size."
        )
    if settings.measurements and settings.objects is None and not finds_objects(model):
        raise ValueError(
            "--measurements are of objects: say which classes these are made of, such "
            f"as --objects {int(model.classes_[-1])}."
        )
    if settings.objects is None:
        return
    if finds_objects(model):
        raise ValueError("the model's labels are objects already: leave --objects out.")
    known = model.classes_.tolist()
    for value in (*settings.objects.foreground, settings.objects.boundary):
        if value is not None and value not in known:
            raise ValueError(
                f"--objects and --boundary must be classes of the model ({known}), "
                f"got {value}."
            )
