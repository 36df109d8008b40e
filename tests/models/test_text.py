import pytest

from models.text import TextTooLong, fitting, one_line, paragraphs


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Erika \t  Muster ", "Erika Muster"),
        ("Erika\nBcc: x@y.example", "Erika Bcc: x@y.example"),
        ("Erika\u2028Muster\x85Neu", "Erika Muster Neu"),
        ("Eri\x00ka\x1b Mus\x7fter", "Erika Muster"),
        ("Erika \u202eretsuM\u202c \u2066x\u2069", "Erika retsuM x"),
        ("Eri\u200bka\u200d Mus\u00adter\ufeff", "Erika Muster"),
        ("Mu\u0308ller", "Müller"),
        ("\u200b\u3164\u2800", ""),
        ("\ud800Erika", "Erika"),
        ("山田 太郎", "山田 太郎"),
    ],
)
def test_a_line_is_one_line_without_what_nobody_sees(written, kept):
    assert one_line(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Guten Tag\r\n\r\nwillkommen\n", "Guten Tag\n\nwillkommen"),
        ("eins\u2028zwei\x0bdrei", "eins\nzwei\ndrei"),
        ("a\x00b\u202ec\u200bd", "abcd"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
    ],
)
def test_paragraphs_keep_their_lines_and_nothing_that_nobody_sees(written, kept):
    assert paragraphs(written) == kept


def test_what_is_too_long_is_refused_with_its_length_and_never_cut():
    assert fitting("a" * 100, 100) == "a" * 100

    with pytest.raises(TextTooLong, match="120 characters: shorten it to 100") as refusal:
        fitting("a" * 120, 100, "given_name")

    assert refusal.value.field == "given_name"
