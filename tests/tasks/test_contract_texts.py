"""The provider's own texts, and what the law asks of any."""

import re
import shutil

import pytest

from models.settings import settings
from tasks.agreement import legal_check
from tasks.agreement.contract_texts import LANGUAGES, SAMPLES, TextBroken, TextMissing, Texts, current_texts
from tasks.agreement.legal_check import Found, check_texts, findings, required
from tasks.agreement.rendering import agreement_parts, render_agreement
from tests.tasks.test_rendering import data, pages, text_of

LONG = "Was hier steht, ist lang genug, um etwas zu sagen, auch wenn die üblichen Wörter fehlen. "


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with the provider's own texts, in use; at first they say what the samples say."""
    folder = tmp_path / "own"
    for language in LANGUAGES:
        (folder / language).mkdir(parents=True)
        for file in (SAMPLES / language).glob("*.html"):
            if file.name != "cover.html":
                shutil.copy(file, folder / language)
    monkeypatch.setenv("PROVISION_TEXTS", str(folder))
    settings.cache_clear()
    return folder


def part(key, language="de", line="law"):
    return next(one for one in agreement_parts(data(language, line)) if one.key == key)


def test_the_providers_own_text_takes_the_samples_place_on_page_and_paper(own):
    (own / "de" / "terms.html").write_text("<h2>§ 1 Eigenes</h2><p>{{ data.firm_name }} zahlt {{ price }}.</p>")

    assert "zahlt 1.234,50 €" in text_of(part("terms"))
    assert "§ 1 Eigenes" in " ".join(pages(render_agreement(data())))
    assert "861272" in text_of(part("cover"))  # The cover is still ours.


def test_words_of_the_providers_own_come_before_ours(own):
    (own / "de" / "words.toml").write_text('[parts]\nterms = "Unsere Bedingungen"\n')

    assert part("terms").title == "Unsere Bedingungen"
    assert "Auftragsverarbeitung" in part("processing").title


@pytest.mark.parametrize("name", ["terms", "processing", "secrecy_law"])
def test_no_sample_slips_in_where_a_text_of_the_providers_own_is_missing(name, own):
    (own / "de" / f"{name}.html").unlink()

    with pytest.raises(TextMissing, match=f"de/{name}.html is missing"):
        agreement_parts(data())
    assert agreement_parts(data("fr"))


def test_a_folder_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PROVISION_TEXTS", str(tmp_path / "nowhere"))
    settings.cache_clear()

    with pytest.raises(TextMissing, match="nowhere"):
        agreement_parts(data())


@pytest.mark.parametrize(
    "text",
    [
        "{% if %}",
        "{{ unknown }}",
        "{{ data.price }}",
        "{% include '../../secret.html' %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ data.__init__.__globals__ }}",
        "{% for i in range(10**9) %}x{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ data.address.append('x') }}",
        b"\xff\xfe",
    ],
)
def test_a_broken_text_is_told_in_one_sentence_and_never_acts(text, own):
    (own / "de" / "terms.html").write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises((TextBroken, TextMissing)) as raised:
        agreement_parts(data())

    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_text_that_wants_a_picture_from_elsewhere_is_told(own):
    (own / "de" / "terms.html").write_text('<p><img src="https://cdn.example/x.png"></p>')

    with pytest.raises(TextBroken, match=r"cdn\.example"):
        render_agreement(data())


def test_what_a_firm_calls_itself_is_no_markup_in_the_providers_own_text(own):
    (own / "de" / "terms.html").write_text("<p>{{ data.firm_name }}</p>")

    html = agreement_parts(data(firm_name="<script>alert(1)</script> & Söhne"))[1].html

    assert html == "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne</p>"


def test_the_same_texts_have_the_same_sum_and_one_letter_more_another(own):
    before = current_texts("de").sha256
    assert current_texts("de").sha256 == before

    with (own / "de" / "terms.html").open("a") as file:
        file.write(".")

    assert current_texts("de").sha256 != before
    assert current_texts("fr").sha256 == Texts.from_bundle(current_texts("fr").bundle).sha256


