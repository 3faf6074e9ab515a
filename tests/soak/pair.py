"""Two viewers in one process, and work in both at once."""

from pathlib import Path

from tests.soak.buttons import CNN, GENERATOR, PROBABILISTIC, make_small
from tests.soak.session import Session
from tests.soak.watch import wait_until

MANY = 10_000
START_SECONDS = 60


class Pair:
    """Live in `one` viewer; a network trains and images are made in the `other`.

    Parameters
    ----------
    viewers : two of napari.Viewer
    folder : Path
    seed : int
    without : collection of str
        Actions that are left out.
    """

    def __init__(self, viewers, folder, seed, without=()):
        self.one, self.other = (
            Session(viewer, Path(folder) / tag, seed + i, f"{tag} ", without)
            for i, (viewer, tag) in enumerate(zip(viewers, ("one", "two"), strict=True))
        )
        self._open = [self.one, self.other]
        self.n_together = 0

    def begin(self):
        """Start what does not run: Live here, training and generating there."""
        self._live(self.one)
        if self.other in self._open:
            self._train(self.other)
            self._generate(self.other)

    def _live(self, session):
        dock = session.open(PROBABILISTIC)
        if dock._job.is_running or dock._live.preview.is_on:
            return
        dock._method.choice.value = "auto"
        dock._image.value = session.cells
        if dock._why_no_labels() or dock.labels is session.masks:
            dock.add_strokes()
        for value in (1, 2):
            dock.labels.paint((20 * value, 30), value)
        wait_until(lambda: not dock._why_no_live())
        dock._live.bar._switch.click()

    def _train(self, session):
        dock = session.open(CNN)
        if not dock._job.is_running:
            make_small(dock)
            dock._form.epochs.value = MANY
            dock._image.value, dock._labels.value = session.cells, session.masks
            dock._train.button.click()

    def _generate(self, session):
        dock = session.open(GENERATOR)
        if not dock._job.is_running:
            dock._form.show_method("texture")
            dock._image.value, dock._labels.value = session.cells, None
            dock._form.size.value, dock._form.count.value = "128, 128", 500
            dock._generate.button.click()

    @property
    def is_at_work(self):
        """Whether Live is on, and both jobs of the other viewer run."""
        live = self.one.docks.get(PROBABILISTIC)
        jobs = [self.other.docks.get(name) for name in (CNN, GENERATOR)]
        return (
            live is not None
            and live._live.preview.is_on
            and all(dock is not None and dock._job.is_running for dock in jobs)
        )

    def act(self):
        """Do one thing in one of the viewers that are open; returns its name."""
        self.n_together += self.is_at_work
        session = self.one.random.choice(self._open)
        return session.act()

    def close_other(self):
        """Close a viewer while everything runs."""
        self.begin()
        self.n_together += wait_until(lambda: self.is_at_work, START_SECONDS)
        self._open.remove(self.other)
        self.other.docks.clear()
        self.other.viewer.close()

    def faults(self):
        """Return user's layers that were changed, and layers in the wrong viewer."""
        found = [name for session in self._open for name in session.faults()]
        for session in self._open:
            stranger = (self.other if session is self.one else self.one).tag
            found += [x.name for x in session.viewer.layers if stranger in x.name]
        return found

    def tidy(self):
        """Close every dock of the viewers that are left, and remove what was made."""
        for session in self._open:
            session.tidy()
