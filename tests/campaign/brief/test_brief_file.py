"""Briefs that people write by hand: read back, or one line that says what is wrong."""

import pytest

from campaign import verbs
from campaign.brief import brief_file, channel_names
from campaign.brief.brief_file import Brief, Segment
from campaign.language import Language
from emoji_gan.errors import UserError

ENGLISH, FRENCH = Language("en"), Language("fr")
_HEAD = "name: a\nlanguage: fr\ntext: soldes\nthemes: [soldes d'été]\n"


def _read(tmp_path, text, language=ENGLISH):
    (tmp_path / "brief.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return brief_file.read(tmp_path, language)


def test_what_is_written_is_read(tmp_path):
    brief = Brief(
        name="été",
        language="fr",
        text="soldes d'été : -50 %",
        themes=("soldes d'été", "plage"),
        segments=(Segment("étudiants", words="petits prix"),),
        start="2026-06-24",
        end="2026-07-21",
        avoid=("🍑", "alcool"),
    )
    brief_file.write(tmp_path, brief)
    assert brief_file.read(tmp_path, FRENCH) == brief


def test_yaml_dates_numbers_single_texts_and_lists_of_words_are_read(tmp_path):
    brief = _read(
        tmp_path,
        "\ufeffname: 2026\nlanguage: en\nthemes: sale\nstart: 2026-03-31\nend: 1.4.2026\n"
        "segments:\n- name: students\n  words: [night, cheap]\n- families\n",
    )
    assert (brief.name, brief.themes) == ("2026", ("sale",))
    assert (brief.start, brief.end) == ("2026-03-31", "2026-04-01")
    assert brief.segments == (Segment("students", words="night, cheap"), Segment("families"))


@pytest.mark.parametrize(
    ("typed", "style"),
    [
        ("Dessin au trait", "line"),
        ("line-art", "line"),
        ("trait", "line"),
        ("couleur", ""),
        ("OpenMoji", ""),
        ("''", ""),
    ],
)
def test_styles_have_names_in_both_languages(tmp_path, typed, style):
    text = f"{_HEAD}segments: # colours such as '#E4002B'\n- {{name: a, style: {typed}}}\n"
    assert _read(tmp_path, text).segments[0].style == style


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (_HEAD + "color: red\n", "unknown field 'color'"),
        (_HEAD.replace("[soldes d'été]", "[]"), "themes is empty"),
        (_HEAD.replace("[soldes d'été]", "['', a]"), "entry 1 of themes is empty"),
        (_HEAD + "start: 31/02/2026\n", "start: '31/02/2026' is no day"),
        (_HEAD + "start: soon\n", "start: 'soon' is no day"),
        (_HEAD + "start: 2/3/2026\nend: 1/3/2026\n", "end (2026-03-01) is before start"),
        (_HEAD.replace("language: fr", "language: de"), "language is 'de': write en or fr"),
        (_HEAD + "tone: a: b\n", "line 5 is not YAML"),
        (_HEAD + "tone: [a]\n", "tone is not a text"),
        (_HEAD + "segments:\n- palette: red\n", "segment 1 needs a name"),
        (_HEAD + "segments:\n- {name: a, colour: red}\n", "unknown: colour"),
        (_HEAD + "segments: 3\n", "segment 1 needs a name"),
        (_HEAD + "segments:\n- {name: a, palette: rouge}\n", "segment a: 'rouge' of palette is no"),
        (_HEAD + "segments:\n- name: a\n  palette: [#E4002B, #0B3D91]\n", "line 7: put quotes"),
        (_HEAD + "segments:\n- name: a\n  palette: #E4002B\n", "line 7: put quotes"),
        (_HEAD + "segments:\n- name: a\n  palette:\n  - #E4002B\n", "line 8: put quotes"),
        (_HEAD + "segments:\n- {name: a, style: lin art}\n", "'lin art' (do you mean line art?)"),
        ("- a\n", "no fields"),
        ("", "no fields"),
        (b"name: \xe9t\xe9\n", "not UTF-8"),
    ],
)
def test_a_fault_is_one_line_in_both_languages(tmp_path, text, line):
    with pytest.raises(UserError) as fault:
        _read(tmp_path, text)
    assert line in str(fault.value) and "\n" not in str(fault.value)
    with pytest.raises(UserError) as french:
        _read(tmp_path, text, FRENCH)
    assert str(french.value) != str(fault.value) and "\n" not in str(french.value)


