"""The documents are true of the code: modules, links, verbs, settings, variables, keys, packages and statements."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import JSON, Table, create_engine, select, text

from bot.config import Settings
from bot.tables import metadata
from knowledge_base.entry import Answer, Basis, Conditions, Entry, Validity
from knowledge_base.figures import Figure, FigureValue

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGES = ("bot", "knowledge_base", "channels")
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
DECISIONS = sorted((DOCS / "adr").glob("*.md"))
HEADINGS = ["Date", "Status", "Context", "Decision", "Consequences"]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
VERB = re.compile(r"\bmake ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def read(path: Path) -> str:
    return path.read_text("utf-8")


@cache
def operations() -> str:
    return read(DOCS / "operations.md")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def modules() -> list[str]:
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(named(path) for path in found if path.name != "__init__.py")


@pytest.mark.parametrize("module", modules())
def test_every_module_is_named_in_the_architecture(module: str) -> None:
    assert f"| `{module}` | " in read(DOCS / "architecture.md")


def test_the_architecture_names_no_module_that_is_gone() -> None:
    told = re.findall(r"^\| `([\w/]+\.py)` \|", read(DOCS / "architecture.md"), re.MULTILINE)
    assert sorted(told) == modules()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in LINK.findall(read(page)):
        place, _, heading = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / place).resolve() if place else page
        if not file.exists() or (heading and heading not in anchors(file)):
            lost.append(target)
    assert lost == []


def anchors(page: Path) -> set[str]:
    """Headings as a repository's pages name them."""
    headings = re.findall(r"^#+ (.+)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_verb_of_make_that_a_page_names_exists(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    blocks = [re.sub(r"#.*", "", code) for language, code in FENCED.findall(read(page)) if language in ("", "sh")]
    inline = re.findall(r"`([^`\n]+)`", FENCED.sub("", read(page)))
    told = {verb for code in (*blocks, *inline) for verbs in VERB.findall(code) for verb in verbs.split()}
    assert sorted(told - known) == []


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key of the settings with its path, sections themselves apart."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize("key", list(keys(Settings)))
def test_every_setting_is_described(key: str) -> None:
    assert re.search(rf"^\| `{re.escape(key)}`", operations(), re.MULTILINE)


def test_no_setting_is_described_that_does_not_exist() -> None:
    table = operations().partition("\n## Settings\n")[2].partition("\n### ")[0]
    told = re.findall(r"^\| `([\w.]+)`", table, re.MULTILINE)
    assert sorted(told) == sorted(keys(Settings))


def variables() -> list[str]:
    sources = [ROOT / "Makefile", *(ROOT / module for module in modules())]
    return sorted({name for source in sources for name in re.findall(r"\bYIDA_[A-Z_]*[A-Z]\b", read(source))})


@pytest.mark.parametrize("variable", [*variables(), "PORT"])
def test_every_variable_of_the_environment_is_described(variable: str) -> None:
    assert re.search(rf"^\|.*`{variable}`.*\|", operations(), re.MULTILINE)


def test_every_metric_is_described() -> None:
    made = re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(\w+)"', read(ROOT / "bot" / "measure.py"))
    assert made
    assert [name for name in made if f"`{name}" not in operations()] == []


def test_decisions_are_numbered_without_gaps() -> None:
    assert [path.name[:5] for path in DECISIONS] == [f"{n:04d}-" for n in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("page", DECISIONS, ids=named)
def test_a_decision_has_its_five_headings(page: Path) -> None:
    told = read(page)
    number = int(page.name[:4])
    assert told.startswith(f"# {number}. ")
    assert re.findall(r"^## (.+)$", told, re.MULTILINE) == HEADINGS
    assert re.search(r"^## Date\n\n\d{4}-\d\d-\d\d\n", told, re.MULTILINE)


def packages() -> list[str]:
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(p for extra in project["optional-dependencies"].values() for p in extra)]
    return sorted({re.split(r"[\[=<>~! ]", line)[0] for line in wanted})


@pytest.mark.parametrize("package", packages())
def test_every_package_has_its_reason(package: str) -> None:
    lines = [line for line in read(DOCS / "adr" / "0012-dependencies.md").splitlines() if line.startswith("- ")]
    assert any(f"`{package}`" in line.partition(":")[0] for line in lines)


PARTS: dict[str, Any] = {"answer": Answer, "basis": Basis, "conditions": Conditions, "valid": Validity}


def written(kind: Any) -> list[str]:
    """The keys of a dataclass as people write them in YAML."""
    return [field.alias or name for name, field in kind.__pydantic_fields__.items()]


def entry_keys() -> Iterator[str]:
    for key in written(Entry):
        yield from (f"{key}.{part}" for part in written(PARTS[key])) if key in PARTS else (key,)


@pytest.mark.parametrize("key", list(entry_keys()))
def test_every_key_of_an_entry_is_described(key: str) -> None:
    assert re.search(rf"^\|.*`{re.escape(key)}`", read(DOCS / "training.md"), re.MULTILINE)


@pytest.mark.parametrize("key", [*written(Figure), *written(FigureValue)])
def test_every_key_of_a_figure_is_described(key: str) -> None:
    section = read(DOCS / "training.md").partition("\n## Figures\n")[2].partition("\n## ")[0]
    assert re.search(rf"^\|.*`{key}`", section, re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readme_is_short(page: str) -> None:
    assert len(read(ROOT / page).splitlines()) <= 150


def test_the_examples_of_an_entry_and_a_figure_are_accepted() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", read(DOCS / "training.md"), re.DOTALL)
    entry, figure = (yaml.safe_load(block)[0] for block in blocks)
    assert TypeAdapter(Entry).validate_python(entry).id == entry["id"]
    assert TypeAdapter(Figure).validate_python(figure).name == figure["name"]


def test_the_statements_that_erase_a_conversation_take_all_of_it_and_nothing_of_others(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sql\n(.*?)```", operations(), re.DOTALL)
    engine = create_engine(f"sqlite:///{tmp_path / 'store.db'}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA foreign_keys = ON"))
        metadata.create_all(connection)
        tables = [t for t in metadata.sorted_tables if owner_column(t) is not None]
        for name in ("CONVERSATION", "another"):
            for table in tables:
                connection.execute(table.insert().values(row_of(table, name)))
        for statement in filter(None, map(str.strip, block.split(";"))):
            connection.execute(text(statement))
        left = {table.name: list(connection.scalars(select(owner_column(table)))) for table in tables}
    engine.dispose()
    assert {"conversations", "messages", "tickets", "contacts", "tokens"} <= set(left)
    assert {name: rows for name, rows in left.items() if rows != ["another"]} == {}


def owner_column(table: Table) -> Any:
    """The column that names the conversation a row belongs to; None where rows belong to none."""
    if table.name in ("conversations", "contacts"):
        return table.c.id
    return table.c.get("conversation_id")


def row_of(table: Table, name: str) -> dict[str, Any]:
    """Any row of a conversation: its name wherever text stands, a ticket's contact too."""
    blank: dict[type[Any], Any] = {str: name, int: 0, bool: False, bytes: b"", dict: []}
    row = {}
    for column in table.c:
        kind = dict if isinstance(column.type, JSON) else column.type.python_type
        if not (column.primary_key and kind is int and column.autoincrement is True):
            row[column.name] = blank[kind]
    return row
