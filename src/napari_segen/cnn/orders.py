"""What a driver has asked of a training, kept until it is done."""

from collections import deque

from napari_segen.core.steps import FINISH, PAUSE, RESUME, Order, Show


class Orders:
    """Remembers orders: none is lost while the training is busy or starting.

    Attributes
    ----------
    is_finish, is_paused : bool
    """

    def __init__(self) -> None:
        self.is_finish = self.is_paused = False
        self._shows: deque[Show] = deque()

    def take(self, order: Order | None) -> None:
        """Remember one order, or None."""
        if order is FINISH:
            self.is_finish = True
        elif order is PAUSE or order is RESUME:
            self.is_paused = order is PAUSE
        elif isinstance(order, Show):
            self._shows.append(order)

    def next_show(self) -> Show | None:
        """Take the oldest look that was asked for and not given."""
        return self._shows.popleft() if self._shows else None