@pytest.fixture
def typed(monkeypatch):
    """Runs `brief` in French at a terminal; returns the questions."""

    def call(folder, answers, *flags):
        questions, rest = [], iter(answers)

        def answer(question):
            questions.append(question)
            return next(rest)

        monkeypatch.setattr("builtins.input", answer)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        assert verbs.run(["brief", f"--dir={folder}", *flags], FRENCH) == 0
        assert next(rest, None) is None
        return questions

    return call


_ANSWERS = [
    *("", "fête des mères", "Mai", "", "tendre", "clients"),
    *(":vide", "étudiants:petits prix, nuit", "familles", ""),
    *("email, push", "32/1/2026", "10/5/2026", "9/5/2026", "20/5/2026", "🍷"),
]


def test_at_a_terminal_all_that_a_brief_holds_is_asked(tmp_path, typed, capsys):
    typed(tmp_path, _ANSWERS)
    assert brief_file.read(tmp_path, FRENCH) == Brief(
        name="Mai",
        language="fr",
        text="fête des mères",
        themes=("fête des mères",),
        tone="tendre",
        audience="clients",
        segments=(Segment("étudiants", words="petits prix, nuit"), Segment("familles")),
        channels=("email", "push"),
        start="2026-05-10",
        end="2026-05-20",
        avoid=("🍷",),
    )
    out = capsys.readouterr().out
    assert "n'est pas un jour" in out and "précède le premier jour" in out and "NOM:MOTS" in out


def test_a_second_brief_never_loses_edits(run, tmp_path, typed):
    flags = "rentrée", "--theme=école", "--lang=fr", f"--dir={tmp_path}"
    assert run("brief", *flags)[0] == 0 and run("brief", *flags)[0] == 0  # the same again
    path = tmp_path / "brief.yaml"
    edited = path.read_text("utf-8") + "# à moi\n"
    path.write_text(edited, "utf-8")
    code, out, err = run("brief", *flags)
    assert code == 2 and "--replace" in err and err.count("\n") == 1 and not out
    with pytest.raises(UserError, match="existe déjà"):
        typed(tmp_path, [])  # before the first question
    assert path.read_text("utf-8") == edited
    assert run("brief", *flags, "--replace")[0] == 0 and path.read_text("utf-8") != edited


def test_a_segment_of_the_flags_has_no_colours_of_its_own(run, tmp_path):
    code, _, err = run("brief", "rentrée", "--segment=étudiants:petits prix", f"--dir={tmp_path}")
    assert code == 0, err
    (segment,) = brief_file.read(tmp_path, FRENCH).segments
    assert segment == Segment("étudiants", words="petits prix") and segment.palette == ()


def test_a_channel_without_written_uses_is_said(run, tmp_path):
    flags = "--channel=email,minitel", "--lang=fr", f"--dir={tmp_path}"
    code, out, _ = run("brief", "rentrée des classes", *flags)
    assert code == 0 and "il n'y en a pas pour le canal minitel, vous verrez donc" in out
    assert brief_file.read(tmp_path, FRENCH).channels == ("email", "minitel")


def test_channels_go_by_other_names_and_name_the_targets(run, tmp_path):
    flags = (f"--dir={tmp_path}", "--lang=fr", "--channel=courriel", "--channel=slack")
    _, out, _ = run("brief", "soldes", *flags)
    assert "supposé : le canal courriel compte comme email" in out and "à savoir" not in out
    assert channel_names.targets(tmp_path, FRENCH) == "email,slack"
    assert channel_names.targets(tmp_path / "absent", FRENCH) == "slack,email,web"
