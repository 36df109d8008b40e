from sqlalchemy import select

from models.db import reading, transaction
from models.document import Document


def test_the_same_content_is_kept_once_and_unchanged():
    with transaction() as session:
        first = Document.keep(session, b"%PDF-1.7 \x00\xff", "Vertrag – Müller & Söhne.pdf", "application/pdf").id
        second = Document.keep(session, b"%PDF-1.7 \x00\xff", "other.pdf", "application/pdf").id
        other = Document.keep(session, b"", "empty.pdf", "application/pdf").id

    assert first == second != other
    with reading() as session:
        kept = session.scalars(select(Document).where(Document.id == first)).one()
        assert (kept.content, kept.name, kept.size) == (b"%PDF-1.7 \x00\xff", "Vertrag – Müller & Söhne.pdf", 11)
