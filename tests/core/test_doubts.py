import threading
import warnings

import pytest

from napari_segen.core.doubts import doubt, doubts_heard
from napari_segen.core.errors import DataWarning


def test_nobody_listens_then_it_is_a_warning_of_the_line_that_doubts():
    with pytest.warns(DataWarning, match="image 0 is constant") as caught:
        doubt("image 0 is constant")
    assert caught[0].filename == __file__


def test_stacklevel_names_the_caller():
    def check():
        doubt("image 0 is constant", stacklevel=2)

    with pytest.warns(DataWarning) as caught:
        check()
    first = check.__code__.co_firstlineno
    assert caught[0].lineno > first + 1


def test_who_listens_hears_each_text_once_and_nothing_is_warned_of():
    with warnings.catch_warnings(), doubts_heard() as said:
        warnings.simplefilter("error")
        for text in ("a", "b", "a"):
            doubt(text)
    assert said == ["a", "b"]


def test_the_inner_listener_hears_and_the_outer_goes_on_even_after_an_error():
    heard = []

    def doubt_and_fail():
        with doubts_heard() as inner:
            heard.append(inner)
            doubt("inner")
            raise KeyError

    with doubts_heard() as outer:
        with pytest.raises(KeyError):
            doubt_and_fail()
        doubt("outer")
    assert (outer, heard) == (["outer"], [["inner"]])


def test_another_thread_is_not_listened_to_and_its_filters_are_left_alone():
    """Listening and `catch_warnings` of two threads may overlap in any way."""
    listens, silenced, ended = (threading.Event() for _ in range(3))
    said = []

    def listen():
        with doubts_heard() as heard:
            listens.set()
            silenced.wait(60)
            doubt("mine")
        said.extend(heard)
        ended.set()

    threading.Thread(target=listen).start()
    assert listens.wait(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        silenced.set()
        assert ended.wait(60)
        doubt("silenced here")  # an error, if the filters were put back
    assert said == ["mine"]
