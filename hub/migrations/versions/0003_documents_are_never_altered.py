"""documents are never altered

A document and its number stay as they were issued, and a series of numbers goes up by one, without a gap.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQLITE = {
    "document_no_update": "BEFORE UPDATE ON document BEGIN SELECT RAISE(ABORT, 'a document is never altered'); END",
    "document_no_delete": "BEFORE DELETE ON document BEGIN SELECT RAISE(ABORT, 'a document is never altered'); END",
    "document_in_order": "BEFORE INSERT ON document "
    "WHEN NEW.sequence IS NOT (SELECT last FROM document_series WHERE name = NEW.series) "
    "BEGIN SELECT RAISE(ABORT, 'a series has no gap'); END",
    "document_series_begins": "BEFORE INSERT ON document_series WHEN NEW.last <> 0 "
    "BEGIN SELECT RAISE(ABORT, 'a series has no gap'); END",
    "document_series_step": "BEFORE UPDATE ON document_series WHEN NEW.last <> OLD.last + 1 OR NEW.name <> OLD.name "
    "BEGIN SELECT RAISE(ABORT, 'a series has no gap'); END",
    "document_series_no_delete": "BEFORE DELETE ON document_series "
    "BEGIN SELECT RAISE(ABORT, 'a series has no gap'); END",
}
_POSTGRESQL = [
    """
    CREATE FUNCTION document_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a document is never altered' USING ERRCODE = 'restrict_violation'; END $$
    """,
    """
    CREATE FUNCTION document_in_order() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF NEW.sequence IS DISTINCT FROM (SELECT last FROM document_series WHERE name = NEW.series) THEN
            RAISE EXCEPTION 'a series has no gap' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION document_series_step() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF TG_OP = 'INSERT' AND NEW.last = 0 THEN
            RETURN NEW;
        ELSIF TG_OP = 'UPDATE' AND NEW.last = OLD.last + 1 AND NEW.name = OLD.name THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a series has no gap' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "CREATE TRIGGER document_never_altered BEFORE UPDATE OR DELETE OR TRUNCATE ON document "
    "FOR EACH STATEMENT EXECUTE FUNCTION document_refuse()",
    "CREATE TRIGGER document_in_order BEFORE INSERT ON document FOR EACH ROW EXECUTE FUNCTION document_in_order()",
    "CREATE TRIGGER document_series_step BEFORE INSERT OR UPDATE OR DELETE ON document_series "
    "FOR EACH ROW EXECUTE FUNCTION document_series_step()",
    "CREATE TRIGGER document_series_no_truncate BEFORE TRUNCATE ON document_series "
    "FOR EACH STATEMENT EXECUTE FUNCTION document_series_step()",
]


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    """Bring the schema to this revision."""
    if _is_sqlite():
        for name, does in _SQLITE.items():
            op.execute(f"CREATE TRIGGER {name} {does}")
        return
    for statement in _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    if _is_sqlite():
        for name in _SQLITE:
            op.execute(f"DROP TRIGGER {name}")
        return
    op.execute("DROP TRIGGER document_series_no_truncate ON document_series")
    op.execute("DROP TRIGGER document_series_step ON document_series")
    op.execute("DROP TRIGGER document_in_order ON document")
    op.execute("DROP TRIGGER document_never_altered ON document")
    for function in ("document_series_step", "document_in_order", "document_refuse"):
        op.execute(f"DROP FUNCTION {function}()")
