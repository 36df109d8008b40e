"""Every setting of the product, read once from the environment (prefix ``PROVISION_``) and the file ``.env``.

``PROVISION_ENV_FILE`` names another file, or none if it is empty.
"""

import base64
import ipaddress
import logging
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from email_validator import validate_email
from pydantic import AfterValidator, EmailStr, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

log = logging.getLogger(__name__)

KEPT = {"provision.db", "secret", "webhook-secret", "mails", "logs", "prefect", "prefect-sign-in", "running.json"}
"""By what lies in it a folder is known as the product's."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names by which a machine reaches itself."""


def host_name(address: str) -> str:
    """The host in an address or a ``Host`` header, as browsers write it; empty if there is none."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
        return host.rstrip(".").encode("idna").decode()
    except ValueError:  # Nonsense in brackets, or a name that cannot be.
        return ""


def _host_names(names: str) -> str:
    for name in names.replace(",", " ").split():
        if "/" in name or "*" in name or not host_name(name):
            msg = f"“{name}” is no name of a host: write names, separated by blanks, like portal.example 192.0.2.7"
            raise ValueError(msg)
    return names


def _web_address(address: str) -> str:
    if address and not (urlsplit(address).scheme in {"http", "https"} and host_name(address)):
        msg = f"“{address}” is no address of a website: write it like https://portal.example"
        raise ValueError(msg)
    return address.rstrip("/")


def _plain_before_the_at(address: str) -> str:
    if not address.rpartition("@")[0].isascii():
        msg = f"“{address}” has letters before the @ that not every mail server takes: give one with a to z"
        raise ValueError(msg)
    return address


class Settings(BaseSettings):
    """What a provider may set. The defaults run everything on one machine without any service."""

    model_config = SettingsConfigDict(env_prefix="PROVISION_", extra="ignore")

    data: Path = Path("var")
    """Folder of the embedded default: databases, secret, caught mails."""
    forgotten_folder: Path | None = None
    """Where it is kept who was erased, so that no back-up brings them back; none: beside ``data``, by its name."""
    database_url: str = ""
    """SQLAlchemy address of the product's database; empty: SQLite in ``data``."""
    secret: SecretStr = SecretStr("")
    """Key from which links and form tokens are derived; empty: made once and kept in ``data``."""
    webhook_secret: SecretStr = SecretStr("")
    """Standard Webhooks secret (``whsec_…``); several separated by spaces while rotating; empty: made once."""
    base_url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = "http://127.0.0.1:8080"
    """Where people reach the web pages; stands in every mail."""
    allowed_hosts: Annotated[str, AfterValidator(_host_names)] = ""
    """Further names by which web pages and Prefect are asked for, besides those in their addresses and this machine's
    own; separated by blanks."""

    lock_seconds: Annotated[float, Field(gt=0)] = 10
    """How long a change waits for others before it gives way: people are asked to try again, work is repeated."""

    portal_url: Annotated[str, AfterValidator(_web_address)] = ""
    """Where the portal is: pages lead to ``…/COMPANY_ID/ACCOUNT/FUNCTION`` there; empty: they say it opens soon."""
    proxies: Annotated[str, AfterValidator(lambda text: ",".join(str(network) for network in _networks(text)))] = ""
    """Addresses or networks of our own reverse proxies, whose word about who asks is believed; empty: nobody's."""

    provider_name: str = "Convent IT"
    provider_address: str = "Musterstraße 1, 10115 Berlin"
    provider_email: Annotated[EmailStr, AfterValidator(_plain_before_the_at)] = "service@convent-it.example"
    """Whom people ask, and the sender of every mail."""
    price_notice_days: Annotated[int, Field(ge=0, le=365)] = 42
    """How many days before new prices count for a contract it is told of them, at least."""
    provider_phone: str = "+49 30 5550100"
    provider_representatives: str = ""
    """Who represents the provider, as the imprint names them."""
    provider_register: str = ""
    """Register and number, like “Amtsgericht Musterstadt, HRB 12345”."""
    provider_supervision: str = ""
    """Chamber, or who oversees the trade; empty: nobody needs to."""
    privacy_officer: str = ""
    """How the data protection officer is reached; empty: there is none."""
    privacy_authority: str = ""
    """Where people complain about how their data are handled: the authority that oversees the provider."""
    provider_country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"
    """Where the provider owes value-added tax: two letters of ISO 3166."""
    provider_vat_id: Annotated[str, Field(pattern=r"^([A-Z]{2}[0-9A-Z+*]{2,13})?$")] = ""
    """The provider's VAT identification number, without blanks; without it nobody is billed by reverse charge."""
    vies_url: Annotated[str, AfterValidator(_web_address)] = ""
    """Where VIES, the service of the EU, is asked about VAT ids: by POST to ``…/check-vat-number``; empty: nowhere."""
    vat_days: Annotated[int, Field(ge=1, le=365)] = 14
    """How many days an answer of VIES may be old at the end of a month in which it counts."""
    vat_rate: Annotated[Decimal, Field(ge=0, lt=100)] = Decimal(19)
    """Value-added tax there, in percent."""
    product_name: str = "Provision"
    account_name: str = "Convent IT Account"

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 8025
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_timeout: float = 30
    """Seconds that one answer of the mail server may take."""
    mail_catcher: bool = True
    """Show caught mails at /mail; only ever with the embedded catcher."""
    mails_at_once: int = 50
    """Mails that one pass takes over one connection."""

    texts: Path | None = None
    """Folder with the provider's own texts of the agreement; empty: the samples that come with the product."""
    seal_pkcs12: Path | None = None
    """PKCS#12 file with the key and certificates that seal signed agreements; empty: made once and kept in ``data``."""
    seal_password: SecretStr = SecretStr("")
    seal_known: Path | None = None
    """PEM file with certificates that sealed before, or on another machine: ``audit verify`` accepts them as well."""
    tsa_url: str = ""
    """Time-stamp authority (RFC 3161) that attests when a document was sealed; empty: none."""
    tsa_roots: Path | None = None
    """PEM file with the certificates that the authority's own lead to; empty: those that the Web trusts."""

    runs_at_once: int = 4
    """Flow runs that one worker has at work at the same time."""
    unconfined: bool = False
    """Open strangers' files with limits of time and memory alone where the system cannot confine a process further."""
    fetch_private: bool = False
    """Let the logo fetcher reach private and loopback addresses: tests and the demo only."""
    rate_limit_storage: str = "memory://"
    """Where rate limits are counted, as the library *limits* writes it (``redis://…`` for several web processes)."""
    metrics_token: SecretStr = SecretStr("")
    """Who asks for /metrics sends it as bearer token; empty: this machine alone may ask."""
    log_format: Literal["json", "text"] = "json"
    """How web pages and worker write their logs: an object a line, or for reading by eye."""
    agreement_days: int = 90
    """Days in which an agreement that was sent can be signed."""
    countersign: Literal["operator", "auto"] = "operator"
    """Who signs for the provider: an operator each time, or the product itself in the name of the signatory."""
    provider_signatory: str = ""
    """Name and function of who signs for the provider when the product does; ``auto`` cannot be without."""
    link_days: int = 14
    """Days that a registration or invitation link is good for."""
    trust_roots: Path | None = None
    """Folder with certificates (PEM or DER) of those whose signatures are trusted; without it an operator looks."""
    invitations_a_day: Annotated[int, Field(ge=1)] = 500
    """People whom one firm may name on one day, unless an operator allows it others."""
    decision_days: int = 2
    """Working days after which an open decision is overdue and the managers are told."""
    overdue_days: int = 14
    """Days after which a wait for somebody at the firm is overdue on the board."""
    digest_weekday: Annotated[int, Field(ge=1, le=7)] = 1
    """Day on which operators get the weekly digest, Monday being 1, and the hour, in Berlin's time."""
    digest_hour: Annotated[int, Field(ge=0, le=23)] = 7
    keep_mails_days: Annotated[int, Field(ge=30)] = 365
    """How long what goes by itself is kept, see ``models.retention.rules``: mails, notices, ended reminders."""
    keep_events_days: Annotated[int, Field(ge=30)] = 90
    """Events from outside that are handled."""
    keep_tokens_days: Annotated[int, Field(ge=1)] = 90
    """What earlier mails carried, once it opens nothing any more."""
    keep_accounts_days: Annotated[int, Field(ge=30)] = 365
    """Accounts that nobody uses."""
    keep_stopped_days: Annotated[int, Field(ge=30)] = 180
    """Cases that were ended before anybody signed."""
    keep_clients_days: Annotated[int, Field(ge=1)] = 90
    """What a firm has of its clients, once its contract is over."""
    keep_contracts_years: Annotated[int, Field(ge=8)] = 8
    """Contracts that are over, beyond the end of the calendar year; by law no shorter."""
    keep_imports_days: Annotated[int, Field(ge=1)] = 90
    """Imports with their files and records; so long they can be taken back."""
    keep_logos_days: Annotated[int, Field(ge=1)] = 90
    """Logos in whose place two newer ones have come since."""
    keep_files_days: Annotated[int, Field(ge=1)] = 30
    """Caught mails and logs in ``data``, and what ended at Prefect."""
    backup_passphrase: SecretStr = SecretStr("")
    """With which ``provision backup`` encrypts, and ``provision restore`` opens; empty: the file is in the clear."""
    time_shift: timedelta = timedelta()
    """Added to the clock, so that a rehearsal can live through weeks in seconds."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No setting has parts: each is looked up by its name, where Pydantic would search all that there is."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, EnvSettingsSource)
        told = {**dotenv_settings.env_vars, **env_settings.env_vars}

        def by_name() -> dict[str, str | None]:
            return {name: told[place] for name in cls.model_fields if (place := f"provision_{name}") in told}

        return init_settings, by_name  # type: ignore[return-value]

    @model_validator(mode="after")
    def _somebody_countersigns(self) -> Self:
        if self.countersign == "auto" and not self.provider_signatory.strip():
            msg = "PROVISION_COUNTERSIGN=auto needs PROVISION_PROVIDER_SIGNATORY: the name that stands under agreements"
            raise ValueError(msg)
        return self

    def __hash__(self) -> int:
        """What was made with these settings is made anew with others."""
        return id(self)

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data / 'provision.db'}"

    @cached_property
    def sender(self) -> str:
        """The provider's address as every mail server takes it: a domain with umlauts in its ASCII form."""
        return validate_email(self.provider_email, check_deliverability=False, test_environment=True).ascii_email or ""

    @property
    def proxy_networks(self) -> list[Network]:
        return _networks(self.proxies)

    @cached_property
    def secret_key(self) -> bytes:
        return (self.secret.get_secret_value() or self.kept("secret", _random_key)).encode()

    @property
    def webhook_keys(self) -> list[str]:
        return (
            self.webhook_secret.get_secret_value() or self.kept("webhook-secret", lambda: f"whsec_{_random_key()}")
        ).split()

    @property
    def prefect_sign_in(self) -> str:
        """``user:password`` that the Prefect server of ``provision up`` asks for, in its UI and of our processes."""
        return self.kept("prefect-sign-in", lambda: f"operator:{secrets.token_urlsafe(24)}")

    @property
    def host_names(self) -> frozenset[str]:
        """Names by which the web pages may be asked for."""
        further = self.allowed_hosts.replace(",", " ").split()
        return THIS_MACHINE | {host_name(name) for name in (self.base_url, *further)}

    @property
    def mail_folder(self) -> Path:
        """Where the embedded mail catcher keeps what it caught, one ``.eml`` file each."""
        return self.data / "mails"

    @property
    def forgotten(self) -> Path:
        """Outside of ``data`` and of the database: who restores these has the newest list all the same."""
        data = self.data.absolute()
        return self.forgotten_folder or data.with_name(f"{data.name}-forgotten")

    def kept(self, name: str, make: Callable[[], str]) -> str:
        """A secret in the data folder, made at first use and kept readable to this user only."""
        file = self.data / name
        if not file.exists():
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = self.data / f".{name}.{secrets.token_hex(4)}"
            fresh.touch(mode=0o600)
            fresh.write_text(make())
            with suppress(FileExistsError):  # Of two processes that start at once, one wins.
                os.link(fresh, file)
            fresh.unlink()
        return file.read_text().strip()


