"""the ledger is only added to

An entry's row seals it: its transfers come first, and nothing joins, changes or leaves it afterwards.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = ("ledger_entry", "ledger_transfer")
_SQLITE = [
    f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END"
    for table in _TABLES
    for verb in ("UPDATE", "DELETE")
]
_SQLITE_SEAL = """
CREATE TRIGGER ledger_transfer_sealed BEFORE INSERT ON ledger_transfer
WHEN EXISTS (SELECT 1 FROM ledger_entry WHERE id = NEW.entry_id)
BEGIN SELECT RAISE(ABORT, 'the entry is sealed'); END
"""
_POSTGRESQL = [
    """
    CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is only added to' USING ERRCODE = 'restrict_violation'; END $$
    """,
    """
    CREATE FUNCTION ledger_seal() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF EXISTS (SELECT 1 FROM ledger_entry WHERE id = NEW.entry_id) THEN
            RAISE EXCEPTION 'the entry is sealed' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER ledger_transfer_sealed BEFORE INSERT ON ledger_transfer "
    "FOR EACH ROW EXECUTE FUNCTION ledger_seal()",
    *(
        f"CREATE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
        for table in _TABLES
    ),
]


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    """Bring the schema to this revision."""
    for statement in [*_SQLITE, _SQLITE_SEAL] if _is_sqlite() else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    if _is_sqlite():
        names = [f"{table}_no_{verb}" for table in _TABLES for verb in ("UPDATE", "DELETE")]
        for name in [*names, "ledger_transfer_sealed"]:
            op.execute(f"DROP TRIGGER {name}")
        return
    for table in _TABLES:
        op.execute(f"DROP TRIGGER {table}_only_added ON {table}")
    op.execute("DROP TRIGGER ledger_transfer_sealed ON ledger_transfer")
    op.execute("DROP FUNCTION ledger_refuse()")
    op.execute("DROP FUNCTION ledger_seal()")
