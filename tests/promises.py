"""What the descriptions of such products promise, sentence by sentence in our words, and the tests that say so.

``python -m tests.promises`` prints each and fails where one has neither a test nor a reason to come later. Sentences
are numbered as they stand in their source; where one promises nothing, the reason stands in its place. Another source
is one more entry in ``SOURCES``.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent


class Promise:
    """A sentence, the tests whose names say it (``file::test``), and why all or a part of it comes later."""

    def __init__(self, says: str, *tests: str, later: str = "") -> None:
        self.says, self.tests, self.later = says, tests, later.strip()


class Told(NamedTuple):
    """How it stands with one sentence."""

    number: str
    says: str
    by: str
    state: str

    def __str__(self) -> str:
        return " | ".join(self)


Source = Mapping[int, Promise | str]

MAIL_HISTORY = "the portal keeps mail with contacts; here only the switch is kept, and handed to it"
WEBINAR = "an event of the maker about importing many; nothing that a program does"

HEADING, CAPTION, INTRODUCES = "a heading", "the caption of a picture", "leads over to what follows"
ELSEWHERE = "a link to another article"

# fmt: off
S2: Source = {
    1: HEADING,
    2: Promise("Clients are added one by one, or many at once",
               "deployments/test_accounts.py::test_an_account_is_opened_in_two_steps_straight_to_its_contacts",
               "deployments/test_import_pages.py::test_a_file_is_looked_at_asked_about_imported_and_taken_back"),
    3: Promise("Clients can register by themselves",
               "deployments/test_public.py::test_whoever_registers_confirms_and_is_taken_on_comes_to_their_account"),
    4: INTRODUCES,
    5: "a table of contents: 12 to 45",
    6: "a table of contents: 46 to 68",
    7: "a table of contents: 69 to 82",
    8: Promise("The way to register can be switched off",
               "tasks/test_firm_settings.py::test_whether_a_firm_is_found_and_takes_registrations_is_set",
               "tasks/test_sign_ups.py::test_where_nobody_can_register_nothing_comes_of_it"),
    9: "a table of contents: 83",
    10: "a table of contents: 86 to 88",
    11: Promise("A webinar shows import, folders and invitations", later=WEBINAR),
    12: HEADING,
    13: Promise("There are two ways to create accounts: by the form, and by import",
                "deployments/test_accounts.py::test_an_account_is_opened_in_two_steps_straight_to_its_contacts",
                "deployments/test_import_pages.py::test_a_file_is_looked_at_asked_about_imported_and_taken_back"),
    14: HEADING,
    15: Promise("Owner, administrators and staff with the right to manage accounts create them",
                "deployments/test_accounts.py"
                "::test_owner_administrators_and_staff_with_the_right_open_accounts_and_nobody_else"),
    16: INTRODUCES,
    17: Promise("“New” at the top of every page leads to a new account",
                "deployments/test_accounts.py::test_a_new_account_is_a_click_away_on_every_page_of_the_firm"),
    18: Promise("So does the list of accounts",
                "deployments/test_accounts.py::test_the_link_to_a_new_account_stands_above_the_search"),
    19: Promise("Whether it is a person or a company is chosen first, then one goes on",
                "deployments/test_accounts.py::test_an_account_is_opened_in_two_steps_straight_to_its_contacts",
                "deployments/test_accounts.py::test_the_kind_of_client_decides_whether_there_is_a_company_name"),
    20: Promise("A contact is linked who is there, or created with names and address",
                "deployments/test_accounts.py::test_an_existing_contact_is_found_by_typing_and_linked",
                "tasks/test_accounts.py::test_an_account_is_opened_with_its_contacts_and_nobody_is_invited"),
    21: Promise("One button creates it all",
                "deployments/test_accounts.py::test_an_account_is_opened_in_two_steps_straight_to_its_contacts"),
    22: "says that this was all",
    23: Promise("Names with signs that folders of Windows cannot have are warned of",
                "deployments/test_accounts.py::test_a_name_that_windows_forbids_in_folders_is_warned_of_and_kept"),
    24: Promise("These signs are known, each of them",
                "models/test_client_naming.py::test_what_windows_forbids_in_folders_is_replaced_and_nothing_else"),
    25: Promise("What would make files unreachable: so the folder is called otherwise, and the name stays",
                "models/test_client_naming.py::test_what_windows_forbids_in_folders_is_replaced_and_nothing_else",
                "deployments/test_accounts.py::test_a_name_that_windows_forbids_in_folders_is_warned_of_and_kept"),
    26: INTRODUCES,
    27: HEADING,
    28: "explains what is meant by an account",
    29: Promise("The first step asks for the kind and what else is set of the account",
                "deployments/test_accounts.py"
                "::test_what_was_typed_stays_through_both_steps_back_and_forth_and_through_refusals"),
    30: Promise("A firm as a client is a company",
                "models/test_client.py::test_a_company_is_called_by_its_own_name_and_not_by_a_contacts"),
    31: Promise("A person or a family is an individual",
                "tasks/test_accounts.py::test_a_name_that_somebody_writes_stays",
                "deployments/test_accounts.py::test_the_kind_of_client_decides_whether_there_is_a_company_name"),
    32: Promise("The list shows accounts by their names",
                "deployments/test_accounts.py::test_the_list_shows_every_account_by_its_name_with_its_contacts"),
    33: Promise("A name left empty comes from the contact, or from the company",
                "models/test_client.py::test_a_name_that_nobody_wrote_follows_the_contact_until_somebody_writes_one",
                "models/test_client.py::test_a_company_is_called_by_its_own_name_and_not_by_a_contacts"),
    34: Promise("Only of companies a company's name is asked for",
                "deployments/test_accounts.py::test_the_kind_of_client_decides_whether_there_is_a_company_name"),
    35: Promise("The account of a company is called so unless it is said otherwise",
                "models/test_client.py::test_a_company_is_called_by_its_own_name_and_not_by_a_contacts"),
    36: Promise("Tags sort accounts",
                "tasks/test_accounts.py::test_tags_that_an_account_is_opened_with_sort_it",
                "tasks/test_accounts.py::test_lists_are_filtered_by_tag_group_portfolio_member_and_state"),
    37: ELSEWHERE,
    38: Promise("Members of the team are chosen who have access to the account",
                "deployments/test_accounts.py::test_members_are_chosen_in_the_first_step_and_stay_chosen",
                "tasks/test_accounts.py"
                "::test_members_who_are_chosen_when_an_account_is_opened_have_access_and_are_told"),
    39: Promise("They are told",
                "tasks/test_accounts.py"
                "::test_members_who_are_chosen_when_an_account_is_opened_have_access_and_are_told",
                "tasks/test_accounts.py::test_who_is_chosen_is_told_although_they_would_see_the_account_anyway"),
    40: Promise("Who creates it has access, and whoever has access by default",
                "tasks/test_accounts.py::test_by_default_who_opens_an_account_and_whoever_has_access_by_default_see_it",
                "tasks/test_accounts.py::test_who_opens_an_account_has_access_to_it"),
    41: Promise("A template brings folders of the firm's own",
                "tasks/test_accounts.py"
                "::test_an_account_has_the_folders_of_its_template_and_without_one_the_usual_folders"),
    42: Promise("Without one there are usual folders, on top that of what the client uploads",
                "tasks/test_accounts.py"
                "::test_an_account_has_the_folders_of_its_template_and_without_one_the_usual_folders",
                "models/test_folders.py::test_what_the_client_uploads_stands_on_top_of_the_standard"),
    43: ELSEWHERE,
    44: Promise("Fields that the firm has made for accounts are asked for here",
                "deployments/test_accounts.py::test_the_firms_own_fields_are_asked_for_in_both_steps"),
    45: Promise("A firm makes fields of its own",
                "tasks/test_firm_settings.py::test_each_is_added_changed_and_deleted_and_the_trail_tells_it",
                "tasks/test_accounts.py::test_the_firms_own_fields_are_checked_by_their_kind_and_kept"),
    46: HEADING,
    47: Promise("Behind an account are people with given and family name and an address",
                "tasks/test_accounts.py::test_an_account_is_opened_with_its_contacts_and_nobody_is_invited",
                "tasks/test_accounts.py::test_a_contact_keeps_an_address_that_nobody_else_has"),
    48: Promise("There is one contact at least, new or linked",
                "tasks/test_accounts.py::test_an_account_needs_a_contact",
                "tasks/test_accounts.py::test_an_existing_contact_is_linked_instead_of_made_twice"),
    49: Promise("A contact who is there is found by typing the name, and linked",
                "deployments/test_accounts.py::test_an_existing_contact_is_found_by_typing_and_linked"),
    50: Promise("Else a new one is written into the fields",
                "deployments/test_accounts.py::test_an_account_is_opened_in_two_steps_straight_to_its_contacts"),
    51: Promise("Numbers, address and the rest of a contact are at hand",
                "tasks/test_accounts.py::test_card_phones_tags_and_groups_of_a_contact_are_kept"),
    52: Promise("An individual's account is called after the contact, by the usual format of names",
                "tasks/test_accounts.py::test_a_persons_account_is_called_by_the_firms_format_after_the_first_contact"),
    53: Promise("Fields that the firm has made for contacts are asked for here",
                "deployments/test_accounts.py::test_the_firms_own_fields_are_asked_for_in_both_steps"),
    54: Promise("A firm makes fields of its own for contacts too",
                "tasks/test_firm_settings.py::test_each_is_added_changed_and_deleted_and_the_trail_tells_it",
                "models/test_client_labels.py::test_a_field_of_accounts_and_one_of_contacts_may_have_the_same_name"),
    55: Promise("Nobody comes into the portal without an e-mail address",
                "tasks/test_grants.py::test_access_needs_an_address",
                "models/test_recipients.py::test_without_an_address_nothing_reaches_anybody"),
    56: Promise("Switches say of each contact what they may at the account",
                "tasks/test_grants.py::test_each_account_is_granted_by_itself",
                "tasks/test_grants.py::test_no_switch_writes_to_anybody"),
    57: Promise("LOGIN opens the account in the portal",
                "models/test_recipients.py::test_login_opens_the_account_in_the_portal_and_without_it_stays_closed",
                "tasks/test_client_view.py::test_a_contact_of_several_accounts_sees_those_alone_that_each_was_granted"),
    58: Promise("LOGIN can be on and the invitation come later",
                "tasks/test_grants.py::test_whoever_is_let_in_without_a_word_gets_no_mail_until_somebody_says_so"),
    59: Promise("NOTIFY brings the mails of the system, those to many and those of workflows",
                "models/test_recipients.py::test_notify_brings_the_portals_mails_and_those_to_many_and_off_brings_none",
                "models/test_recipients.py"
                "::test_the_operational_contact_gets_what_case_files_and_workflows_send_by_themselves",
                "tasks/test_grants.py"
                "::test_reminders_spare_who_wants_no_mail_about_any_account_and_go_on_where_they_do"),
    60: Promise("EMAIL SYNC shows mail of the contact at the account, to be answered there",
                "models/test_recipients.py::test_email_sync_shows_the_mail_with_the_contact_at_the_account",
                later=MAIL_HISTORY),
    61: Promise("The mail of all the time before is shown as well", later=MAIL_HISTORY),
    62: Promise("Tags sort contacts",
                "tasks/test_accounts.py::test_card_phones_tags_and_groups_of_a_contact_are_kept"),
    63: ELSEWHERE,
    64: Promise("A contact has several numbers",
                "tasks/test_accounts.py::test_the_number_that_is_marked_gets_short_messages_of_all_that_were_given"),
    65: Promise("The number that is marked gets short messages",
                "tasks/test_accounts.py::test_the_number_that_is_marked_gets_short_messages_of_all_that_were_given"),
    66: Promise("Where a contact lives is kept, and finds them",
                "tasks/test_accounts.py::test_an_account_is_found_by_where_a_contact_lives"),
    67: Promise("More contacts are added to the account",
                "deployments/test_accounts.py"
                "::test_what_was_typed_stays_through_both_steps_back_and_forth_and_through_refusals",
                "deployments/test_accounts.py::test_a_contact_is_added_to_an_account_new_or_chosen"),
    68: Promise("The button creates the account",
                "deployments/test_accounts.py::test_an_account_is_opened_in_two_steps_straight_to_its_contacts"),
    69: HEADING,
    70: Promise("With LOGIN on it is asked at once whether to invite",
                "deployments/test_accounts.py"
                "::test_who_may_sign_in_is_asked_about_at_once_when_the_account_is_created"),
    71: Promise("A personal message goes with the invitation",
                "deployments/test_grants.py"
                "::test_whoever_says_so_invites_with_their_words_and_comes_back_to_the_account",
                "tasks/test_grants.py::test_whoever_is_invited_gets_the_invitation_now_with_the_words_and_the_names"),
    72: Promise("Or it is skipped: access without a mail",
                "deployments/test_grants.py::test_skipping_lets_in_and_writes_to_nobody"),
    73: Promise("So what the contact will find can be prepared before they come",
                "tasks/test_grants.py::test_whoever_is_let_in_without_a_word_gets_no_mail_until_somebody_says_so"),
    74: Promise("Whoever was not let in at the beginning can be at any time",
                "deployments/test_grants.py::test_switching_access_on_asks_whether_to_tell_and_other_switches_do_not"),
    75: Promise("The account has a page with what is known of it",
                "deployments/test_accounts.py::test_the_accounts_page_shows_info_contacts_people_folders_and_history"),
    76: Promise("It shows the contacts",
                "deployments/test_accounts.py::test_the_accounts_page_shows_info_contacts_people_folders_and_history"),
    77: Promise("Each of them has the switch LOGIN there",
                "deployments/test_grants.py::test_switching_access_on_asks_whether_to_tell_and_other_switches_do_not"),
    78: Promise("Switching it on asks for a message again, and sends it",
                "deployments/test_grants.py::test_switching_access_on_asks_whether_to_tell_and_other_switches_do_not",
                "deployments/test_grants.py"
                "::test_whoever_says_so_invites_with_their_words_and_comes_back_to_the_account"),
    79: Promise("A contact of several accounts is let in to each by itself",
                "tasks/test_grants.py::test_each_account_is_granted_by_itself",
                "tasks/test_client_view.py::test_a_contact_of_several_accounts_sees_those_alone_that_each_was_granted"),
    80: Promise("They switch between these after signing in",
                "deployments/test_public.py"
                "::test_a_client_of_several_accounts_switches_between_them_and_the_chosen_one_is_marked"),
    81: Promise("Whoever was invited activates the access",
                "tasks/test_sign_ups.py::test_who_was_accepted_activates_the_access_and_is_a_client"),
    82: Promise("By the link in the mail, and a password of their own",
                "deployments/test_public.py::test_whoever_registers_confirms_and_is_taken_on_comes_to_their_account",
                "deployments/test_grants.py"
                "::test_who_closes_the_browser_finds_the_same_form_by_the_same_link_with_what_they_are_called"),
    83: Promise("The list shows whose activation is pending, and they are invited again",
                "deployments/test_accounts.py::test_pending_activations_are_a_filter_and_lead_to_inviting_again",
                "deployments/test_grants.py"
                "::test_what_is_sent_again_is_the_same_invitation_with_a_new_link_by_every_button",
                "deployments/test_pending.py::test_the_list_stands_beside_that_of_the_accounts_and_tells_of_each",
                "tasks/test_pending.py"
                "::test_all_who_are_sought_are_invited_again_once_each_under_the_words_of_before"),
    84: "a heading: 8",
    85: ELSEWHERE,
    86: HEADING,
    87: Promise("When a client has set up the access, whoever looks after it is told in the inbox and by mail",
                "tasks/test_grants.py::test_whoever_looks_after_an_account_hears_of_its_contact_and_nobody_else_does"),
    88: Promise("A link there goes to the new client",
                "tasks/test_grants.py::test_clients_who_are_active_within_minutes_are_one_mail_with_a_way_to_each",
                "deployments/test_grants.py"
                "::test_the_inbox_shows_what_is_unread_first_and_opening_an_entry_is_a_button"),
}

S3: Source = {
    1: Promise("A contact has one of three kinds of rights at an account",
               "tasks/test_accounts.py"
               "::test_roles_are_said_of_a_contact_who_is_created_or_linked_and_neither_is_an_employee"),
    2: Promise("The commercial contact answers for what is agreed",
               "models/test_recipients.py"
               "::test_the_commercial_contact_answers_for_the_agreement_and_the_main_one_gets_the_invoices"),
    3: Promise("They may come in, and the main one gets the invoices",
               "models/test_recipients.py"
               "::test_the_commercial_contact_answers_for_the_agreement_and_the_main_one_gets_the_invoices",
               "models/test_client.py::test_one_of_the_commercial_contacts_gets_the_invoices"),
    4: Promise("The operational contact gets what case files and workflows send by themselves",
               "models/test_recipients.py"
               "::test_the_operational_contact_gets_what_case_files_and_workflows_send_by_themselves"),
    5: Promise("Others who work for the client are added to the account",
               "models/test_client.py::test_who_is_neither_commercial_nor_operational_contact_is_an_employee",
               "deployments/test_accounts.py::test_a_contact_is_added_to_an_account_new_or_chosen"),
    6: Promise("Employees may come in, and belong to one portfolio or several",
               "models/test_recipients.py"
               "::test_an_employee_may_come_in_and_is_written_to_in_the_inbox_of_the_case_file",
               "tasks/test_client_view.py"
               "::test_accounts_of_a_portfolio_are_seen_as_well_and_bring_nothing_but_the_portal",
               "tasks/test_accounts.py::test_a_contact_belongs_to_groups_and_portfolios_that_are_the_firms_own"),
    7: Promise("They are written to in the inbox of the case file",
               "models/test_recipients.py"
               "::test_an_employee_may_come_in_and_is_written_to_in_the_inbox_of_the_case_file"),
    8: Promise("One contact may be both commercial and operational",
               "models/test_recipients.py::test_one_contact_may_be_commercial_and_operational_at_once"),
    9: HEADING,
    10: Promise("Contacts have their place at the account",
                "deployments/test_accounts.py::test_the_accounts_page_shows_info_contacts_people_folders_and_history"),
    11: Promise("A new client's form goes on to the contacts by itself",
                "deployments/test_accounts.py::test_an_account_is_opened_in_two_steps_straight_to_its_contacts"),
    12: Promise("A button adds somebody",
                "deployments/test_accounts.py::test_a_contact_is_added_to_an_account_new_or_chosen"),
    13: Promise("Somebody new can be created there",
                "deployments/test_accounts.py::test_a_contact_is_added_to_an_account_new_or_chosen"),
    14: Promise("Names, address and number are asked for",
                "tasks/test_accounts.py::test_card_phones_tags_and_groups_of_a_contact_are_kept"),
    15: Promise("The country gives the number its code",
                "models/test_client_address.py::test_a_number_is_kept_as_every_country_can_dial_it",
                "tasks/test_accounts.py::test_card_phones_tags_and_groups_of_a_contact_are_kept"),
    16: Promise("What they may is said there",
                "tasks/test_accounts.py"
                "::test_roles_are_said_of_a_contact_who_is_created_or_linked_and_neither_is_an_employee"),
    17: Promise("No to both makes an employee",
                "tasks/test_accounts.py"
                "::test_roles_are_said_of_a_contact_who_is_created_or_linked_and_neither_is_an_employee"),
    18: Promise("It is decided whether they have access",
                "deployments/test_accounts.py::test_who_may_sign_in_is_asked_about_at_once_when_the_account_is_created",
                "models/test_recipients.py::test_login_opens_the_account_in_the_portal_and_without_it_stays_closed"),
    19: Promise("It is saved by a button",
                "deployments/test_accounts.py::test_a_contact_is_added_to_an_account_new_or_chosen"),
    20: Promise("Then the contact gets a mail with the way in",
                "tasks/test_grants.py::test_whoever_is_invited_gets_the_invitation_now_with_the_words_and_the_names",
                "deployments/test_accounts.py"
                "::test_who_may_sign_in_is_asked_about_at_once_when_the_account_is_created"),
    21: ELSEWHERE,
    22: Promise("Whoever has access already is linked",
                "tasks/test_accounts.py::test_an_existing_contact_is_linked_instead_of_made_twice",
                "tasks/test_grants.py::test_who_is_active_is_told_of_one_more_account_and_signs_in_as_before"),
    23: "the same words as 10",
    24: "the same words as 11",
    25: "the same words as 12",
    26: Promise("Somebody who is there can be chosen",
                "deployments/test_accounts.py::test_a_contact_is_added_to_an_account_new_or_chosen"),
    27: Promise("Out of a list, or by typing the name",
                "deployments/test_accounts.py::test_an_existing_contact_is_chosen_from_a_list_or_looked_for_by_typing",
                "tasks/test_accounts.py::test_a_contact_to_choose_is_found_by_name_and_address_also_at_no_account"),
    28: Promise("It is said whether they are commercial or operational contact here",
                "tasks/test_accounts.py"
                "::test_roles_are_said_of_a_contact_who_is_created_or_linked_and_neither_is_an_employee"),
    29: Promise("Otherwise it stays at no",
                "tasks/test_accounts.py"
                "::test_roles_are_said_of_a_contact_who_is_created_or_linked_and_neither_is_an_employee"),
    30: Promise("A button links them",
                "deployments/test_accounts.py::test_a_contact_is_added_to_an_account_new_or_chosen"),
    31: "praises what was described",
    32: "subjects under which the article is filed",
    33: "links to other articles, of which there are none",
}

S4: Source = {
    1: HEADING,
    2: Promise("Clients have their place in the menu",
               "deployments/test_accounts.py::test_the_list_shows_every_account_by_its_name_with_its_contacts"),
    3: Promise("Above the search a link leads to a new client",
               "deployments/test_accounts.py::test_the_link_to_a_new_account_stands_above_the_search"),
    4: CAPTION,
    5: Promise("A form asks for all that is needed",
               "deployments/test_accounts.py"
               "::test_the_contacts_page_keeps_everything_in_its_order_with_the_grid_of_hours"),
    6: Promise("First come name and address",
               "deployments/test_accounts.py"
               "::test_the_contacts_page_keeps_everything_in_its_order_with_the_grid_of_hours"),
    7: CAPTION,
    8: Promise("All groups are shown",
               "deployments/test_accounts.py"
               "::test_all_groups_are_listed_and_a_contact_is_put_into_those_that_are_chosen"),
    9: Promise("The client is put into those that fit",
               "deployments/test_accounts.py"
               "::test_all_groups_are_listed_and_a_contact_is_put_into_those_that_are_chosen"),
    10: Promise("Groups are categories, and open only what belongs to them",
                "tasks/test_accounts.py::test_lists_are_filtered_by_tag_group_portfolio_member_and_state",
                "tasks/test_client_view.py"
                "::test_the_groups_of_a_contact_open_what_they_see_and_without_any_the_firm_does"),
    11: CAPTION,
    12: "says why it is needed",
    13: Promise("One knows when whom can be reached",
                "deployments/test_firm_settings.py::test_whoever_sees_a_client_sees_when_they_can_be_reached_and_who_manages_accounts_says_it"),
    14: Promise("Hours and days of the week are chosen by clicking",
                "deployments/test_accounts.py::test_the_hours_that_are_chosen_are_marked_green",
                "deployments/test_profile.py::test_the_firm_enters_when_a_client_can_be_reached_and_reminders_follow"),
    15: Promise("What is chosen is green",
                "deployments/test_accounts.py::test_the_hours_that_are_chosen_are_marked_green"),
    16: Promise("Weekdays from eight to six, for example",
                "deployments/test_accounts.py::test_the_hours_that_are_chosen_are_marked_green"),
    17: CAPTION,
    18: Promise("The ways to reach the client come next",
                "deployments/test_accounts.py"
                "::test_the_contacts_page_keeps_everything_in_its_order_with_the_grid_of_hours"),
    19: Promise("Landline, mobile and fax",
                "tasks/test_accounts.py::test_the_number_that_is_marked_gets_short_messages_of_all_that_were_given"),
    20: Promise("The language is chosen in a menu",
                "tasks/test_accounts.py"
                "::test_a_contact_is_written_to_in_the_language_and_the_form_of_address_that_were_chosen"),
    21: Promise("In German also whether it is Sie or Du",
                "tasks/test_accounts.py"
                "::test_a_contact_is_written_to_in_the_language_and_the_form_of_address_that_were_chosen"),
    22: Promise("Yes or no says whether the public list shows the client",
                "tasks/test_public_page.py"
                "::test_only_contacts_who_have_agreed_stand_in_the_list_with_name_town_and_website_alone"),
    23: Promise("E-mail address and password are what one signs in with",
                "tasks/test_grants.py::test_access_needs_an_address",
                "deployments/test_grants.py::test_a_made_password_is_shown_once_and_leads_to_one_of_their_own"),
    24: Promise("The last field is for the website",
                "deployments/test_accounts.py::test_the_website_is_asked_for_last"),
    25: CAPTION,
    26: Promise("It is saved by a button, and not before",
                "deployments/test_accounts.py::test_nothing_of_a_contact_is_kept_before_it_is_saved"),
    27: Promise("After that it is said that the password is missing",
                "deployments/test_accounts.py"
                "::test_after_a_contact_is_saved_the_page_says_that_the_password_is_missing_with_the_way_to_it"),
    28: Promise("A link leads to it",
                "deployments/test_accounts.py"
                "::test_after_a_contact_is_saved_the_page_says_that_the_password_is_missing_with_the_way_to_it"),
    29: Promise("It opens a form for the password",
                "deployments/test_grants.py::test_each_page_of_a_contact_is_whole_in_every_state_and_language"),
    30: Promise("One types a password, or has one made",
                "deployments/test_grants.py"
                "::test_a_typed_password_is_not_shown_and_what_is_wrong_with_it_is_told_at_its_field",
                "deployments/test_grants.py::test_a_made_password_is_shown_once_and_leads_to_one_of_their_own"),
    31: Promise("A button sets it",
                "deployments/test_grants.py::test_a_made_password_is_shown_once_and_leads_to_one_of_their_own"),
    32: Promise("Then follows the check of the address",
                "deployments/test_grants.py::test_after_a_password_the_address_is_checked_next"),
    33: Promise("Whoever says yes has the mail sent",
                "deployments/test_grants.py::test_an_address_is_confirmed_by_a_button_and_not_by_looking"),
    34: Promise("The client confirms it by that mail",
                "tasks/test_grants.py::test_whoever_says_that_an_address_is_theirs_has_confirmed_it_once",
                "deployments/test_grants.py::test_an_address_is_confirmed_by_a_button_and_not_by_looking"),
    35: Promise("In the end the client stands in the overview",
                "deployments/test_accounts.py::test_the_list_shows_every_account_by_its_name_with_its_contacts"),
    36: "keywords, author and place of the article",
}
S5: Source = {
    1: HEADING,
    2: "the heading of a table of contents",
    3: Promise("One page has all that was agreed, and its settings, for the provider and for its client",
               "deployments/test_contract_pages.py"
               "::test_every_page_is_whole_for_every_reader_whatever_has_become_of_the_module"),
    4: "what such a page is good for",
    5: "what that is good for",
    6: HEADING,
    7: Promise("Contract data is the part that is shown first",
               "deployments/test_contract_pages.py::test_each_section_is_changed_by_who_may_and_shown"),
    8: HEADING,
    9: Promise("The owner of the account stands there, and how the account is deleted",
               "deployments/test_contract_pages.py::test_the_owner_stands_there_and_when_the_account_can_be_deleted",
               "deployments/test_closing_pages.py"
               "::test_the_owner_deletes_the_account_and_is_told_once_more_wherever_they_go"),
    10: Promise("It can be deleted only as long as no module is active",
                "tasks/test_closing.py"
                "::test_it_cannot_be_closed_while_a_module_has_no_last_day_or_is_about_to_begin"),
    11: Promise("All modules must have been ended, and their last day must be over",
                "tasks/test_closing.py"
                "::test_an_account_is_closed_from_the_first_moment_after_the_last_day_and_not_before"),
    12: HEADING,
    13: Promise("The partner is whoever was named with the first order of a module",
                "tasks/test_contracts.py"
                "::test_the_agreement_that_both_have_signed_is_the_first_order_at_the_price_as_agreed"),
    14: Promise("Only managers change the partner",
                "deployments/test_contract_pages.py::test_what_is_not_theirs_is_neither_offered_nor_taken"),
    15: HEADING,
    16: Promise("A billing address stands on invoices and credit notes instead of the partner",
                "tasks/test_accounting.py::test_each_position_says_all_that_an_invoice_says_of_it"),
    17: Promise("Changing it concerns later documents only",
                "tasks/test_accounting.py"
                "::test_a_month_that_is_over_stays_as_it_is_and_what_became_known_later_comes_in_the_next"),
    18: HEADING,
    19: Promise("The general terms of payment are those of the day on which the contract is concluded",
                "tasks/test_catalogue_editing.py::test_general_terms_of_payment_are_those_of_contracts_to_come",
                "deployments/test_catalogue_pages.py::test_general_terms_of_payment_are_kept_there"),
    20: Promise("Others can be set for one client",
                "deployments/test_contract_pages.py::test_each_section_is_changed_by_who_may_and_shown"),
    21: Promise("Only managers change them",
                "deployments/test_contract_pages.py::test_what_is_not_theirs_is_neither_offered_nor_taken"),
    22: "the same once more in German",
    23: HEADING,
    24: Promise("An account is free and binds to nothing",
                "deployments/test_contract_pages.py"
                "::test_before_the_agreement_the_account_binds_to_nothing_and_nothing_can_be_ordered_or_changed"),
    25: Promise("Whoever orders a module concludes a contract",
                "deployments/test_contract_pages.py::test_a_firm_orders_a_module_and_sees_what_was_agreed"),
    26: Promise("The term begins with the oldest module that is active",
                "deployments/test_contract_pages.py::test_the_term_begins_with_the_oldest_module_that_is_still_active"),
    27: "the sentence on terms of payment once more, in the wrong place",
    28: HEADING,
    29: Promise("A customer number can be chosen freely",
                "deployments/test_contract_pages.py::test_each_section_is_changed_by_who_may_and_shown"),
    30: HEADING,
    31: Promise("Reverse charge, or that nothing is taxable, can be set",
                "tasks/test_vat_ids.py"
                "::test_a_number_that_is_confirmed_is_billed_by_reverse_charge_and_the_answer_is_kept_as_proof",
                "tasks/test_vat_ids.py::test_a_number_that_is_none_is_billed_at_our_own_rate_and_says_why",
                "deployments/test_contract_pages.py::test_the_page_says_how_it_is_taxed_and_why",
                "deployments/test_contract_pages.py::test_each_section_is_changed_by_who_may_and_shown"),
    32: HEADING,
    33: Promise("Who gets invoices and credit notes can be set, as attachments or as links",
                "deployments/test_contract_pages.py::test_each_section_is_changed_by_who_may_and_shown"),
    34: HEADING,
    35: Promise("A reference of the client's can stand on its invoices",
                "deployments/test_contract_pages.py::test_each_section_is_changed_by_who_may_and_shown"),
    36: HEADING,
    37: Promise("The day on which the client has accepted the terms stands there",
                "tasks/test_consents.py::test_consent_is_kept_with_who_when_and_the_hash_and_cannot_be_taken_back",
                "deployments/test_contract_pages.py::test_what_was_accepted_when_and_by_whom_stands_there_to_be_read",
                "deployments/test_legal_pages.py"
                "::test_the_firm_agrees_on_the_page_and_reads_there_what_it_agreed_to"),
    38: Promise("What was accepted can be read there",
                "tasks/test_consents.py::test_consent_is_kept_with_who_when_and_the_hash_and_cannot_be_taken_back",
                "deployments/test_contract_pages.py::test_what_was_accepted_when_and_by_whom_stands_there_to_be_read",
                "deployments/test_legal_pages.py"
                "::test_the_firm_agrees_on_the_page_and_reads_there_what_it_agreed_to"),
    39: HEADING,
    40: Promise("An account can be called a test account",
                "deployments/test_contract_pages.py::test_each_section_is_changed_by_who_may_and_shown"),
    41: Promise("Only managers do so",
                "deployments/test_contract_pages.py::test_what_is_not_theirs_is_neither_offered_nor_taken"),
    42: HEADING,
    43: Promise("Modules that the client can order stand there",
                "deployments/test_catalogue_pages.py"
                "::test_a_module_is_made_with_all_that_is_wrong_told_at_once_and_ordered_on_the_contract_page"),
    44: Promise("Those that were ordered are shown as active",
                "deployments/test_contract_pages.py::test_a_firm_orders_a_module_and_sees_what_was_agreed"),
    45: HEADING,
    46: Promise("Data of a module is seen and changed there",
                "tasks/test_catalogue_editing.py::test_a_module_with_fields_and_tariffs_is_made_and_told_in_the_trail",
                "tasks/test_contracts.py::test_what_only_managers_may_change_or_order_is_not_the_firms",
                "deployments/test_contract_pages.py::test_a_firm_orders_a_module_and_sees_what_was_agreed"),
    47: HEADING,
    48: Promise("The price list of the tariff that runs is shown",
                "deployments/test_contract_pages.py::test_a_firm_orders_a_module_and_sees_what_was_agreed"),
    49: Promise("The tariff can be changed in due time",
                "deployments/test_contract_pages.py::test_another_tariff_is_chosen_and_taken_back"),
    50: Promise("The module can be terminated in due time",
                "deployments/test_contract_pages.py::test_a_letter_is_entered_with_its_day_and_scan",
                "deployments/test_contract_pages.py"
                "::test_what_the_firm_asks_for_is_answered_on_either_page_and_gone_from_both",
                "deployments/test_contract_pages.py::test_the_end_is_foreseen_confirmed_and_undone_by_both"),
    51: Promise("Both keep to the notice that the tariff says",
                "tasks/test_contracts.py::test_another_tariff_obeys_the_same_rule_and_goes_with_a_termination"),
    52: Promise("Managers may choose another day",
                "tasks/test_contracts.py::test_another_day_is_a_managers_and_needs_a_reason"),
    53: Promise("Clients may not",
                "deployments/test_contract_pages.py"
                "::test_a_manager_chooses_another_day_with_a_reason_and_a_client_never_sees_the_field"),
    54: HEADING,
    55: Promise("Managers add the options of a tariff",
                "tasks/test_contracts.py::test_an_option_that_the_new_tariff_has_as_well_goes_on_at_its_price",
                "deployments/test_contract_pages.py::test_options_are_added_and_ended_by_managers"),
}

# fmt: on

SOURCES: dict[str, Source] = {"S2": S2, "S3": S3, "S4": S4, "S5": S5}


def told(sources: Mapping[str, Source], tests: Path = TESTS) -> Iterator[Told]:
    """Every sentence that promises something, in order, with its state: tested, later or open."""
    for source, sentences in sources.items():
        for number, sentence in sentences.items():
            if isinstance(sentence, Promise):
                yield _told(f"{source}.{number}", sentence, tests)


def _told(number: str, promise: Promise, tests: Path) -> Told:
    missing = [test for test in promise.tests if not _exists(test, tests)]
    reason = f"later: {promise.later}" if promise.later else ""
    by = "; ".join(filter(None, [*promise.tests, reason])) or "neither a test nor a reason"
    if missing:
        return Told(number, promise.says, f"there is no {'; '.join(missing)}", "open")
    if promise.later:
        return Told(number, promise.says, by, "later")
    return Told(number, promise.says, by, "tested" if promise.tests else "open")


def _exists(test: str, tests: Path) -> bool:
    file, _, name = test.partition("::")
    return name.startswith("test_") and name in _tests_in(tests / file)


@cache
def _tests_in(file: Path) -> frozenset[str]:
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def main(sources: Mapping[str, Source] = SOURCES, tests: Path = TESTS) -> int:
    """Print all of them and how many there are; 1 if one is open."""
    lines = list(told(sources, tests))
    states = [line.state for line in lines]
    counts = {state: states.count(state) for state in ("tested", "later", "open")}
    print(*lines, sep="\n")
    print(f"promises: sentences={len(lines)}", *(f"{state}={count}" for state, count in counts.items()))
    return 1 if counts["open"] else 0


if __name__ == "__main__":
    sys.exit(main())
