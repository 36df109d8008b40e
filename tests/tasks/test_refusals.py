"""What mail servers say, after the manners of the usual ones; names and numbers are made up."""

import pytest

from tasks.mail.refusals import Blame, blame, is_ours_for_sure
from tests.each import each

ADDRESS = [
    "550 5.1.1 <erika@freitag.example>: Recipient address rejected: User unknown in virtual mailbox table",
    "550 5.1.1 User unknown",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient erika@freitag.example not found by SMTP address lookup",
    "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking",
    "550 5.2.1 The email account that you tried to reach is inactive.",
    "550 5.4.1 Recipient address rejected: Access denied. [AM5EUR02FT004.eop-EUR02.example]",
    "553 5.1.2 <erika@freitagg.example>: Recipient address rejected: Domain not found",
    "5.4.4 Host or domain name not found. Name service error for name=freitagg.example type=A: Host not found",
    "550 5.4.310 DNS domain freitagg.example does not exist",
    "556 5.1.10 Recipient address has null MX",
    "550 No such user here",
    "550 no mailbox by that name is currently available",
    "550 Unrouteable address",
    "550 5.7.1 <erika@freitag.example>... No such user",
    "551 5.1.6 User has moved, please try <erika@montag.example>",
    "553 5.1.3 <erika@@freitag.example>... Malformed recipient",
    "550 5.7.17 Mailbox owner has changed",
    "550 Requested action not taken: mailbox unavailable: unknown recipient",
    "550 5.1.1 <relay@spamhaus-freitag.example> Adressat: Benutzer unbekannt",
    "host mx.freitag.example[192.0.2.9] said: 550 5.1.1 User unknown (in reply to RCPT TO command)",
    "550 Postfach existiert nicht",
    "550 5.0.0 <erika@freitag.example>... User unknown",
    "550 Dieses Postfach wurde deaktiviert",
    "550 5.6.7 recipient needs SMTPUTF8, which the next server does not offer",
    "550 5.1.0 Domain freitag.example does not accept mail (nullMX)",
    "554 delivery error: dd This user doesn't have a post.example account (erika@post.example) [0]",
    "550 5.5.0 Requested action not taken: mailbox unavailable",
    "550 Requested action not taken: mailbox unavailable",
    '550 unknown local-part "erika" in domain "freitag.example"',
    "550 #5.1.0 Address rejected.",
    "550 That address is not hosted here",
    "550 This account no longer exists",
    "550 User no longer with company",
    "550 Account closed",
    "550 Account is not active",
    "550 The address that you are sending to does not exist",
    "550 5.1.1 User unknown; mail returned to sender",
    "550 5.1.1 no such user, please ask your mail administrator",
    "550 RESOLVER.ADR.RecipientNotFound",
    "550 Der Empf?nger ist nicht bekannt",
    "550 Postfach gelöscht",
    "550 Postfach geloescht",
    "550 Utilisateur inconnu",
    "550 5.0.0 Destinataire inconnu; retourné à l’expéditeur",
    "550 Adresse inexistante",
    "550 Boîte aux lettres inexistante",
    "550 Cette adresse n'existe plus",
    "550 Compte désactivé",
    "550 Compte desactive",
    "550 5.1.1 Please check your recipient address and try again. User unknown",
    "550 5.1.1 User unknown. Please check your address",
    "550 Please check your recipient address: user unknown",
    "550 Your email address list contains an unknown user",
    "550 5.1.1 Die Adresse ist unbekannt. Prüfen Sie Ihre Adresse",
    "550 5.1.1 Benutzer unbekannt, bitte Ihre Empfängeradresse prüfen",
    "550 5.1.1 Utilisateur inconnu, vérifiez votre adresse",
]
MAILBOX = [
    "552 5.2.2 Mailbox full",
    "552 Requested mail action aborted: exceeded storage allocation",
    "550 5.2.2 <erika@freitag.example>: user is over quota",
    "552-5.2.2 The email account that you tried to reach is over quota",
    "554 5.2.2 mailbox full; STOREDRV.Deliver; Quota exceeded",
    "552 Postfach voll",
    "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
    "550 5.2.1 account temporarily disabled: over quota",
    "550 Benutzer vorübergehend deaktiviert",
    "552 Boite pleine",
    "550 La boîte aux lettres du destinataire est pleine",
    "550 Quota dépassé",
]
MAIL = [
    "552 5.3.4 Message size exceeds fixed limit",
    "552 5.2.3 Message too large for this mailbox",
    "552 Nachricht ist zu groß",
    "554 5.6.0 we do not like this",
    "552 5.7.0 Our guidelines forbid this attachment",
    "554 5.7.1 Virus found in the message",
    "550 no",
    "550 Recipient rejected",
    "552 Pièce jointe interdite",
    "552 Message trop volumineux",
]
OURS = [
    "554 5.7.1 <erika@freitag.example>: Relay access denied",
    "550 5.7.1 Relaying denied",
    "550 relay not permitted",
    "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    "554 5.7.1 Service unavailable; Client host [192.0.2.5] blocked using zen.example",
    "550 5.7.1 Our system has detected that this message is likely unsolicited mail",
    "550 5.7.606 Access denied, banned sending IP [192.0.2.5]. To request removal from this list",
    "530 5.7.0 Authentication required",
    "535 5.7.8 Error: authentication failed",
    "550 5.7.26 unauthenticated sender",
    "550 5.7.23 The message was rejected because of SPF",
    "550 5.7.509 Access denied, sending domain does not pass DMARC verification",
    "550 5.4.5 Daily user sending limit exceeded",
    "550 5.1.8 <service@convent-it.example>: Sender address rejected: Domain not found",
    "550 5.1.0 <service@convent-it.example>: Sender address rejected: User unknown in relay recipient table",
    "550 5.1.8 Access denied, bad outbound sender",
    "550 5.1.7 <service@convent-it.example> invalid address",
    "550 Sender verify failed",
    "553 5.1.8 Domain of sender address does not exist",
    "550 5.7.1 Message rejected due to local policy",
    "550 5.4.14 Hop count exceeded - possible mail loop",
    "550 Administrative prohibition",
    "550 Absender gesperrt",
    "554 IP auf der Blocklist: Zugriff verweigert",
    "550 5.7.1 Your account has been disabled",
    "554 5.7.1 Sending from this account is disabled",
    "550 5.7.501 Access denied, spam abuse detected from sending account. Your account has been disabled",
    "550 SMTP user disabled due to outgoing spam",
    "550 You are not allowed to send to external recipients; mailbox is disabled for outbound",
    "554 Your subscription has expired: account closed",
    "550 Trial of this tenant has expired: account closed",
    "550 5.1.1 Sender domain does not exist",
    "550 5.1.0 Sender denied; unknown user",
    "550 5.7.1 Service not available: your mailbox has exceeded its daily quota for sending",
    "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
    "535 5.7.3 Unknown user or bad password",
    "550 5.1.1 <service@convent-it.example>: account disabled",
    "550 5.7.1 account disabled",
    "550 Account disabled: policy violation",
    "550 5.7.1 Der Benutzer ist für den Versand gesperrt, Konto deaktiviert",
    "550 Die Domäne des Absenders existiert nicht",
    "550 Ihr Mailkonto ist abgelaufen",
    "550 Authentification requise",
    "550 Expéditeur inconnu",
    "550 Expediteur inconnu",
    "550 Votre compte est désactivé",
    "550 Votre adresse IP est bloquée",
    "550 Limite d'envoi atteinte: compte fermé",
    "550 5.1.1 Your address is unknown",
    "550 Your address: user unknown",
    "550 5.7.1 Ihre Adresse ist unbekannt",
    "550 5.1.1 Your sender address: user unknown",
    "550 5.1.1 Your IP address: user unknown",
    "550 Ihre Adresse ist gesperrt",
    "550 Votre adresse est bloquée",
]


