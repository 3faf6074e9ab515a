"""How a result came about: a paragraph for the methods section of a paper."""

from collections.abc import Sequence
from typing import Any

from napari_segen.core.model import finds_objects
from napari_segen.core.parameters import as_json
from napari_segen.features.families import TEXTURE_SIGMAS, TEXTURE_WINDOWS
from napari_segen.workflows.record import ObjectsRequest

_SCALES = {
    "auto": "Grey values were scaled by percentiles of each image, by no less than "
    "half the smallest span of the training images.",
    "training": "Grey values were scaled by percentiles of the training images.",
    "image": "Grey values were scaled by percentiles of each image.",
    "none": "Grey values were not scaled.",
}
# What no segmentation is computed with, unless it is a network's.
_OF_NETWORKS = "tensorflow"


_FINE, _WIDE = (
    " and ".join(f"{s:g}" for s in sizes) for sizes in (TEXTURE_SIGMAS, TEXTURE_WINDOWS)
)
_TEXTURE = (
    "; also texture energy, the root mean square of Laplacians at sigma "
    f"{_FINE} pixels within Gaussian windows of sigma {_WIDE} pixels"
)


def methods_text(model: Any) -> str:
    """Describe a fitted model in one paragraph, for a paper.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter

    Returns
    -------
    str
        The method with its parameters, what it learnt from, how good it is on what
        was held out, seed and versions: what the model knows of itself, no more.
    """
    model.check_fitted()
    tell = _of_network if model.kind == "cnn" else _of_strokes
    return " ".join(filter(None, [*tell(model), _origin(model)]))


def objects_text(request: ObjectsRequest) -> str:
    """Describe in a few sentences how objects were told apart."""
    if request.boundary is not None:
        how = (
            "cut apart by a watershed on the smoothed probability of the class "
            f"{request.boundary}, which was shared out among them"
        )
    elif request.method == "distance":
        how = (
            "cut apart by a watershed on the smoothed distance to where they are less "
            "certain, at necks"
        )
    else:
        how = "taken apart where they were not connected by edges or faces"
    told = [f"Objects of the class {request.foreground} were {how}."]
    if request.fill_holes:
        told.append(f"Before, holes of up to {request.fill_holes} pixels were filled.")
    if request.min_odds > 1:
        told.append(
            f"Objects nowhere over {request.min_odds:g} times as probable as other "
            "classes were left out."
        )
    if request.min_size:
        told.append(f"Objects of fewer than {request.min_size} pixels were left out.")
    return " ".join(told)


def _of_strokes(model: Any) -> list[str]:
    method = model.classifier_
    return [
        f"Pixels were classified by the method {model.method!r} of napari-segen "
        f"({method.title}{_listed(as_json(model.params), '; ')}).",
        _features(model),
        _SCALES[model.normalization],
        _training(model),
        f"It chose {method.reason_}." if method.reason_ else "",
        _calibration(model),
        _priors(model),
    ]


def _features(model: Any) -> str:
    bank = model.bank(model.spec_.sampling, model.is_colour_)
    families = _enumerated([f.replace("_", " ") for f in bank.features])
    unit = "pixels" if bank.sigma_unit == "pixel" else model.spec_.unit
    sigmas = _enumerated([f"{s:g}" for s in bank.sigmas])
    n = model.classifier_.n_features_
    space = "a volume" if model.spec_.n_space == 3 else "a plane"
    which = ""
    if model.channels is not None:
        which = f" of the channels {_enumerated(list(map(str, model.channels)))}"
    elif model.n_channels_ > 1:
        which = f" of all {model.n_channels_} channels"
    return (
        f"Each pixel was described by {_counted(n, 'feature')}{which}, computed in "
        f"{space}: {families}"
        + (f", at the scales sigma = {sigmas} {unit}" if sigmas else "")
        + (_TEXTURE if model.sees_texture_ else "")
        + "."
    )


