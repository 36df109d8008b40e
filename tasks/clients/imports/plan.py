"""What becomes of each record: compared with what is stored, and with the records before it.

Nothing is written here. The same rules make the preview and the import itself, which looks again at what is stored in
the very transaction that writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.clients.client import ClientKind, name_key
from models.clients.imports import Outcome
from models.clients.naming import NameFormat, filed_as
from models.db import Facts
from tasks.clients.imports.changes import account_of, change_account, change_person, new_person, switch
from tasks.clients.imports.draft import AccountDraft, Choice, ContactDraft, Draft, Question, Reason
from tasks.clients.imports.outcome import Because, Planned
from tasks.clients.imports.world import Account, Place, Someone, World, called, names_of, number_key, strict, words


class _Skip(Exception):
    """Somebody said that the record is to be left out."""

    def __init__(self, question: Question) -> None:
        self.question = question


class _Unseen(Exception):
    """It is about what whoever imports does not see; not even a question may tell of it."""


@dataclass(slots=True)
class Planner:
    """Plans records in the order of the file, each in a world that knows those before it."""

    world: World
    name_format: NameFormat
    asked: list[tuple[Question, Facts]] = field(default_factory=list)
    answers: Mapping[str, str] = field(default_factory=dict)

    def plan(self, draft: Draft, answers: Mapping[str, str]) -> Planned:
        """One record, and its place in the world from now on."""
        return self._plan(draft, answers).tell()

    def open(self, draft: Draft) -> Planned:
        """The same of a record that was found new, when nothing has happened since; it is not told once more."""
        assert draft.account is not None
        return self._apply(draft, draft.account, None, [(None, contact) for contact in draft.contacts])

    def _plan(self, draft: Draft, answers: Mapping[str, str]) -> Planned:
        self.asked, self.answers = [], answers
        left_out = self._left_out(draft)
        if left_out is not None:
            return left_out
        try:
            for asked in draft.questions:
                self._choose(asked.question, {**asked.facts})
            if draft.account is None or not (draft.contacts or names_of(draft)):
                nothing = Planned(draft, Outcome.REFUSED, Reason.NOTHING_USEFUL.value)
                return self._held(draft) if self.asked else nothing
            account = self._seen(self._account_meant(draft, draft.account))
            meant: list[tuple[Someone | None, ContactDraft]] = []
            for contact in draft.contacts:
                meant.append(self._person_meant(account, contact, [person for person, _ in meant]))
        except _Unseen:
            return Planned(draft, Outcome.REFUSED, Because.UNSEEN.value)
        except _Skip as skip:
            return Planned(draft, Outcome.SKIPPED, Because.LEFT_OUT.value, question=skip.question.value)
        if account is None and not draft.contacts and not self._will_have_contact(draft):
            return Planned(draft, Outcome.REFUSED, Reason.NO_PERSON.value)
        return self._held(draft) if self.asked else self._apply(draft, draft.account, account, meant)

    def _left_out(self, draft: Draft) -> Planned | None:
        if draft.refused is not None:
            return Planned(draft, Outcome.REFUSED, draft.refused.reason.value, facts={"value": draft.refused.value})
        if draft.skipped is not None and self.answers.get(draft.skipped.value) != Choice.CREATE:
            return Planned(draft, Outcome.SKIPPED, draft.skipped.value)
        return None

    def _held(self, draft: Draft) -> Planned:
        question, facts = self.asked[0]
        told = {**facts, "all": [[each.value, about] for each, about in self.asked]}
        return Planned(draft, Outcome.HELD, question.value, question=question.value, facts=told)

    def _will_have_contact(self, draft: Draft) -> bool:
        assert draft.account is not None
        keys = {name_key(name) for name in names_of(draft)}
        keys |= {number_key(draft.account.number)} if draft.account.number else set()
        return bool(keys & self.world.with_contact)

    # ---- who is meant

    def _choose(self, question: Question, facts: Facts) -> str | None:
        """The answer; without one the record is held."""
        choice = self.answers.get(question.value)
        if choice == Choice.SKIP:
            raise _Skip(question)
        if choice is None:
            self.asked.append((question, facts))
        return choice

    def _account_meant(self, draft: Draft, told: AccountDraft) -> Account | None:
        """The account that is there; None: there is none yet."""
        world = self.world
        if told.number and told.number in world.by_number:
            return world.accounts[world.by_number[told.number]]
        oldest_first = sorted(world.by_number_or_name(draft), key=lambda key: (key < 0, abs(key)))
        near = [world.accounts[key] for key in oldest_first]
        same = [account for account in near if _is_called(account, draft)] or self._by_address(draft, told)
        if told.number and same:
            free = [account for account in same if not account.number]
            if not free:
                facts = {"name": same[0].name, "number": same[0].number, "written": told.number}
                return self._linked(Question.SAME_NAME_OTHER_NUMBER, facts, same[0])
            same = free
        if same:
            return self._one_of(draft, same)
        resembling = [each for each in near if not (told.number and each.number) and each.kind is told.kind]
        if resembling:
            written = names_of(draft)[0]
            return self._linked(
                Question.RESEMBLING_NAME, {"name": resembling[0].name, "written": written}, resembling[0]
            )
        return None

    def _seen(self, account: Account | None) -> Account | None:
        if account is not None and not account.is_seen:
            raise _Unseen
        return account

    def _linked(self, question: Question, facts: Facts, account: Account) -> Account | None:
        self._seen(account)
        return account if self._choose(question, facts) == Choice.LINK else None

    def _by_address(self, draft: Draft, told: AccountDraft) -> list[Account]:
        """The accounts of their own of whom the record names by an e-mail address that is known."""
        if told.kind is not ClientKind.INDIVIDUAL or told.name:
            return []
        found: dict[int, Account] = {}
        for contact in draft.contacts:
            person = self.world.people.get(self.world.by_email.get(contact.email, 0)) if contact.email else None
            if person is not None and not person.is_withdrawn and words(person.called) == words(called(contact)):
                accounts = [
                    self.world.accounts[key] for key in self.world.of.get(person.id, ()) if key in self.world.accounts
                ]
                found |= {account.id: account for account in accounts if account.kind is ClientKind.INDIVIDUAL}
        return [*found.values()]

    def _one_of(self, draft: Draft, same: Sequence[Account]) -> Account | None:
        """Of accounts of the same name the one that is meant, as far as the record tells."""
        told = draft.account
        assert told is not None
        same = [each for each in same if told.vat_id and each.vat_id == told.vat_id] or same
        if told.kind is ClientKind.COMPANY or not draft.contacts:
            near = [each for each in same if self._is_at(each, draft.contacts)]
            near = near or [each for each in same if each.postcode == told.postcode != ""]
            near = near if len(same) > 1 else [*same]
            sure, doubtful = near if len(near) == 1 else [], same
        else:
            likely = [(self._likeness(account, told, draft.contacts[0]), account) for account in same]
            free = [account for likeness, account in likely if likeness == NOTHING_AGAINST]
            perhaps = [account for likeness, account in likely if likeness == PERHAPS]
            sure = [account for likeness, account in likely if likeness == SURE]
            sure = sure or (free if len(free) == 1 and not perhaps else [])
            doubtful = free + perhaps
        if sure or not doubtful:
            return sure[0] if sure else None
        return self._linked(Question.SAME_NAME_NO_ADDRESS, {"name": doubtful[0].name}, doubtful[0])

    def _is_at(self, account: Account, contacts: Sequence[ContactDraft]) -> bool:
        names = {words(called(contact)) for contact in contacts}
        return any(words(self.world.people[key].called) in names for key in self.world.at.get(account.id, ()))

    def _likeness(self, account: Account, told: AccountDraft, contact: ContactDraft) -> int:
        """How surely the account of somebody of this name is theirs."""
        at = [self.world.people[key] for key in self.world.at.get(account.id, ())]
        person = next((each for each in at if words(each.called) == words(called(contact))), None)
        if person is None:
            return NOTHING_AGAINST
        if contact.email and person.email == contact.email:
            return SURE
        postcodes = {each for each in (person.postcode, account.postcode) if each}
        written = contact.postcode or told.postcode
        birthdays = [each for each in (person.particulars.get("birthday"), contact.birthday) if each]
        is_same_day = len(birthdays) > 1 and str(birthdays[0]) == str(birthdays[1])
        streets = {strict(each) for each in (person.street, account.street) if each}
        lives_there = bool(written in postcodes and strict(contact.street or told.street) in streets)
        shares = lives_there or is_same_day or any(phone.number in person.phones for phone in contact.phones)
        if contact.email and person.email:
            return PERHAPS if shares else NEVER
        if (written and postcodes and written not in postcodes) or (len(birthdays) > 1 and not is_same_day):
            return PERHAPS
        return NOTHING_AGAINST

    def _person_meant(
        self, account: Account | None, contact: ContactDraft, others: Sequence[Someone | None]
    ) -> tuple[Someone | None, ContactDraft]:
        """Who is there already, and none of the *others* of the record; with the contact as they will be stored."""
        world = self.world
        known = world.people.get(world.by_email.get(contact.email, 0)) if contact.email else None
        if known is not None:
            if not (known.is_seen or known.is_withdrawn):
                raise _Unseen
            if known.is_withdrawn or words(known.called) == words(called(contact)):
                return known, contact
            facts = {"address": contact.email, "name": known.called, "written": called(contact)}
            choice = self._choose(Question.SAME_ADDRESS_OTHER_NAME, facts)
            if choice == Choice.LINK:
                return known, contact
            contact = _without_email(contact)
        if account is None:
            return None, contact
        at = [world.people[key] for key in world.at.get(account.id, ()) if key in world.people]
        at = [person for person in at if person not in others]
        named = [each for each in at if words(each.called) == words(called(contact))]
        if not named and account.kind is ClientKind.INDIVIDUAL:  # It was said to be theirs, however they are spelled.
            named = [each for each in at if name_key(each.called) == name_key(called(contact))]
        for person in named:
            if not (person.email and contact.email):
                return person, contact
        if named:
            facts = {"name": named[0].called, "address": named[0].email, "written": contact.email}
            choice = self._choose(Question.SAME_NAME_NO_ADDRESS, facts)
            return (named[0], _without_email(contact)) if choice == Choice.LINK else (None, contact)
        return None, contact

    # ---- what follows

    def _apply(
        self,
        draft: Draft,
        told: AccountDraft,
        account: Account | None,
        meant: Sequence[tuple[Someone | None, ContactDraft]],
    ) -> Planned:
        planned = Planned(draft, Outcome.UNCHANGED, Because.SAME.value)
        as_they_are = zip(meant, draft.contacts, strict=True)
        planned.is_new = account is None and all(
            person is None and contact is own for (person, contact), own in as_they_are
        )
        was_said = account is not None and account.is_touched
        if account is None:
            account = self._open(told, meant)
            planned.is_account_new = True
        else:
            planned.of_account = change_account(account, told)
        planned.account = account
        for person, contact in meant:
            someone = self._take(planned, account, person, contact)
            was_said = was_said and planned.places[someone.id].is_touched
            planned.places[someone.id].is_touched = someone.is_touched = True
        account.is_touched = True
        self._name_outcome(planned, was_said=was_said)
        return planned

    def _open(self, told: AccountDraft, meant: Sequence[tuple[Someone | None, ContactDraft]]) -> Account:
        first = next((contact for _, contact in meant), None)
        company = (told.company_name or told.name) if told.kind is ClientKind.COMPANY else ""
        by_itself = company or (filed_as(first.given_name, first.family_name, self.name_format) if first else "")
        by_hand = bool(told.name) and words(told.name) != words(by_itself)
        name = (told.name if by_hand else by_itself)[:200]
        account = Account(self.world.new_id(), told.kind, name, by_hand, company, told.number, **account_of(told))
        self.world.take_account(account)
        return account

    def _take(self, planned: Planned, account: Account, person: Someone | None, contact: ContactDraft) -> Someone:
        """Have this contact at the account, new or as the record changes them."""
        if person is None or person.is_withdrawn:
            is_back = person is not None
            key = person.id if person is not None else self.world.new_id()
            someone = new_person(key, contact)
            if is_back:
                self.world.people.pop(key)
            self.world.take_person(someone)
            planned.new_people.add(key)
        else:
            someone = person
            changes = change_person(someone, contact)
            if changes:
                planned.of_people.setdefault(someone.id, {}).update(changes)
            if someone.email:
                self.world.by_email.setdefault(someone.email, someone.id)
        place = self.world.places.get((account.id, someone.id))
        if place is None:
            place = Place(
                login=contact.login is not False and bool(someone.email),
                notify=contact.notify is not False,
                email_sync=bool(contact.email_sync),
                is_commercial=bool(contact.is_commercial),
                is_operational=bool(contact.is_operational),
            )
            self.world.take_place(account.id, someone.id, place)
            planned.new_places.add(someone.id)
        else:
            has_address_now = "email" in planned.of_people.get(someone.id, {})
            changes = switch(place, contact, someone, has_address_now=has_address_now)
            if changes:
                planned.of_places.setdefault(someone.id, {}).update(changes)
        planned.places[someone.id] = place
        if someone not in planned.contacts:
            planned.contacts.append(someone)
        return someone

    def _name_outcome(self, planned: Planned, *, was_said: bool) -> None:
        no_access = any(not person.email for person in planned.contacts)
        if planned.is_account_new:
            planned.outcome = Outcome.CREATE
            planned.reason = Because.NEW_WITHOUT_ACCESS if no_access else Because.NEW
        elif planned.new_places:
            planned.outcome = Outcome.LINK
            reasons = (Because.CONTACT_NEW_WITHOUT_ACCESS, Because.CONTACT_NEW, Because.CONTACT_LINKED)
            planned.reason = reasons[(0 if no_access else 1) if planned.new_people else 2]
        elif planned.of_account or planned.of_people or planned.of_places:
            planned.outcome, planned.reason = Outcome.UPDATE, Because.CHANGED
        elif was_said:
            planned.outcome, planned.reason = Outcome.DUPLICATE, Because.REPEATED
        if planned.account is not None and planned.account.is_archived and planned.outcome is not Outcome.DUPLICATE:
            planned.reason = Because.ARCHIVED


NEVER, PERHAPS, NOTHING_AGAINST, SURE = range(4)


def _is_called(account: Account, draft: Draft) -> bool:
    """Whether the account has the very name that the record says."""
    alike = words if account.kind is ClientKind.INDIVIDUAL else strict
    own = {alike(name) for name in (account.name, account.company_name) if name}
    return any(alike(name) in own for name in names_of(draft))


def _without_email(contact: ContactDraft) -> ContactDraft:
    values = {**vars(contact), "email": ""}
    return ContactDraft(**values)
