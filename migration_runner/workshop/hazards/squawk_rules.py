"""squawk's rules: which are asked, and why the others are not.

https://squawkhq.com/docs/rules
"""

from __future__ import annotations

from typing import Final

_PREFIX: Final = "squawk-"

_RUNNER: Final = "the runner does it for every revision"
_OBSERVED: Final = "observed on the server instead"
_TASTE: Final = "a matter of taste"
_BY_CHOICE: Final = "squawk's own default is not to ask it"

# The rules of squawk 2.70 that are not asked, with the reason.
OFF: Final = {
    "require-lock-timeout": f"{_RUNNER}: MIGRATE_DDL_LOCK_TIMEOUT",
    "require-statement-timeout": f"{_RUNNER}: MIGRATE_STATEMENT_TIMEOUT",
    "require-timeout-settings": f"{_RUNNER}: both of them",
    "transaction-nesting": f"{_RUNNER}: a transaction each",
    "ban-uncommitted-transaction": f"{_RUNNER}: a transaction each",
    "prefer-robust-stmts": f"{_RUNNER}: what fails is rolled back",
    "require-concurrent-index-creation": f"{_OBSERVED}: index-build-blocks-writes",
    "require-concurrent-index-deletion": f"{_OBSERVED}: short-lock",
    "require-concurrent-reindex": f"{_OBSERVED}: index-build-blocks-access",
    "require-concurrent-partition-detach": f"{_OBSERVED}: short-lock",
    "ban-concurrent-index-creation-in-transaction": f"{_OBSERVED}: needs-autocommit",
    "constraint-missing-not-valid": f"{_OBSERVED}: scan-blocks-access, foreign-key-scan",
    "adding-foreign-key-constraint": f"{_OBSERVED}: foreign-key-scan",
    "adding-field-with-default": f"{_OBSERVED}: table-rewrite",
    "adding-not-nullable-field": f"{_OBSERVED}: scan-blocks-access",
    "adding-required-field": f"{_OBSERVED}: adds-required-column",
    "adding-serial-primary-key-field": f"{_OBSERVED}: index-build-blocks-access",
    "disallowed-unique-constraint": f"{_OBSERVED}: index-build-blocks-access",
    "changing-column-type": f"{_OBSERVED}: table-rewrite",
    "renaming-column": f"{_OBSERVED}: renames-column",
    "renaming-table": f"{_OBSERVED}: renames-table",
    "ban-drop-column": f"{_OBSERVED}: drops-column",
    "ban-drop-table": f"{_OBSERVED}: drops-table",
    "ban-drop-view": f"{_OBSERVED}: drops-view",
    "ban-drop-default": f"{_OBSERVED}: drops-default",
    "ban-truncate-cascade": f"{_OBSERVED}: empties-table",
    "ban-alter-domain-with-add-constraint": f"{_OBSERVED}: scan-blocks-writes",
    "ban-set-schema": f"{_OBSERVED}: renames-table",
    "ban-duplicate-column-assignments": "the server refuses it",
    "ban-create-domain-with-constraint": _TASTE,
    "ban-char-field": _TASTE,
    "prefer-bigint-over-int": _TASTE,
    "prefer-bigint-over-smallint": _TASTE,
    "prefer-identity": _TASTE,
    "prefer-repack": _TASTE,
    "prefer-text-field": _TASTE,
    "prefer-timestamp-tz": _TASTE,
    "require-enum-value-ordering": _TASTE,
    "require-table-schema": _TASTE,
    **dict.fromkeys(
        (
            "ban-add-column",
            "ban-add-composite-attribute",
            "ban-add-enum-value",
            "ban-alter-database-options",
            "ban-alter-extension",
            "ban-alter-function-options",
            "ban-alter-generated-expression",
            "ban-alter-identity",
            "ban-alter-policy-condition",
            "ban-alter-policy-roles",
            "ban-alter-role-options",
            "ban-alter-row-level-security",
            "ban-alter-sequence-values",
            "ban-alter-system-options",
            "ban-alter-view-options",
            "ban-create-policy",
            "ban-detach-inheritance",
            "ban-disable-trigger",
            "ban-drop-constraint",
            "ban-drop-index",
            "ban-drop-policy",
            "ban-drop-trigger",
            "ban-new-write-restriction",
            "ban-replace-view-function",
            "ban-replica-identity",
            "ban-revoke",
            "ban-set-default",
        ),
        _BY_CHOICE,
    ),
}
# What breaks a release that is running, and is not seen in the tables.
_COMPATIBILITY: Final = frozenset(
    {
        "ban-drop-not-null",
        "ban-drop-function",
        "ban-drop-type",
        "ban-drop-domain",
        "ban-drop-schema",
        "ban-drop-sequence",
        "ban-drop-extension",
        "ban-drop-generated-expression",
        "renaming-object",
    }
)
# What is wrong with no release running, too.
_ALWAYS: Final = frozenset({"ban-drop-database", "identifier-too-long"})

ASKED: Final = _COMPATIBILITY | _ALWAYS


def check_of(rule: str) -> str:
    """Return the check's name, by which a revision can waive a rule."""
    return _PREFIX + rule


def is_silent(rule: str, *, breaks: bool) -> bool:
    """Whether a rule does not concern a revision that declares what it breaks."""
    return breaks and rule in _COMPATIBILITY


ADVICE: Final = {
    "ban-drop-database": "Drop a database by hand, not in a revision.",
    "identifier-too-long": "Choose a name of at most 63 bytes.",
    "ban-drop-not-null": (
        "Deploy a release that can read null first, and waive this check with that reason."
    ),
}
BREAKS: Final = (
    "Do it once no release uses it, and declare breaks_before = the revision that such releases"
    " lack."
)