def _training(model: Any) -> str:
    earlier = model.provenance_.get("earlier", [])
    hashes = {h for day in (*earlier, model.provenance_) for h in day["images"]}
    # Copies within one fit are images of their own.
    n_images = max(len(hashes), len(model.provenance_["images"]))
    images = _counted(n_images, "image")
    if not model.provenance_["labels"]:
        k = len(model.classes_)
        found = _counted(k, "class", "classes")
        return f"{found} were found in {images} without strokes."
    shares = zip(model.classes_, model.class_shares_, strict=True)
    told = [f"{_class(model, v)}: {share:.1%}" for v, share in shares]
    before, kept = "", model.strokes_
    strokes = "strokes" if kept is None else _counted(kept.n_strokes, "stroke")
    if earlier:
        days = _enumerated(list(dict.fromkeys(d["created"][:10] for d in earlier)))
        before = f", some of them kept from models fitted on {days}"
    return (
        f"It learnt from {strokes} on {images}{before}; share of the labelled pixels, "
        f"by weight: {'; '.join(told)}."
    )


def _calibration(model: Any) -> str:
    score = model.score_
    if score is None:
        return f"There is no held-out score: {model.score_reason_}."
    return (
        "Probabilities were calibrated by temperature scaling on held-out strokes. "
        f"On {_counted(score.n_strokes, 'stroke')}, held out in turn, the mean "
        f"intersection over union was {score.mean_iou:.3f}, the log loss "
        f"{score.log_loss:.3f} and the expected calibration error "
        f"{score.calibration_error:.3f}, before smoothing; the temperature was chosen "
        "on the same strokes."
    )


def _priors(model: Any) -> str:
    if model.class_prior is not None:
        total = sum(model.class_prior.values())
        shares = [
            f"{_class(model, v)}: {p / total:.3g}" for v, p in model.class_prior.items()
        ]
        told = f"Class frequencies were set to {'; '.join(shares)}."
    elif model.provenance_["labels"]:
        told = "Classes were taken to be as frequent as they were painted."
    else:
        told = "Classes were taken to be as frequent as the method found them."
    if not model.smoothing:
        return f"{told} There was no spatial smoothing."
    return (
        f"{told} Posteriors were smoothed in space by a Potts model in mean-field "
        f"approximation (strength {model.smoothing:g})."
    )


def _of_network(model: Any) -> list[str]:
    what = "Objects" if finds_objects(model) else "Pixels"
    settings = {k: v for k, v in as_json(model.training).items() if k != "seed"}
    n_images = len(model.provenance_["images"])
    scores = [v for v in model.history_.get("val_iou", []) if v is not None]
    held_out = ""
    if scores:
        held_out = (
            "The best mean intersection over union on labels held out from the "
            f"training was {max(scores):.3f}."
        )
    return [
        f"{what} were found by the convolutional network {model.network!r} of "
        f"napari-segen{_listed(as_json(model.params), ' (', ')')}, trained on "
        f"{_counted(n_images, 'image')} for {_counted(model.n_steps_, 'step')}"
        f"{_listed(settings, ' (', ')')}.",
        f"Training: {model.note_}." if model.note_ else "",
        held_out,
        _SCALES[model.normalization],
    ]


def _origin(model: Any) -> str:
    versions = dict(model.provenance_["versions"])
    if model.kind != "cnn":
        versions.pop(_OF_NETWORKS, None)
    seed = model.training.seed if model.kind == "cnn" else model.seed
    used = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"The random seed was {int(seed)}. Versions: {used}."


def _listed(values: dict[str, Any], before: str, after: str = "") -> str:
    """Write parameters with their values; nothing where there are none."""
    if not values:
        return ""
    told = ", ".join(f"{k.replace('_', ' ')} = {_word(v)}" for k, v in values.items())
    return f"{before}{told}{after}"


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "(" + ", ".join(map(_word, value)) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _class(model: Any, value: Any) -> str:
    info = model.class_info_.get(int(value))
    name = f" ({info.name})" if info is not None and info.name else ""
    return f"class {int(value)}{name}"


def _enumerated(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _counted(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"
