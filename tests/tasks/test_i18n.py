"""What people read, in their language."""

import re
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from models.errors import ProvisionError
from models.firm import FirmNameMissing
from models.onboarding import StepName
from models.people.manners import AddressForm, Language
from models.people.passwords import PasswordGuessable, PasswordTooShort
from models.time.land import Land
from tasks.text import i18n
from tasks.text.i18n import LABELS, Reader, environment, explain, in_markdown, render
from tests.catalogues import messages, missing_messages

ROOT = Path(__file__).parents[2]
SIE = Reader(Language.GERMAN, AddressForm.SIE)
DU = Reader(Language.GERMAN, AddressForm.DU)
FRENCH, ENGLISH = Reader(Language.FRENCH), Reader(Language.ENGLISH)
READERS = [SIE, DU, FRENCH, ENGLISH]


@pytest.mark.parametrize("catalogue", ["de", "de_du", "fr"])
def test_everything_that_people_read_is_translated(catalogue):
    assert missing_messages(ROOT, catalogue) == []


def test_the_catalogue_check_sees_every_kind_of_fault(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "toy.py").write_text('A = N_("one %(fact)s")\nB = N_("two")\nC = N_("three")\n')
    (tmp_path / "de").mkdir()
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (tmp_path / "de" / "a.po").write_text(
        f'{head}msgid "one %(fact)s"\nmsgstr "eins"\n\nmsgid "two"\nmsgstr "zwei"\n\nmsgid "four"\nmsgstr "vier"\n'
    )
    (tmp_path / "de" / "b.po").write_text(f'{head}msgid "two"\nmsgstr "zwei"\n')
    monkeypatch.setattr(i18n, "CATALOGUES", tmp_path)

    faults = "\n".join(missing_messages(tmp_path, "de"))

    assert "other placeholders than 'one %(fact)s'" in faults
    assert "stands in de/a.po already: 'two'" in faults
    assert "nobody says this any more: 'four'" in faults
    assert "models/toy.py:3: not in de: 'three'" in faults


def test_the_first_day_of_a_month_is_an_ordinal_in_french_alone():
    assert [FRENCH.date(date(2027, 3, day)) for day in (1, 11)] == ["1er mars 2027", "11 mars 2027"]
    assert SIE.date(date(2027, 3, 1)) == "1. März 2027"


@pytest.mark.parametrize(("language", "read"), [("de", "1.000"), ("fr", "1\u202f000"), ("en", "1,000")])
def test_large_numbers_are_grouped_and_stay_numbers(language, read):
    reader = Reader(Language(language), AddressForm.SIE)
    says = "{% trans count=number|grouped %}{{ count }} record{% pluralize %}{{ count }} records{% endtrans %}"
    page = i18n.environment(reader).from_string(says)

    assert page.render(number=1000).startswith(read)
    assert page.render(number=1000)[-1] != page.render(number=1)[-1]
    assert reader.grouped(1000) + 1 == 1001


def test_no_french_mark_begins_a_line():
    written = [str(text) for file in (i18n.CATALOGUES / "fr").glob("*.po") for text in translations(file)]
    written += (i18n.CATALOGUES.parent / "agreement" / "fr" / "words.toml").read_text(encoding="utf-8").splitlines()
    assert len(written) > 500

    assert [text for text in written if re.search(r"\w [;:!?»]|« ", text)] == []


def test_a_blank_stands_between_any_two_sentences():
    said = [text for one in messages(ROOT) for text in ([one.id] if isinstance(one.id, str) else one.id)]
    for catalogue in ("de", "de_du", "fr"):
        said += [text for file in (i18n.CATALOGUES / catalogue).glob("*.po") for text in translations(file)]
    assert len(said) > 2000

    assert [text for text in said if re.search(r"[.!?…:;,][“”»)]*[A-ZÀ-Þ]|[,;][“”»)]*[a-zß-ÿ]", text)] == []


def translations(file: Path):
    with file.open("rb") as opened:
        for message in filter(lambda one: one.id, read_po(opened)):  # The first one tells of the file.
            yield from [message.string] if isinstance(message.string, str) else message.string


def test_messages_are_found_in_code_and_templates(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "toy.py").write_text('A = N_("from code")\n')
    folder = tmp_path / "tasks" / "templates"
    folder.mkdir(parents=True)
    (folder / "toy.html").write_text("{% trans name=1 %}\n  from\n  {{ name }}\n{% endtrans %}{{ _('call', a=1) }}")

    assert {message.id for message in messages(tmp_path)} == {"from code", "from %(name)s", "call"}


