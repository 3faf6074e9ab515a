"""Which part of an image the window shows."""

from tests.widgets.looking import Bench


def test_what_is_in_sight_of_a_plane():
    bench = Bench((300, 400), "yx")
    bench.look((150, 200), 2.0)
    assert bench.part.window == (slice(125, 176), slice(150, 251))
    bench.look((0, 0), 1.0)
    assert bench.part.window == (slice(0, 51), slice(0, 101))
    bench.look((-500, 0), 1.0)
    assert bench.part is None


def test_a_scaled_and_moved_image():
    bench = Bench((300, 400), "yx", scale=(2, 4), translate=(10, 20))
    bench.look((10 + 2 * 150, 20 + 4 * 200), 1.0)
    assert bench.part.window == (slice(125, 176), slice(175, 226))


def test_a_volume_shows_one_plane_along_any_axis():
    bench = Bench((30, 40, 50), "zyx")
    bench.viewer.dims.set_current_step(0, 7)
    assert bench.part.window[0] == slice(7, 8)
    bench.viewer.dims.order = (1, 0, 2)
    bench.viewer.dims.set_current_step(1, 9)
    window = bench.part.window
    assert window[1] == slice(9, 10)
    assert window[0].stop > 1
    bench.viewer.dims.ndisplay = 3
    assert bench.part is None


def test_frames_are_counted_over_their_axes_and_channels_left_out():
    bench = Bench((4, 3, 2, 30, 40), "tncyx")
    bench.viewer.dims.set_current_step(0, 2)
    bench.viewer.dims.set_current_step(1, 1)
    part = bench.part
    assert part.frame == 2 * 3 + 1
    assert len(part.window) == 2
    assert part.start == (2, 1, 0, 0)
    assert part.shape[:2] == (1, 1)


def test_of_a_large_view_the_middle():
    bench = Bench((300, 400), "yx")
    bench.most = 400
    bench.look((150, 200), 1.0)
    rows, columns = bench.part.window
    assert (rows.stop - rows.start) * (columns.stop - columns.start) <= 400
    assert abs(rows.start + rows.stop - 301) <= 2
    assert abs(columns.start + columns.stop - 401) <= 2
