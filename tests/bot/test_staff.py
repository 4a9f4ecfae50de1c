"""What the roles of the staff allow."""

from __future__ import annotations

from itertools import combinations

import pytest

from bot.staff import RIGHTS, Account, Right, Role, rights


def account(*roles: Role, must_change: bool = False) -> Account:
    return Account("li", "李工", "1001", frozenset(roles), (), 3, must_change)


@pytest.mark.parametrize("role", Role)
def test_every_role_allows_something(role: Role) -> None:
    assert RIGHTS[role]
    assert account(role).rights == RIGHTS[role]


@pytest.mark.parametrize("pair", list(combinations(Role, 2)), ids=str)
def test_two_roles_allow_what_either_does_and_no_more(pair: tuple[Role, Role]) -> None:
    assert rights(pair) == RIGHTS[pair[0]] | RIGHTS[pair[1]]


def test_without_a_role_nothing_is_allowed() -> None:
    assert account().rights == frozenset()


@pytest.mark.parametrize("role", Role)
def test_before_the_password_is_changed_nothing_is_allowed(role: Role) -> None:
    assert not any(account(role, must_change=True).may(right) for right in Right)


def test_who_manages_accounts_does_not_keep_watch_over_it_alone() -> None:
    assert not account(Role.ADMIN).may(Right.AUDIT)
    assert not account(Role.AUDITOR).may(Right.MANAGE)


def test_an_editor_neither_reviews_nor_publishes() -> None:
    editor = account(Role.EDITOR)
    assert editor.may(Right.EDIT)
    assert not editor.may(Right.REVIEW)
    assert not editor.may(Right.PUBLISH)
