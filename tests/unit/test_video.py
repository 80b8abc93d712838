"""Clips of any kind come as RGB frames; what cannot be read says so in one line."""

import cv2
import numpy as np
import pytest

from ferflow.errors import InputError
from ferflow.faces.video import natural_key, open_clip

WIDTH, HEIGHT, N_FRAMES = 160, 120, 40


def coloured(index: int) -> np.ndarray:
    """A frame, RGB, whose red says which one it is; noise keeps the frames of the file alike in size."""
    noise = np.random.default_rng(index).integers(0, 40, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    frame = cv2.GaussianBlur(noise, (0, 0), 2)
    frame[..., 0] = 40 + 4 * index
    return frame


def write_video(path, n_frames=N_FRAMES):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for index in range(n_frames):
        writer.write(coloured(index)[..., ::-1])
    writer.release()
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "clip.avi")


def test_a_video_yields_its_frames_in_order_as_rgb(video):
    clip = open_clip(video)
    assert (clip.info.n_frames, clip.info.fps, clip.info.width, clip.info.height) == (40, 25.0, 160, 120)
    frames = list(clip)
    assert frames[0].shape == (HEIGHT, WIDTH, 3) and frames[0].dtype == np.uint8
    reds = [frame[..., 0].mean() for frame in frames]
    assert np.allclose(reds, 40 + 4 * np.arange(40), atol=3)
    assert clip.decoded == 40 and clip.warnings == []
    assert len(list(clip)) == 40  # a second pass starts anew


def test_a_video_cut_in_the_middle_is_an_error_that_counts(video, tmp_path):
    cut = tmp_path / "cut.avi"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    clip = open_clip(cut, missing_frames=5)
    assert clip.info.n_frames == 40
    with pytest.raises(InputError, match=r"cut\.avi: is cut in the middle.*declares 40 frames, 1\d can"):
        list(clip)


def test_a_few_missing_frames_are_a_warning_and_one_more_is_an_error(video, tmp_path):
    whole = video.read_bytes()
    cut = tmp_path / "late.avi"
    cut.write_bytes(whole[: int(len(whole) * 0.93)])
    clip = open_clip(cut, missing_frames=5)
    decoded = len(list(clip))
    assert 35 <= decoded < 40
    assert clip.warnings == [f"declares 40 frames, {decoded} can be decoded"]
    with pytest.raises(InputError, match="cut in the middle"):
        list(open_clip(cut, missing_frames=40 - decoded - 1))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.avi", b"", "is empty"),
        ("text.avi", b"this is a text\n" * 300, "is not a video"),
        ("text.png", b"this is a text\n" * 300, "is not an image"),
        ("empty.jpg", b"", "is empty"),
        ("header.avi", b"RIFF\x10\x00\x00\x00AVI LIST", "is not a video"),
    ],
)
def test_a_file_that_is_no_clip(tmp_path, capfd, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: {says}") as caught:
        list(open_clip(path))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""  # OpenCV and FFmpeg are silent


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.avi: does not exist"):
        open_clip(tmp_path / "nothing.avi")
    with pytest.raises(InputError, match="holds no image"):
        open_clip(tmp_path)
    with pytest.raises(InputError, match="camera 87: cannot be opened"):
        open_clip(87)


def test_an_image_is_a_clip_of_one_frame(tmp_path):
    path = tmp_path / "face.png"
    with_alpha = np.dstack([coloured(3)[..., ::-1], np.full((HEIGHT, WIDTH), 90, np.uint8)])
    cv2.imwrite(str(path), with_alpha)
    clip = open_clip(path)
    (frame,) = list(clip)
    assert np.array_equal(frame, coloured(3))
    assert (clip.info.n_frames, clip.info.width, clip.info.height) == (1, WIDTH, HEIGHT)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_cut_in_the_middle(tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cut\.(jpg|png): is (an image cut|not an image)"):
        open_clip(path)


def test_a_folder_of_images_comes_in_natural_order(tmp_path):
    for index in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"frame{index}.png"), coloured(index)[..., ::-1])
    (tmp_path / "notes.txt").write_text("no frame")
    clip = open_clip(tmp_path)
    assert [frame[0, 0, 0] for frame in clip] == [44, 48, 80]
    assert clip.info.n_frames == 3
    assert sorted(["b10", "b9", "a", "10", "9"], key=natural_key) == ["9", "10", "a", "b9", "b10"]


def test_a_folder_with_images_of_two_sizes_or_a_broken_one(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), coloured(1))
    cv2.imwrite(str(tmp_path / "2.png"), coloured(2)[:100])
    with pytest.raises(InputError, match=r"2\.png: is 160x100, 1\.png is 160x120"):
        list(open_clip(tmp_path))
    (tmp_path / "2.png").write_text("text")
    with pytest.raises(InputError, match=r"2\.png: is not an image"):
        list(open_clip(tmp_path))


def test_the_real_video_that_declares_three_frames_too_many(real_faces):
    clip = open_clip(real_faces / "no_face.mp4", missing_frames=5)
    assert sum(1 for _ in clip) == 95
    assert clip.info.n_frames == 98
    assert clip.warnings == ["declares 98 frames, 95 can be decoded"]


def test_a_video_that_changes_its_frame_size_is_one_line(video, monkeypatch):
    sizes = [(HEIGHT, WIDTH)] * 3 + [(60, 80)]
    monkeypatch.setattr("ferflow.faces.video._decoded", lambda capture: (np.zeros((*s, 3)) for s in sizes))
    clip, seen = open_clip(video), 0
    with pytest.raises(InputError, match="changes its frame size in frame 3, from 160x120 to 80x60"):
        for _ in clip:
            seen += 1
    assert seen == 3
