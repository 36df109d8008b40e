"""Sample modules for whoever tries the product out, as ``samples.toml`` has them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.contracts.catalogue import Article, Authority, Module, ModuleField, Tariff
from models.db import reading
from models.people.manners import Language
from models.time.clock import today
from tasks.contracts import catalogue_editing
from tasks.contracts.catalogue_editing import Sort
from tasks.contracts.orders import Who

FILE: Final = Path(__file__).with_suffix(".toml")
WHO: Final = Who("provision", Authority.MANAGER, Language.GERMAN)


def bring_samples() -> int:
    """Add the sample modules to the catalogue that are not there, by the acts of managers; returns how many.

    Repeating it changes nothing, whatever managers have done with them since; one that was begun and is not whole is
    completed.
    """
    samples = tomllib.loads(FILE.read_text(encoding="utf-8"))["module"]
    with reading() as session:
        missing = [module for module in samples if not _is_whole(session, module)]
    for module in missing:
        _bring(module)
    return len(missing)


def _is_whole(session: Session, module: Mapping[str, Any]) -> bool:
    """Prices come last."""
    there = select(Tariff).join(Module, Module.id == Tariff.module_id).where(Module.code == module["code"])
    priced = {tariff.code for tariff in session.scalars(there) if tariff.versions(session)}
    return priced >= {tariff["code"] for tariff in module["tariff"]}


def _bring(module: Mapping[str, Any]) -> None:
    module_id = _added(Sort.MODULE, 0, module)
    for field in module["field"]:
        _added(Sort.FIELD, module_id, field)
    for tariff in module["tariff"]:
        tariff_id = _added(Sort.TARIFF, module_id, tariff)
        for article in tariff["article"]:
            _added(Sort.ARTICLE, tariff_id, article)
        with reading() as session:
            row = Tariff.get(session, tariff_id)
            is_priced, articles = bool(row.versions(session)), row.articles(session)
        if not is_priced:
            prices = {f"price-{article.id}": tariff["prices"][article.code] for article in articles}
            catalogue_editing.publish(tariff_id, WHO, prices | {"valid_from": today().isoformat()}, "0")


def _added(sort: Sort, owner_id: int, said: Mapping[str, Any]) -> int:
    """Its id, whether it was there or not."""
    with reading() as session:
        there = session.scalars(_same(sort, owner_id, said)).first()
    written = {name: text for name, text in said.items() if isinstance(text, str)}
    return catalogue_editing.add(WHO, sort, owner_id, written) if there is None else there


def _same(sort: Sort, owner_id: int, said: Mapping[str, Any]) -> Any:
    match sort:
        case Sort.MODULE:
            return select(Module.id).where(Module.code == said["code"])
        case Sort.FIELD:
            named = ModuleField.names["de"].as_string() == said["name-de"]
            return select(ModuleField.id).where(ModuleField.module_id == owner_id, named)
        case Sort.TARIFF:
            return select(Tariff.id).where(Tariff.module_id == owner_id, Tariff.code == said["code"])
        case Sort.ARTICLE:
            return select(Article.id).where(Article.tariff_id == owner_id, Article.code == said["code"])
