"""What an answer changes of an import that was compared: the records that it concerns, and all that depend on them.

A record depends on another only by what both are about: a number, a name or an e-mail address that both say, or an
account or a person that both could mean. So the others stay as they are, and of a long file a few are compared anew.
"""

from collections import Counter
from dataclasses import dataclass, field

import orjson
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from models.clients.client import Client, ClientContact, name_key
from models.clients.imports import Import, ImportKey, ImportRecord, ImportState
from models.db import transaction
from models.people.person import Person, Role
from models.time.clock import now
from tasks.clients.imports.compare import compare_some, expected, more_keys, next_rows, refuse_alone
from tasks.clients.imports.course import AT_ONCE
from tasks.clients.imports.draft import Draft
from tasks.clients.imports.world import Earlier, names_of


def compare_again(import_id: int) -> bool:
    """Compare anew what answers concern, if it is little enough for one go; False: ``go_on`` compares all."""
    with transaction() as session:
        row = session.get(Import, import_id, with_for_update=True, populate_existing=True)
        is_due = row is not None and row.due_at is not None and row.due_at <= now()
        if row is None or not is_due or row.state is not ImportState.UPLOADED or row.again is None:
            return False
        records = _Together(session, row).of(row.again)
        if records is None:
            row.again = None
            return False
        rows = next_rows(session, import_id, 0, AT_ONCE, ImportRecord.record.in_(records))
        counts, sums = Counter(row.counts), Counter(row.expected)
        for each in rows:
            counts[each.outcome.value] -= 1
            sums.subtract(expected(each.outcome, orjson.loads(each.told)))
        earlier = Earlier()
        try:
            compare_some(session, row, rows, earlier)
            refuse_alone(session, row, earlier)
        finally:
            earlier.close()
        for each in next_rows(session, import_id, 0, AT_ONCE, ImportRecord.record.in_(records)):
            counts[each.outcome.value] += 1
            sums.update(expected(each.outcome, orjson.loads(each.told)))
        row.counts, row.expected = ({name: n for name, n in both.items() if n} for both in (counts, sums))
        row.again = []
        row.go(ImportState.PLANNED, now())
        return True


@dataclass
class _Together:
    """Records that depend on each other, found from some of them on."""

    session: Session
    row: Import
    numbers: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    accounts: set[int] = field(default_factory=set)
    people: set[int] = field(default_factory=set)

    def of(self, records: list[int]) -> set[int] | None:
        """With all that depend on them; None: more than are compared in one go."""
        found, fresh = set[int](), {*records}
        while fresh:
            found |= fresh
            if len(found) > AT_ONCE:
                return None
            mine = select(ImportRecord.draft).where(ImportRecord.import_id == self.row.id)
            for plain in self.session.scalars(mine.where(ImportRecord.record.in_(fresh))):
                self._say(Draft.from_json(plain))
            while self._mean():
                if len(self.accounts) + len(self.people) > 4 * AT_ONCE:
                    return None
            fresh = self._saying_the_same() - found
        return found

    def _say(self, draft: Draft) -> None:
        more = more_keys(draft)
        self.emails |= {key for key in more if "@" in key}
        self.names |= {key for key in more if "@" not in key}
        if draft.account is not None:
            self.names |= {name_key(name) for name in names_of(draft)[:1]} - {""}
            self.numbers |= {draft.account.number} - {""}

    def _mean(self) -> bool:
        """The accounts and people that these could mean, and by what others could mean them; whether there are more."""
        before = len(self.accounts) + len(self.people)
        at = select(ClientContact.client_id).where(ClientContact.person_id.in_(self.people))
        companies = and_(Client.company_key.in_(self.names), Client.company_key != "")
        columns = select(Client.id, Client.number, Client.name_key, Client.company_key)
        for which in (Client.number.in_(self.numbers), Client.name_key.in_(self.names), companies, Client.id.in_(at)):
            accounts = columns.where(Client.firm_id == self.row.firm_id, which).limit(5 * AT_ONCE)
            for key, number, *names in self.session.execute(accounts):
                self.accounts.add(key)
                self.numbers |= {number or ""} - {""}
                self.names |= {*names} - {""}
        there = select(ClientContact.person_id).where(ClientContact.client_id.in_(self.accounts))
        for which in (Person.email.in_(self.emails), Person.id.in_(there)):
            people = select(Person.id, Person.email).where(Person.firm_id == self.row.firm_id, which)
            for key, email in self.session.execute(people.where(Person.role == Role.CLIENT).limit(5 * AT_ONCE)):
                self.people.add(key)
                self.emails |= {email} - {""}
        return len(self.accounts) + len(self.people) > before

    def _saying_the_same(self) -> set[int]:
        mine = select(ImportRecord.record).where(ImportRecord.import_id == self.row.id).limit(AT_ONCE + 1)
        keys = select(ImportKey.record).where(ImportKey.import_id == self.row.id).limit(AT_ONCE + 1)
        ways = (
            mine.where(ImportRecord.number.in_(self.numbers), ImportRecord.number != ""),
            mine.where(ImportRecord.name_key.in_(self.names)),
            keys.where(ImportKey.key.in_(self.names | self.emails)),
        )
        return {record for way in ways for record in self.session.scalars(way)}