def test_texts_kept_say_what_they_said_however_the_files_change(own):
    kept = Texts.from_bundle(current_texts("de").bundle)
    before = [one.html for one in agreement_parts(data(), kept)]
    (own / "de" / "terms.html").write_text("neu")

    assert [one.html for one in agreement_parts(data(), kept)] == before
    assert agreement_parts(data())[1].html == "neu"


# What the law asks.


def test_the_samples_lack_nothing():
    assert [(one.file, one.fault) for one in check_texts() if not one.is_whole or one.declared] == []
    assert all(one.is_sample for one in check_texts(on_paper=False))


def test_the_samples_copied_and_changed_are_no_samples(own):
    with (own / "de" / "processing.html").open("a") as file:
        file.write("<p>Neu.</p>")

    assert {one.file for one in check_texts(on_paper=False) if not one.is_sample} == {"de/processing.html"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("key", "kind"), [("processing", "processing"), ("secrecy", "secrecy")])
def test_each_section_left_out_is_missed(key, kind, language):
    bits = re.split(r"(?=<h2|<p data-covers)", str(part(key, language).html))
    asked = set()

    for at, bit in enumerate(bits):
        told = re.search(r'data-covers="([^"]*)"', bit)
        covers = set(told[1].split()) if told else set()
        left = re.sub(r' data-covers="[^"]*"', "", "".join(bits[:at] + bits[at + 1 :]))
        lacking = {item for item, found in findings(left, kind, language).items() if found is Found.MISSING}
        # The measures themselves, at the end of the annex, speak of Art. 32 as well.
        assert lacking == covers - {"art28-3-c"}
        asked |= covers

    assert asked == {item.key for item in required(kind)}


def test_a_text_about_something_else_lacks_everything():
    assert set(findings(f"<h2>Wetter</h2><p>{LONG * 9}</p>", "processing", "de").values()) == {Found.MISSING}


@pytest.mark.parametrize(
    ("html", "found"),
    [
        (f'<h2 data-covers="subject">Worum es geht</h2><p>{LONG}</p>', Found.DECLARED),
        (f'<div data-covers="subject"><h2>Worum es geht</h2><p>{LONG}</p></div>', Found.DECLARED),
        (f'<h3 data-covers="subject">X</h3><p>a</p><h4>Y</h4><p>{LONG}</p>', Found.DECLARED),
        ('<h2 data-covers="subject">Gegenstand der Verarbeitung</h2>', Found.MISSING),
        ('<h2 data-covers="subject">Gegenstand der Verarbeitung</h2><p>folgt</p>', Found.MISSING),
        (f'<h2 data-covers="subject">X</h2><h2>Y</h2><p>{LONG}</p>', Found.MISSING),
        (f'<h2 data-covers="subject duration purpose data">X</h2><p>{LONG}</p>', Found.MISSING),
        (f'<h2 data-covers="subject">X</h2><p hidden>{LONG}</p>', Found.MISSING),
        (f'<h2 data-covers="subject">X</h2><!-- {LONG} -->', Found.MISSING),
        (f"<p hidden>Gegenstand der Verarbeitung: {LONG}</p>", Found.MISSING),
        (f'<p style="display: none">Gegenstand der Verarbeitung: {LONG}</p>', Found.MISSING),
        (f"<h2>Gegenstand</h2><p>{LONG}</p><h2>Y</h2><p>Verarbeitung: {LONG}</p>", Found.MISSING),
        (f"<p>Gegenstand der Verarbeitung: {LONG}</p>", Found.WORDS),
    ],
)
def test_only_what_is_said_counts(html, found):
    assert findings(html, "processing", "de")["subject"] is found


def test_texts_that_cannot_be_read_are_told_beside_those_that_can(own):
    (own / "fr" / "terms.html").write_text("{% if %}")

    told = {one.file: one.fault for one in check_texts(on_paper=False)}

    assert not told["de/processing.html"]
    assert "fr/terms.html cannot be used" in told["fr/processing.html"]


def test_every_item_is_known_by_words_in_every_language():
    for kind in ("processing", "secrecy"):
        for item in required(kind):
            assert set(item.words) == set(LANGUAGES)
            assert all(re.compile(word) for words in item.words.values() for word in words)
    assert len(required("processing")) == 16
    assert len(required("secrecy")) == 6
    assert legal_check.required("secrecy")[0].law.startswith("§ 62a(3) StBerG")