@each(
    "said, whose",
    [(said, whose) for whose, many in zip(Blame, (ADDRESS, MAILBOX, MAIL, OURS), strict=True) for said in many],
)
def test_only_what_is_surely_about_the_recipient_is_blamed_on_the_address(said, whose):
    assert blame(said) is whose


@pytest.mark.parametrize(
    ("said", "status", "whose"),
    [
        ("smtp; 550 unknown user", "5.0.0", Blame.ADDRESS),
        ("smtp; 552 Requested mail action aborted: exceeded storage allocation", "5.0.0", Blame.MAILBOX),
        ("smtp;550 5.1.8 Access denied, bad outbound sender", "5.1.8", Blame.OURS),
        ("smtp;554 5.4.14 Hop count exceeded - possible mail loop", "5.4.14", Blame.OURS),
        ("", "5.1.1", Blame.ADDRESS),
        ("", "5.7.1", Blame.OURS),
        ("x-unix; 67", "5.1.1", Blame.ADDRESS),
        ("", "", Blame.MAIL),
    ],
)
def test_a_report_is_judged_by_its_words_and_its_status(said, status, whose):
    assert blame(said, status) is whose


@pytest.mark.parametrize(
    "said",
    ["454 4.7.1 <erika@freitag.example>: Relay access denied", "450 4.1.8 Sender address rejected: Domain not found"],
)
def test_a_fault_of_ours_is_one_also_for_the_time_being(said):
    assert is_ours_for_sure(said)


@pytest.mark.parametrize(
    "said",
    [
        "451 4.7.1 Greylisted, come back later",
        "450 4.7.1 Client host rejected: Greylisted, the sender is asked to try again",
        "450 4.2.2 mailbox full",
        "452 4.3.1 out of memory",
        "450 4.1.1 User unknown for the time being, please check your address",
    ],
)
def test_an_ordinary_delay_is_no_fault_of_ours(said):
    assert not is_ours_for_sure(said)