def test_a_refusal_is_told_in_the_readers_language_and_form():
    refusal = PasswordTooShort(3)

    assert "Verwenden Sie mindestens 15" in explain(refusal, SIE)
    assert "Verwende mindestens 15" in explain(refusal, DU)
    assert "il en faut au moins 15" in explain(refusal, FRENCH)
    assert explain(refusal, ENGLISH) == str(refusal)


def test_the_informal_catalogue_falls_back_to_the_formal_one():
    assert DU.label(StepName.AGREEMENT) == "Unser Übereinkommen"
    assert DU.label(StepName.LOGO) == "Dein Logo"
    assert SIE.label(StepName.LOGO) == "Ihr Logo"


def test_a_refusal_without_facts_may_contain_a_percent_sign():
    assert explain(FirmNameMissing(), SIE)
    assert explain(PasswordGuessable(), FRENCH)


def test_enums_moments_and_lists_in_a_refusal_are_words():
    class Strange(ProvisionError):
        says = "%(lands)s / %(when)s / %(count)s"

        def __init__(self) -> None:
            super().__init__()
            self.lands = [Land.BAVARIA, Land.HESSE, Land.BERLIN]
            self.when = date(2027, 3, 1)
            self.count = 5

    assert explain(Strange(), SIE) == "Bayern, Hessen und Berlin / 1. März 2027 / 5"
    assert explain(Strange(), ENGLISH) == "Bavaria, Hesse and Berlin / 1 March 2027 / 5"


def test_every_member_of_a_labelled_enum_has_a_label():
    for kind, labels in LABELS.items():
        assert set(labels) == set(kind)


def test_moments_are_told_in_the_time_of_berlin():
    summer, winter = datetime(2026, 7, 1, 22, 30, tzinfo=UTC), datetime(2026, 12, 31, 23, 30, tzinfo=UTC)

    assert SIE.moment(summer) == "2. Juli 2026, 00:30\xa0Uhr"
    assert ENGLISH.date(winter) == "1 January 2027"


def test_money_is_told_in_the_readers_way():
    assert SIE.money(123450) == "1.234,50\xa0€"
    assert ENGLISH.money(123450) == "€1,234.50"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "de"),
        ("", "de"),
        ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("en;q=0.1,de;q=0.9", "de"),
        ("pl, en;q=0.5", "en"),
        ("en;q=0, fr;q=0.2", "fr"),
        ("*", "de"),
        (";;;q=,,\x00", "de"),
        ("en;q=abc", "en"),
    ],
)
def test_a_browser_gets_the_language_it_asks_for(header, language):
    assert Reader.accepting(header).language == language


def test_readers_of_all_languages_can_be_served_at_once(tmp_path):
    (tmp_path / "part.html").write_text("{% macro field() %}{{ _('town') }}{% endmacro %}")
    (tmp_path / "page.html").write_text("{% import 'part.html' as part %}{{ part.field() }}|{{ _('yearly') }}")
    expected = {SIE: "Ort|jährlich", DU: "Ort|jährlich", FRENCH: "ville|annuel", ENGLISH: "town|yearly"}
    wrong = []

    def serve(reader: Reader) -> None:
        pages = {render(tmp_path, "page.html", reader) for _ in range(200)}
        wrong.extend(pages - {expected[reader]})

    threads = [threading.Thread(target=serve, args=(reader,)) for reader in READERS * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_what_a_template_is_given_is_escaped_in_translations_too(tmp_path):
    (tmp_path / "page.html").write_text("{% trans name=name %}Hello {{ name }},{% endtrans %}")

    assert render(tmp_path, "page.html", SIE, name="<b>&") == "Guten Tag &lt;b&gt;&amp;,"


def test_a_template_that_lacks_a_value_says_so(tmp_path):
    (tmp_path / "page.html").write_text("{{ nowhere }}")

    with pytest.raises(Exception, match="nowhere"):
        environment(SIE, tmp_path).get_template("page.html").render()


TYPED = [
    "[Klicken](https://boese.example)", "![x](https://boese.example/x.png)", "<img src=x onerror=alert(1)>", "**fett**",
    "# Titel", "a | b", "`code`", "&lt;b&gt;", "1. eins", "~~weg~~", "zwei\n\nZeilen",
]  # fmt: skip


@pytest.mark.parametrize("typed", TYPED)
def test_what_people_typed_is_read_letter_for_letter_where_markdown_is_shown(typed):
    shown = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(f"vorher „{in_markdown(typed)}“ nachher")

    page = BeautifulSoup(shown, "lxml")
    assert page.text.strip() == f"vorher „{' '.join(typed.split())}“ nachher"
    assert [tag.name for tag in page.find_all(True)] == ["html", "body", "p"]
