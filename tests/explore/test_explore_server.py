"""What the server lets in, what it refuses, and that it draws what the sampler draws."""

import base64
import io
import re
import struct

import numpy as np
import PIL.Image
import pytest
from starlette.testclient import TestClient

from emoji_gan import images
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler, ask
from eval.extractors import nearest_emoji
from explore import guard, messages, server, uploads
from input_pipeline import DataError
from tests.explore.conftest import HOST, TOKEN
from tests.support import png_writer


def _pixels(base64_png: str) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(base64_png))).convert("RGBA"))


def _red_png(side: int = 40) -> bytes:
    picture = np.zeros((side, side, 4), np.uint8)
    picture[8:30, 8:30] = (200, 30, 30, 255)
    return images.png_bytes(picture)


# ---- who may come in -----------------------------------------------------------------------------


def test_the_page_and_all_that_it_names_are_served(page):
    html = page.get("").text
    names = re.findall(r'(?:href|src)="([\w.]+)"', html)
    assert {"main.js", "style.css", "icon.svg"} <= set(names)
    seen = set()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        answer = page.get(name)
        assert answer.status_code == 200, name
        if name.endswith(".js"):
            names += re.findall(r'from "\./([\w.]+)"', answer.text)
        outside = re.findall(r"(?:https?:)?//[a-z][\w.-]*\.[a-z]+", answer.text)
        assert set(outside) <= {"http://www.w3.org"}, name  # the name space of SVG
    assert len(seen) > 12
    for path in ("nothing.js", "..%2Fserver.py", "%2e%2e/server.py", "page/../../server.py"):
        assert page.get(path).status_code in (403, 404), path


def test_every_answer_forbids_what_the_page_does_not_need(page):
    for answer in (page.get(""), page.get("api/model"), page.client.get("/wrong/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "connect-src 'self'" in policy
        assert "unsafe" not in policy and "http" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/", {}, "bad_token"),
        (f"/{TOKEN}", {}, "bad_token"),
        (f"/{TOKEN[:-1]}/", {}, "bad_token"),
        ("/é/api/model", {}, "bad_token"),
        (f"/{TOKEN}/", {"host": "emoji.example:8123"}, "bad_host"),
        (f"/{TOKEN}/", {"host": "127.0.0.1"}, "bad_host"),
        (f"/{TOKEN}/", {"host": ""}, "bad_host"),
        (f"/{TOKEN}/", {"origin": "http://emoji.example"}, "bad_origin"),
        (f"/{TOKEN}/", {"origin": "null"}, "bad_origin"),
        (f"/{TOKEN}/", {"origin": "https://127.0.0.1:8123"}, "bad_origin"),
        (f"/{TOKEN}/", {"sec-fetch-site": "cross-site"}, "bad_origin"),
    ],
)
def test_others_are_refused_in_both_languages(page, path, headers, code):
    answer = page.client.get(path, headers=headers)
    assert answer.status_code == 403
    both = [messages.text(code, lang, {}) for lang in messages.LANGUAGES]
    assert answer.text.splitlines() == both