def keep_private(folder: Path) -> None:
    """Whatever this process writes is for its user only, and so is all that lies in the data folder; made if need be.

    Every process of the product begins with this. What is not ours to change is left as it is, and told.
    """
    os.umask(0o077)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_ours(folder):
        log.warning("%s holds other things than the product's: name a folder of its own by PROVISION_DATA", folder)
        return
    wide = [place for place in (folder, *folder.rglob("*")) if not _narrowed(place)]
    if wide:
        log.warning("Others can read %s, which belongs to another user: let that one run chmod -R go= there", wide[0])


def _is_ours(folder: Path) -> bool:
    inside = {place.name for place in folder.iterdir()}
    return not inside or (folder.absolute() != Path.home() and not inside.isdisjoint(KEPT))


def _narrowed(place: Path) -> bool:
    """Take away what others than its owner may do there; False where only the owner can."""
    with suppress(FileNotFoundError):  # Gone in the meantime.
        mode = place.lstat().st_mode
        if mode & 0o077 and not stat.S_ISLNK(mode):
            try:
                place.chmod(stat.S_IMODE(mode) & ~0o077)
            except PermissionError:
                return False
    return True


@cache
def _networks(text: str) -> list[Network]:
    return [ipaddress.ip_network(address) for address in text.replace(",", " ").split()]


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@cache
def settings() -> Settings:
    """The settings of this process; tests call ``settings.cache_clear()`` after a change."""
    return Settings(_env_file=os.environ.get("PROVISION_ENV_FILE", ".env"))


@contextmanager
def elsewhere(data: Path) -> Iterator[None]:
    """All of this process works in this folder and on the SQLite database in it, for as long as this lasts.

    Who was erased is still looked up where it is, outside of every folder that is restored.
    """
    names = {
        "PROVISION_FORGOTTEN_FOLDER": str(settings().forgotten.absolute()),
        "PROVISION_DATA": str(data),
        "PROVISION_DATABASE_URL": f"sqlite:///{data / 'provision.db'}",
    }
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        settings.cache_clear()
