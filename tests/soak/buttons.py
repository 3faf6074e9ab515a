"""What a user does in the docks."""

from contextlib import suppress

from napari.layers import Image

from napari_segen.widgets.cnn.form import EPOCHS
from napari_segen.widgets.objects.tools import HINTS

PROBABILISTIC, CNN, GENERATOR = (
    "Probabilistic segmentation",
    "CNN segmentation",
    "Image generator",
)
OBJECTS, COMPARE, FOLDER = "Objects", "Compare labels", "Apply to folder"
DOCKS = (PROBABILISTIC, CNN, GENERATOR, OBJECTS, COMPARE, FOLDER)
UNTRAINED = ("transform", "texture", "shapes")


def make_small(dock):
    """Let a CNN dock train a network that takes no time."""
    face = dock._form
    face.budget.value, face.epochs.value = EPOCHS, 2
    face.network.field("filters").value = 8
    face.network.field("depth").value = 1
    face._training["patch_px"].value = "32"


class Buttons:
    """Presses buttons at random; has `viewer`, `random`, `docks`, `folder`.

    A dock without widgets of magicgui is of length 0: ask whether it is None.
    """

    def _dock(self, *names):
        """Return one of these docks if it is open."""
        there = [self.docks[n] for n in names if n in self.docks]
        return self.random.choice(there) if there else None

    def do_choose_image(self):
        if (dock := self._dock(PROBABILISTIC, CNN, GENERATOR)) is not None:
            image = self.random.choice(self._users)
            if isinstance(image, Image):
                dock._image.value = image

    # -- segmenting -----------------------------------------------------------

    def do_new_strokes(self):
        dock = self._dock(PROBABILISTIC, CNN)
        if dock is not None and len(self._strokes()) < 4:
            dock._new_strokes.button.click()

    def do_method(self):
        if (dock := self._dock(PROBABILISTIC)) is not None:
            dock._method.choice.value = self.random.choice(
                ("auto", "bayes", "softmax", "forest", "mixture")
            )

    def do_wanted(self):
        if (dock := self._dock(PROBABILISTIC, CNN)) is not None:
            dock._posterior.value = self.random.random() < 0.3

    def do_run(self):
        if (dock := self._dock(PROBABILISTIC)) is not None:
            dock._run.button.click()

    def do_huge(self):
        """Learn from strokes on the image that counts as huge, and label all of it."""
        dock = self._dock(PROBABILISTIC)
        if dock is None or dock._job.is_running:
            return
        dock._image.value = self.slide
        if dock._why_no_labels():
            dock.add_strokes()
        for value in (1, 2):
            spot = [self.random.uniform(0, n - 1) for n in self.slide.data.shape]
            dock._labels.value.paint(spot, value)
        dock._run.button.click()

    def do_live(self):
        if (dock := self._dock(PROBABILISTIC)) is not None:
            dock._live.bar._switch.click()

    def do_show_next(self):
        if (dock := self._dock(PROBABILISTIC)) is not None:
            dock._live.bar.show_next()

    def do_guide(self):
        if (dock := self._dock(PROBABILISTIC)) is not None:
            dock._guide._next.button.click()
            dock._guide.explaining.button.click()

    def do_apply(self):
        if (dock := self._dock(PROBABILISTIC, CNN)) is not None:
            dock.apply_model()

    def do_train(self):
        if (dock := self._dock(CNN)) is not None:
            make_small(dock)
            self.random.choice((dock._train, dock._continue)).button.click()

    def do_steer_training(self):
        if (dock := self._dock(CNN)) is not None:
            self.random.choice((dock._pause, dock._stop)).button.click()

    def do_pairs(self):
        if (dock := self._dock(CNN)) is not None:
            for pair in dock._pairs.pairs[1:]:
                dock._pairs.remove(pair)
            self.random.choice((dock._add_pair, dock._patches)).button.click()

    # -- objects, comparing ---------------------------------------------------

    def do_find(self):
        if (dock := self._dock(OBJECTS)) is not None:
            dock._finding.preview.value = self.random.random() < 0.5
            dock._find.button.click()

    def do_correct(self):
        dock = self._dock(OBJECTS)
        if dock is not None and dock._correcting.layer not in self._users:
            tools = dock._correcting.tools
            tools.take(self.random.choice((*HINTS, None)))
            tools.click((self.random.uniform(0, 96), self.random.uniform(0, 128)))

    def do_compare(self):
        if (dock := self._dock(COMPARE)) is not None:
            layers = [x for x in dock._first.choices if x is not None]
            if len(layers) > 1:
                dock._first.value, dock._second.value = self.random.sample(layers, 2)
                dock._compare.button.click()

    # -- generating -----------------------------------------------------------

    def do_generate(self):
        if (dock := self._dock(GENERATOR)) is None:
            return
        names = [n for n in dock._form.method.choice.choices if n in UNTRAINED]
        if names:
            dock._form.method.choice.value = self.random.choice(names)
            dock._form.size.value = "64, 64"
            dock._generate.button.click()

    def do_source(self):
        if (dock := self._dock(GENERATOR)) is not None:
            dock._form.source.value = self.random.choice(dock._form.source.choices)

    def do_fit(self):
        if (dock := self._dock(GENERATOR)) is not None:
            names = dock._form.method.choice.choices
            dock._form.method.choice.value = self.random.choice(names)
            self.random.choice((dock._fit, dock._stop)).button.click()

    def do_check(self):
        if (dock := self._dock(GENERATOR)) is not None:
            dock.check()

    def do_hand_over(self):
        dock = self._dock(GENERATOR)
        if dock is not None and not dock._why_no_training_pairs():
            dock.train_on_generated()
            self.open(CNN)

    # -- a folder of images ---------------------------------------------------

    def do_folder_model(self):
        """Take the model of another dock, or that of the file."""
        dock = self._dock(PROBABILISTIC, CNN)
        if dock is not None and not dock._why_no_model():
            dock.apply_to_folder()
            self.open(FOLDER)
        elif (dock := self._dock(FOLDER)) is not None and not dock._why_busy():
            dock.load_model(self.model_path)

    def do_folder_run(self):
        if (dock := self._dock(FOLDER)) is not None and not dock._why_busy():
            form = dock._form
            form._images.value = self.images_path
            form._out.value = self.folder / self.random.choice(("one", "two", "three"))
            form._there.value = self.random.choice(form._there.choices)
            form._objects.value = self.random.choice(form._objects.choices)
            has_objects = form._objects.value is not None
            form._measurements.value = has_objects and self.random.random() < 0.5
            dock._run.button.click()

    def do_folder_look(self):
        if (dock := self._dock(FOLDER)) is not None:
            if self.random.random() < 0.5:
                dock.open_row(0)
            elif (window := dock.show_sheets()) is not None:
                window.close()

    # -- all ------------------------------------------------------------------

    def do_cancel(self):
        for dock in self.docks.values():
            if self.random.random() < 0.5:
                dock._job.cancel()

    def do_save(self):
        dock = self._dock(PROBABILISTIC, CNN, GENERATOR)
        if dock is not None and not dock._why_no_model():
            dock.save_model(self.folder / "kept.segen")

    def do_load(self):
        path = self.folder / "kept.segen"
        dock = self._dock(PROBABILISTIC, CNN, GENERATOR, FOLDER)
        if dock is not None and path.exists() and not dock._why_busy():
            with suppress(ValueError):
                dock.load_model(path)