def test_too_many_requests_are_refused_and_later_ones_are_not(session, queue, monkeypatch):
    monkeypatch.setattr(guard, "_AT_ONCE", 3.0)
    now = [100.0]
    monkeypatch.setattr(guard.time, "monotonic", lambda: now[0])
    client = TestClient(server.make_app(session, "t", [HOST], queue), base_url=f"http://{HOST}")
    assert [client.get("/t/").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    now[0] += 1
    assert client.get("/t/").status_code == 200


# ---- drawing -------------------------------------------------------------------------------------


def test_it_draws_what_the_sampler_draws_and_says_what_it_understood(page):
    point = {"text": "chats noirs", "style": "openmoji", "truncation": 0.7}
    items = [point | {"seed": seed} for seed in (3, 9)]
    events = page.events("draw", {"items": items, "sharp": True})
    assert events[0]["place"] >= 0 and {"place": 0} in events
    (understood,) = (e["understood"] for e in events if "understood" in e)
    assert understood["words"][0] == {"typed": "chats", "meant": "chat", "how": "plural"}
    (drawn,) = (e for e in events if "pictures" in e)
    sampler = Sampler(str(SHIPPED_MODEL))
    condition = ask(sampler.spec, {"text": "chats noirs", "style": "openmoji"}, 2)
    expected = sampler([3, 9], condition, 0.7)
    for row, packed in zip(drawn["rows"], drawn["pictures"], strict=True):
        np.testing.assert_array_equal(_pixels(packed), expected[row])
    (sharp,) = (e["sharp"] for e in events if "sharp" in e)
    assert _pixels(sharp[0]).shape == (128, 128, 4)


def test_a_map_begins_at_its_centre_and_is_the_same_each_time(page, session):
    centre = {"seed": 5, "text": "red heart"}
    shifts = [{"plane": 7, "x": 0.2, "y": -0.1}, {"plane": 2, "x": 0, "y": 0.3}]
    items = [centre, centre | {"shifts": [{"plane": 7}]}, centre | {"shifts": shifts}]
    first, same, other = page.last("draw", {"items": items})["pictures"]
    assert first == same != other
    session._planes.clear()
    assert page.last("draw", {"items": items[2:]})["pictures"] == [other]


@pytest.mark.slow
def test_directions_move_and_are_a_centre_of_maps(page):
    names = page.last("directions", b"")["directions"]
    assert {"rounder", "happier"} <= set(names)
    start, move = {"seed": 5, "text": "red heart"}, {"name": "rounder", "amount": 1}
    items = [
        start,
        start | {"moves": {"rounder": 1}},
        start | {"shifts": [move]},
        start | {"shifts": [move, {"plane": 1, "x": 0.2}]},
    ]
    still, moved, same, beside = page.last("draw", {"items": items})["pictures"]
    assert still != moved == same != beside
    wrong = page.last("draw", {"items": [start | {"moves": {"wiser": 1}}]}, "fr")
    assert wrong["error"].startswith("wiser : ce modèle n'a pas cette direction")


@pytest.mark.slow
def test_a_picture_is_inverted_to_what_is_like_it(page):
    source = page.last("emoji", {"text": "red heart"})["source"]
    (packed,) = page.last("draw", {"items": [{"picture": source["picture"]}]})["pictures"]
    (other,) = page.last("draw", {"items": [{"seed": 1, "text": "full moon"}]})["pictures"]
    wanted = _pixels(source["picture"])[::2, ::2].astype(int)
    errors = [np.abs(_pixels(p)[..., 3] - wanted[..., 3]).mean() for p in (packed, other)]
    assert errors[0] < errors[1] / 2


def test_the_nearest_emoji_comes_last_and_its_absence_is_said(page, session, monkeypatch):
    """Of the data's reader a stand-in: it has tests of its own."""
    wish = {"items": [{"seed": 1}], "nearest": True}

    def neighbour(pictures):
        own = nearest_emoji.Neighbour("1F600", "a", "b", "openmoji", pictures[0], 0.5, 1.0, True)
        return [own] * len(pictures)

    monkeypatch.setitem(session.__dict__, "_nearest", neighbour)
    (record,) = page.last("draw", wish)["nearest"]
    assert record["is_copy"] and record["names"] == {"en": "a", "fr": "b"}
    np.testing.assert_array_equal(
        _pixels(record["picture"]),
        _pixels(page.last("draw", {"items": [{"seed": 1}]})["pictures"][0]),
    )

    def absent(pictures):
        raise DataError("prepare them")

    monkeypatch.setitem(session.__dict__, "_nearest", absent)
    assert page.last("draw", wish, "fr")["error"].endswith("(prepare them)")


def test_a_walk_has_its_frames(page):
    stops = [{"seed": 1}, {"seed": 2}]
    walk = {"stops": stops, "closed": False, "count": 18, "even": False}
    events = page.events("draw", {"walk": walk})
    frames = [p for e in events for p in e.get("pictures", ())]
    assert len(frames) == 18
    ends = page.last("draw", {"items": stops})["pictures"]
    for frame, end in zip((frames[0], frames[-1]), ends, strict=True):
        difference = _pixels(frame).astype(int) - _pixels(end)
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("lang", messages.LANGUAGES)
def test_what_is_not_understood_is_said_in_the_page_s_language(page, lang):
    event = page.last("draw", {"items": [{"text": "xqzw"}]}, lang)
    assert ("non compris" if lang == "fr" else "not understood") in event["error"]
    event = page.last("emoji", {"text": "qqxxqq"}, lang)
    assert ("n'est pas un emoji" if lang == "fr" else "is no emoji") in event["error"]
    assert page.last("emoji", {"text": "🍕"}, lang)["source"]["emoji"] == "1F355"
    pair = [{"emoji": "1F476"}, {"emoji": "1F37A"}]
    event = page.last("draw", {"items": [{"cross": {"of": pair}}]}, lang)
    assert ("met en danger" if lang == "fr" else "endangers") in event["error"]


@pytest.mark.parametrize("code", messages._MESSAGES)
def test_messages_take_the_same_values_in_both_languages(code):
    english, french = messages._MESSAGES[code]
    fields = [sorted(re.findall(r"\{(\w+)\}", text)) for text in (english, french)]
    assert fields[0] == fields[1] and english and french and "\n" not in english + french


@pytest.mark.parametrize(
    "wish",
    [
        [],
        {},
        {"items": []},
        {"items": [{}] * 65},
        {"items": [{"seed": -1}]},
        {"items": [{"seed": 1.5}]},
        {"items": [{"seed": True}]},
        {"items": [{"truncation": "1"}]},
        {"items": [{"truncation": 9}]},
        {"items": [{"text": "x" * 201}]},
        {"items": [{"text": 3}]},
        {"items": [{"lang": "de"}]},
        {"items": [{"shifts": [{"x": 5}]}]},
        {"items": [{"shifts": [{}] * 25}]},
        {"items": [{"moves": {"happier": 99}}]},
        {"items": [{"picture": "no base64!"}]},
        {"items": [{"picture": "A" * 40_001}]},
        {"items": [{"variation": {}}]},
        {"items": [{"variation": {"of": {"emoji": "../../etc/passwd" * 9}}}]},
        {"items": [{"cross": {"of": [{"emoji": "1F355"}]}}]},
        {"items": [{}], "size_px": 33},
        {"items": [{}], "size_px": 100_000},
        {"items": [{}], "frame_ms": 25},
        {"walk": {"stops": [{}]}},
        {"walk": {"stops": [{}, {}], "count": 1_000_000}},
    ],
)
def test_wrong_wishes_are_refused_before_they_wait(page, wish):
    answer = page.post("draw", wish, "fr")
    assert answer.status_code == 400 and "attendu" in answer.json()["error"]


def test_what_is_no_json_is_refused(page):
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        assert page.post("draw", body).json() == {"error": "this is not valid JSON"}
    infinite = page.post("draw", b'{"items": [{"truncation": Infinity}]}')
    assert infinite.status_code == 400
    assert page.get("api/draw").status_code == 405


def test_no_file_of_this_machine_can_be_named(page, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(_red_png())
    for name in (str(path), f"file://{path}"):
        assert "is no emoji" in page.last("emoji", {"text": name[:100]})["error"]
        source = {"variation": {"of": {"emoji": name[:60]}}}
        assert "is no emoji" in page.last("draw", {"items": [source]})["error"]


# ---- pictures ------------------------------------------------------------------------------------


def test_a_picture_comes_back_small_and_recognised(page):
    source = page.last("picture", _red_png())["source"]
    picture = _pixels(source["picture"])
    assert picture.shape == (64, 64, 4) and tuple(picture[30, 30]) == (200, 30, 30, 255)
    assert source["recognised"] and source["names"]["fr"]
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8H0z"/></svg>'
    assert (_pixels(page.last("picture", svg)["source"]["picture"])[..., 3] == 255).all()


def _bomb(side: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + png_writer.chunk(
        b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    )


@pytest.mark.parametrize(
    ("upload", "why"),
    [
        (b"", "not a PNG"),
        (b"hello", "not a PNG"),
        (b"\xff\xd8\xff\xe0 a JPEG", "JPEG"),
        (b"GIF89a", "GIF"),
        (b"MZ an executable", "not a PNG"),
        (_bomb(2_000_000_000), "px a side"),
        (_bomb(20_000), "px a side"),
        (_bomb(64), "damaged"),
        (_red_png()[:70], "damaged"),
        (images.png_bytes(np.zeros((9, 9, 4), np.uint8)), "nothing is drawn"),
        (b"<svg>", ""),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="1000000" height="1000000"/>', ""),
        (b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>', ""),
    ],
    ids=range(13),
)
def test_hostile_uploads_are_refused_in_one_line(page, upload, why):
    error = page.last("picture", upload)["error"]
    assert why in error and "\n" not in error
    assert page.last("emoji", {"text": "🍕"})["source"]  # it goes on


def test_too_large_uploads_are_refused_before_they_are_read(page, app):
    large = b"\0" * (uploads.MAX_BYTES + 1)
    answer = page.post("picture", large, "fr")
    assert answer.status_code == 413 and answer.json()["error"].startswith("plus gros que 8 MiB")
    read = []

    def without_length():
        for _ in range(100):
            read.append(1)
            yield b"\0" * (1 << 20)

    answer = page.client.post(f"/{TOKEN}/api/picture", content=without_length())
    assert answer.status_code == 413
    assert page.post("picture", b"x", headers={"content-length": "ten"}).status_code in (400, 413)
