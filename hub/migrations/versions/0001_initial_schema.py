"""initial schema"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import kit.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        "agreement",
        sa.Column("cpo", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("emsp", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("module", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("cpo", "emsp", "module", "object_id", name=op.f("pk_agreement")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("revoked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
    )
    op.create_table(
        "cdr",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=True),
        sa.Column("last_updated", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("is_credit", sa.Boolean(), nullable=False),
        sa.Column("credit_of", sqlmodel.sql.sqltypes.AutoString(length=39), nullable=True),
        sa.Column("energy_wh", kit.db.EnergyWh(), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("total_cost", kit.db.DecimalText(length=64), nullable=False),
        sa.Column("priced_cost", kit.db.DecimalText(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdr")),
        sa.UniqueConstraint(
            "object_id", "country_code", "party_id", name=op.f("uq_cdr_object_id_country_code_party_id")
        ),
    )
    with op.batch_alter_table("cdr", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cdr_credit_of"), ["credit_of"], unique=False)
        batch_op.create_index(batch_op.f("ix_cdr_last_updated"), ["last_updated"], unique=False)
        batch_op.create_index(batch_op.f("ix_cdr_platform_id"), ["platform_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cdr_session_id"), ["session_id"], unique=False)
        batch_op.create_index("ix_cdr_shelf", ["country_code", "party_id", "audience", "id"], unique=False)

    op.create_table(
        "change",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("xid", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("module", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("origin", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=True),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("correlation_id", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_change")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.create_index("ix_change_object", ["module", "country_code", "party_id", "object_id"], unique=False)
        batch_op.create_index("ix_change_order", ["module", "xid", "seq"], unique=False)

    op.create_table(
        "csms_breach",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("action", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("path", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column("rule", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("is_answer", sa.Boolean(), nullable=False),
        sa.Column("count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("last_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "station_id", "action", "path", "rule", "refused", "is_answer", name=op.f("pk_csms_breach")
        ),
    )
    op.create_table(
        "csms_connector",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("error", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("info", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "connector_id", name=op.f("pk_csms_connector")),
    )
    op.create_table(
        "csms_counter",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("next_value", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_csms_counter")),
    )
    op.create_table(
        "csms_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=True),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_csms_event")),
        sa.UniqueConstraint("key", "station_id", name=op.f("uq_csms_event_key_station_id")),
    )
    with op.batch_alter_table("csms_event", schema=None) as batch_op:
        batch_op.create_index("ix_csms_event_transaction", ["transaction_id", "id"], unique=False)

    op.create_table(
        "csms_frames",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_csms_frames")),
    )
    with op.batch_alter_table("csms_frames", schema=None) as batch_op:
        batch_op.create_index("ix_csms_frames_station_id", ["station_id", "id"], unique=False)

    op.create_table(
        "csms_notice",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("action", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("is_security", sa.Boolean(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("seq_no", sa.Integer(), nullable=True),
        sa.Column("more", sa.Boolean(), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_csms_notice")),
    )
    with op.batch_alter_table("csms_notice", schema=None) as batch_op:
        batch_op.create_index("ix_csms_notice_station_id", ["station_id", "id"], unique=False)

    op.create_table(
        "csms_station",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("protocol", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("vendor", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column("model", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column("serial", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("firmware", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("boot_reason", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("booted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("connected_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("disconnected_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("last_seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_csms_station")),
    )
    op.create_table(
        "csms_trace",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_csms_trace")),
    )
    op.create_table(
        "csms_transaction",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column("origin", sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("connector_id", sa.Integer(), nullable=True),
        sa.Column("token", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("token_type", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True),
        sa.Column("authorization_status", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True),
        sa.Column("authorization_reference", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("remote_start_id", sa.Integer(), nullable=True),
        sa.Column("reservation_id", sa.Integer(), nullable=True),
        sa.Column("started_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("energy_wh", kit.db.EnergyWh(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True),
        sa.Column("stop_reason", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_csms_transaction")),
        sa.UniqueConstraint("station_id", "origin", name=op.f("uq_csms_transaction_station_id_origin")),
    )
    with op.batch_alter_table("csms_transaction", schema=None) as batch_op:
        batch_op.create_index(
            "ix_csms_transaction_open",
            ["station_id"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index("ix_csms_transaction_station", ["station_id", "id"], unique=False)

    op.create_table(
        "csms_transaction_frames",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_csms_transaction_frames")),
    )
    with op.batch_alter_table("csms_transaction_frames", schema=None) as batch_op:
        batch_op.create_index("ix_csms_transaction_frames_station_id", ["station_id", "id"], unique=False)

    op.create_table(
        "csms_variable",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("component", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("component_instance", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("variable", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("variable_instance", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("attribute", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("mutability", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True),
        sa.Column("characteristics", sa.LargeBinary(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "station_id",
            "component",
            "component_instance",
            "evse_id",
            "connector_id",
            "variable",
            "variable_instance",
            "attribute",
            name=op.f("pk_csms_variable"),
        ),
    )
    op.create_table(
        "document",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("series", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=True),
        sa.Column("payer", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("corrects", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("net_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("vat_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("issued_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_document_sequence")),
        sa.ForeignKeyConstraint(["corrects"], ["document.id"], name=op.f("fk_document_corrects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("number", name=op.f("uq_document_number")),
        sa.UniqueConstraint("reference", name=op.f("uq_document_reference")),
        sa.UniqueConstraint("series", "sequence", name=op.f("uq_document_series_sequence")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_corrects"), ["corrects"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_issued_at"), ["issued_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_payer"), ["payer"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_subject"), ["subject"], unique=False)

    op.create_table(
        "document_buyer",
        sa.Column("payer", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("payer", name=op.f("pk_document_buyer")),
    )
    op.create_table(
        "document_seller",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_seller")),
    )
    op.create_table(
        "document_series",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_document_series")),
    )
    op.create_table(
        "driver",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=True),
        sa.Column("language", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("payment", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=True),
        sa.Column("token_uid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("contract_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("blocked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_driver")),
        sa.UniqueConstraint("reference", name=op.f("uq_driver_reference")),
    )
    op.create_table(
        "driver_key",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("driver_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("revoked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_driver_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_driver_key_digest")),
    )
    with op.batch_alter_table("driver_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_driver_key_driver_id"), ["driver_id"], unique=False)

    op.create_table(
        "exchange_rate",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("base", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("quote", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
        sa.Column("value", kit.db.DecimalText(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_rate")),
        sa.UniqueConstraint("base", "quote", "day", "source", name=op.f("uq_exchange_rate_base_quote_day_source")),
    )
    with op.batch_alter_table("exchange_rate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exchange_rate_day"), ["day"], unique=False)

    op.create_table(
        "firmware_campaign",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("sealed_intent", sa.Text(), nullable=False),
        sa.Column("expected_version", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("at_once", sa.Integer(), nullable=False),
        sa.Column("most_failures", sa.Integer(), nullable=False),
        sa.Column("forgiven", sa.Integer(), nullable=False),
        sa.Column("patience_s", sa.Integer(), nullable=False),
        sa.Column("created_by", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_firmware_campaign")),
    )
    with op.batch_alter_table("firmware_campaign", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_firmware_campaign_state"), ["state"], unique=False)

    op.create_table(
        "idempotency_key",
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column("body_hash", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("leased_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content_type", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_key")),
    )
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_key_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("lane", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("replace_key", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("run_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("leased_by", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("leased_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("last_error", sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=True),
        sa.Column("correlation_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index("ix_job_due", ["state", "run_at"], unique=False)
        batch_op.create_index("ix_job_lane", ["lane", "id"], unique=False)
        batch_op.create_index(
            "uq_job_replace_key",
            ["kind", "replace_key"],
            unique=True,
            sqlite_where=sa.text("replace_key IS NOT NULL AND leased_by IS NULL AND state = 'ready'"),
            postgresql_where=sa.text("replace_key IS NOT NULL AND leased_by IS NULL AND state = 'ready'"),
        )

    op.create_table(
        "ledger_entry",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("document_kind", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("document_id", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("transfer_count", sa.Integer(), nullable=False),
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("document_kind", "document_id", name=op.f("uq_ledger_entry_document_kind_document_id")),
    )
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_entry_made_at"), ["made_at"], unique=False)

    op.create_table(
        "location",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=True),
        sa.Column("last_updated", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
        sa.UniqueConstraint(
            "object_id", "country_code", "party_id", name=op.f("uq_location_object_id_country_code_party_id")
        ),
    )
    with op.batch_alter_table("location", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_location_last_updated"), ["last_updated"], unique=False)
        batch_op.create_index(batch_op.f("ix_location_platform_id"), ["platform_id"], unique=False)
        batch_op.create_index("ix_location_shelf", ["country_code", "party_id", "audience", "id"], unique=False)

    op.create_table(
        "object_block",
        sa.Column("module", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("block", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "module", "country_code", "party_id", "audience", "block", name=op.f("pk_object_block")
        ),
    )
    op.create_table(
        "object_shelf",
        sa.Column("module", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("module", "country_code", "party_id", "audience", name=op.f("pk_object_shelf")),
    )
    op.create_table(
        "ocpi_message",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("direction", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("from_party", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
        sa.Column("to_party", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
        sa.Column("module", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=True),
        sa.Column("interface", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
        sa.Column("verb", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("correlation_id", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("request_bytes", sa.Integer(), nullable=False),
        sa.Column("response_bytes", sa.Integer(), nullable=False),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ocpi_message")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("ocpi_message", schema=None) as batch_op:
        batch_op.create_index("ix_ocpi_message_correlation_id", ["correlation_id", "id"], unique=False)
        batch_op.create_index("ix_ocpi_message_platform_id", ["platform_id", "id"], unique=False)

    op.create_table(
        "ocpi_message_access",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("message_id", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("action", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("key_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("key_name", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ocpi_message_access")),
    )
    with op.batch_alter_table("ocpi_message_access", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ocpi_message_access_message_id"), ["message_id"], unique=False)

    op.create_table(
        "ocpi_message_content",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ocpi_message_content")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "payment_card",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("customer_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("brand", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("last4", sqlmodel.sql.sqltypes.AutoString(length=4), nullable=False),
        sa.Column("exp_month", sa.Integer(), nullable=False),
        sa.Column("exp_year", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("removed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_card")),
    )
    with op.batch_alter_table("payment_card", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_card_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_card_fingerprint"), ["fingerprint"], unique=False)

    op.create_table(
        "payment_customer",
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("customer_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("asked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_payment_customer")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_payment_customer_customer_id")),
    )
    op.create_table(
        "payment_hold",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
        sa.Column("captured_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("card_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("card_brand", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True),
        sa.Column("card_last4", sqlmodel.sql.sqltypes.AutoString(length=4), nullable=True),
        sa.Column("card_given", sa.Boolean(), nullable=False),
        sa.Column("payment_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("can_increase", sa.Boolean(), nullable=False),
        sa.Column("capture_before", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("wish", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("owed_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_hold_amount")),
        sa.CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payment_hold_captured")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_hold")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_payment_hold_payment_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_hold_reference")),
    )
    with op.batch_alter_table("payment_hold", schema=None) as batch_op:
        batch_op.create_index("ix_payment_hold_open", ["state", "updated_at"], unique=False)

    op.create_table(
        "payment_line",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
        sa.Column("source_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("payment_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fee_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("source_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("source_currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=True),
        sa.Column("exchange_rate", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=True),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("available_on", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("listed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_line")),
    )
    with op.batch_alter_table("payment_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_line_made_at"), ["made_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_line_payment_id"), ["payment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_line_source_id"), ["source_id"], unique=False)

    op.create_table(
        "payment_party_account",
        sa.Column("party", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("account_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("party", name=op.f("pk_payment_party_account")),
    )
    op.create_table(
        "payment_swept_until",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("moment", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_swept_until")),
    )
    op.create_table(
        "payment_transfer",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("party", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("account_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
        sa.Column("reversed_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_transfer_amount")),
        sa.CheckConstraint("reversed_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payment_transfer_reversed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_transfer")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_transfer_provider_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_transfer_reference")),
    )
    with op.batch_alter_table("payment_transfer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_transfer_party"), ["party"], unique=False)

    op.create_table(
        "payment_webhook",
        sa.Column("event_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("payment_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("swept", sa.Boolean(), nullable=False),
        sa.Column("happened_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("handled_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_payment_webhook")),
    )
    with op.batch_alter_table("payment_webhook", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_webhook_handled_at"), ["handled_at"], unique=False)
        batch_op.create_index(
            "ix_payment_webhook_waiting",
            ["received_at"],
            unique=False,
            sqlite_where=sa.text("handled_at IS NULL"),
            postgresql_where=sa.text("handled_at IS NULL"),
        )

    op.create_table(
        "platform",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("allowed_roles", sa.LargeBinary(), nullable=False),
        sa.Column("version", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
        sa.Column("versions_url", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("endpoints", sa.LargeBinary(), nullable=False),
        sa.Column("credentials_token", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("quirks", sa.LargeBinary(), nullable=False),
        sa.Column("last_seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform")),
    )
    op.create_table(
        "profile_setter",
        sa.Column("cpo", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("session_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("setter", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("set_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("cpo", "session_id", name=op.f("pk_profile_setter")),
    )
    with op.batch_alter_table("profile_setter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_profile_setter_set_at"), ["set_at"], unique=False)

    op.create_table(
        "quote",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("payer", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=True),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("location_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("evse_uid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("connector_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("time_zone", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("tariff", sa.LargeBinary(), nullable=False),
        sa.Column("exchange", sa.LargeBinary(), nullable=True),
        sa.Column("hold_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("used_by", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
        sa.UniqueConstraint("used_by", name=op.f("uq_quote_used_by")),
    )
    with op.batch_alter_table("quote", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quote_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "reconciliation_finding",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("part", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=150), nullable=False),
        sa.Column("detail", sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
        sa.Column("subject_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("found_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("resolved_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(length=300), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_finding")),
        sa.UniqueConstraint("part", "code", "subject", name=op.f("uq_reconciliation_finding_part_code_subject")),
    )
    with op.batch_alter_table("reconciliation_finding", schema=None) as batch_op:
        batch_op.create_index("ix_reconciliation_finding_open", ["resolved_at", "id"], unique=False)

    op.create_table(
        "reconciliation_run",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("part", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("began_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_run")),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=True),
        sa.Column("last_updated", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("started_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("energy_wh", kit.db.EnergyWh(), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("total_cost", kit.db.DecimalText(length=64), nullable=True),
        sa.Column("transaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("start_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("facts", sa.LargeBinary(), nullable=True),
        sa.Column("review", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint(
            "object_id", "country_code", "party_id", name=op.f("uq_session_object_id_country_code_party_id")
        ),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_session_transaction_id")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_last_updated"), ["last_updated"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_platform_id"), ["platform_id"], unique=False)
        batch_op.create_index("ix_session_shelf", ["country_code", "party_id", "audience", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_start_id"), ["start_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_started_at"), ["started_at"], unique=False)

    op.create_table(
        "start",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("method", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=True),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=True),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=True),
        sa.Column("location_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("evse_uid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("connector_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("uid_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("cdr_token", sa.LargeBinary(), nullable=True),
        sa.Column("auth_method", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True),
        sa.Column("authorization_reference", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("remote_start_id", sa.Integer(), nullable=True),
        sa.Column("power_limit", sa.LargeBinary(), nullable=True),
        sa.Column("session_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("asked_by", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("response_url", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("driver_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("guest_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("guest_language", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=True),
        sa.Column("payment", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
        sa.Column("hold_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("stop_asked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("correlation_id", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_start")),
        sa.UniqueConstraint("remote_start_id", name=op.f("uq_start_remote_start_id")),
    )
    with op.batch_alter_table("start", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_start_authorization_reference"), ["authorization_reference"], unique=False)
        batch_op.create_index(batch_op.f("ix_start_driver_id"), ["driver_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_start_state"), ["state"], unique=False)

    op.create_table(
        "station",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("folded_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("password_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("location_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("minimum_profile", sa.Integer(), nullable=False),
        sa.Column("seen_profile", sa.Integer(), nullable=True),
        sa.Column("next_password_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("assume_protocol", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True),
        sa.Column("assume_upgrade", sa.Boolean(), nullable=False),
        sa.Column("ping_interval_s", sa.Integer(), nullable=True),
        sa.Column("provisioned_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station")),
        sa.UniqueConstraint("folded_id", name=op.f("uq_station_folded_id")),
    )
    op.create_table(
        "station_applicant",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("folded_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("password_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_applicant")),
        sa.UniqueConstraint("folded_id", name=op.f("uq_station_applicant_folded_id")),
    )
    op.create_table(
        "station_authority",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_authority")),
    )
    op.create_table(
        "station_desired",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("vendor", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("model", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("location_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=True),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("value", sqlmodel.sql.sqltypes.AutoString(length=2500), nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_desired")),
    )
    op.create_table(
        "tariff",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=True),
        sa.Column("last_updated", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff")),
        sa.UniqueConstraint(
            "object_id", "country_code", "party_id", name=op.f("uq_tariff_object_id_country_code_party_id")
        ),
    )
    with op.batch_alter_table("tariff", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tariff_last_updated"), ["last_updated"], unique=False)
        batch_op.create_index(batch_op.f("ix_tariff_platform_id"), ["platform_id"], unique=False)
        batch_op.create_index("ix_tariff_shelf", ["country_code", "party_id", "audience", "id"], unique=False)

    op.create_table(
        "token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=True),
        sa.Column("last_updated", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("uid_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("driver_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint(
            "object_id", "country_code", "party_id", name=op.f("uq_token_object_id_country_code_party_id")
        ),
    )
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_driver_id"), ["driver_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_token_last_updated"), ["last_updated"], unique=False)
        batch_op.create_index(batch_op.f("ix_token_platform_id"), ["platform_id"], unique=False)
        batch_op.create_index("ix_token_shelf", ["country_code", "party_id", "audience", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_token_uid_digest"), ["uid_digest"], unique=False)

    op.create_table(
        "token_route",
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("last_success_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_token_route")),
    )
    with op.batch_alter_table("token_route", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_route_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "transaction_recomputation",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("key_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("key_name", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("stored", sa.Boolean(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("after", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transaction_recomputation")),
    )
    with op.batch_alter_table("transaction_recomputation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_transaction_recomputation_transaction_id"), ["transaction_id"], unique=False
        )

    op.create_table(
        "vehicle_seen",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        sa.Column("uid_digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("sealed_uid", sa.Text(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vehicle_seen")),
    )
    with op.batch_alter_table("vehicle_seen", schema=None) as batch_op:
        batch_op.create_index("ix_vehicle_seen_at", ["station_id", "seen_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_vehicle_seen_seen_at"), ["seen_at"], unique=False)

    op.create_table(
        "wallet",
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("reload_below_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reload_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reload_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("reload_paused", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_wallet")),
    )
    op.create_table(
        "wallet_top_up",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("by_rule", sa.Boolean(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("hold_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("received_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_wallet_top_up_amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_top_up")),
        sa.UniqueConstraint("received_id", name=op.f("uq_wallet_top_up_received_id")),
    )
    with op.batch_alter_table("wallet_top_up", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wallet_top_up_owner"), ["owner"], unique=False)

    op.create_table(
        "bill",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("start_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("payer", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("payment", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("cdr_id", sqlmodel.sql.sqltypes.AutoString(length=39), nullable=False),
        sa.Column("place", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("net_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("vat_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("priced_currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=True),
        sa.Column("priced_net_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("priced_vat_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("exchange", sa.LargeBinary(), nullable=True),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("credited_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("credit_cdr_id", sqlmodel.sql.sqltypes.AutoString(length=39), nullable=True),
        sa.ForeignKeyConstraint(["start_id"], ["start.id"], name=op.f("fk_bill_start_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill")),
        sa.UniqueConstraint("country_code", "party_id", "cdr_id", name=op.f("uq_bill_country_code_party_id_cdr_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_bill_reference")),
    )
    with op.batch_alter_table("bill", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bill_payer"), ["payer"], unique=False)
        batch_op.create_index(batch_op.f("ix_bill_start_id"), ["start_id"], unique=False)
        batch_op.create_index(
            "uq_bill_stands",
            ["start_id"],
            unique=True,
            sqlite_where=sa.text("credited_at IS NULL"),
            postgresql_where=sa.text("credited_at IS NULL"),
        )

    op.create_table(
        "bill_refund",
        sa.Column("refund_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("start_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.ForeignKeyConstraint(["start_id"], ["start.id"], name=op.f("fk_bill_refund_start_id")),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_bill_refund")),
    )
    with op.batch_alter_table("bill_refund", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bill_refund_start_id"), ["start_id"], unique=False)

    op.create_table(
        "cdr_dispute",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cdr_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("doc", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.id"], name=op.f("fk_cdr_dispute_cdr_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdr_dispute")),
    )
    with op.batch_alter_table("cdr_dispute", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cdr_dispute_cdr_id"), ["cdr_id"], unique=False)

    op.create_table(
        "cdr_exchange",
        sa.Column("cdr_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("exchange", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.id"], name=op.f("fk_cdr_exchange_cdr_id")),
        sa.PrimaryKeyConstraint("cdr_id", name=op.f("pk_cdr_exchange")),
    )
    with op.batch_alter_table("cdr_exchange", schema=None) as batch_op:
        batch_op.create_index(
            "ix_cdr_exchange_waits",
            ["cdr_id"],
            unique=False,
            sqlite_where=sa.text("exchange IS NULL"),
            postgresql_where=sa.text("exchange IS NULL"),
        )

    op.create_table(
        "delivery_cursor",
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("module", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("xid", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("leased_by", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("leased_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("last_error", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=True),
        sa.Column("last_success_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("delivered", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_delivery_cursor_platform_id")),
        sa.PrimaryKeyConstraint("platform_id", "module", name=op.f("pk_delivery_cursor")),
    )
    op.create_table(
        "delivery_receipt",
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("module", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("object_id", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
        sa.Column("location", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_delivery_receipt_platform_id")),
        sa.PrimaryKeyConstraint(
            "platform_id", "module", "country_code", "party_id", "object_id", name=op.f("pk_delivery_receipt")
        ),
    )
    op.create_table(
        "document_gathered",
        sa.Column("statement_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("invoice_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["document.id"], name=op.f("fk_document_gathered_invoice_id")),
        sa.ForeignKeyConstraint(["statement_id"], ["document.id"], name=op.f("fk_document_gathered_statement_id")),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_document_gathered")),
    )
    with op.batch_alter_table("document_gathered", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_gathered_invoice_id"), ["invoice_id"], unique=False)

    op.create_table(
        "firmware_campaign_station",
        sa.Column("campaign_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=True),
        sa.Column("operation_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("asked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["firmware_campaign.id"], name=op.f("fk_firmware_campaign_station_campaign_id")
        ),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_firmware_campaign_station_station_id")),
        sa.PrimaryKeyConstraint("campaign_id", "station_id", name=op.f("pk_firmware_campaign_station")),
    )
    op.create_table(
        "ledger_transfer",
        sa.Column("entry_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("target", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_ledger_transfer_positive")),
        sa.CheckConstraint("source <> target", name=op.f("ck_ledger_transfer_moves")),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["ledger_entry.id"],
            name=op.f("fk_ledger_transfer_entry_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("entry_id", "number", name=op.f("pk_ledger_transfer")),
    )
    with op.batch_alter_table("ledger_transfer", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_transfer_source", ["source", "currency"], unique=False)
        batch_op.create_index("ix_ledger_transfer_target", ["target", "currency"], unique=False)

    op.create_table(
        "location_evse",
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("evse_uid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("location_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_location_evse_location_id")),
        sa.PrimaryKeyConstraint("country_code", "party_id", "evse_uid", name=op.f("pk_location_evse")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "party",
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("business_name", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("last_updated", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_party_platform_id")),
        sa.PrimaryKeyConstraint("country_code", "party_id", "role", name=op.f("pk_party")),
    )
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_party_platform_id"), ["platform_id"], unique=False)

    op.create_table(
        "party_behind",
        sa.Column("country_code", sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
        sa.Column("party_id", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("last_updated", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_party_behind_platform_id")),
        sa.PrimaryKeyConstraint("country_code", "party_id", "role", name=op.f("pk_party_behind")),
    )
    with op.batch_alter_table("party_behind", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_party_behind_platform_id"), ["platform_id"], unique=False)

    op.create_table(
        "payment_debt",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("hold_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("customer_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("card_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("payment_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_debt_amount")),
        sa.ForeignKeyConstraint(["hold_id"], ["payment_hold.id"], name=op.f("fk_payment_debt_hold_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_debt")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_payment_debt_hold_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_debt_reference")),
    )
    with op.batch_alter_table("payment_debt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_debt_state"), ["state"], unique=False)

    op.create_table(
        "payment_reversal",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("transfer_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("party", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
        sa.Column("provider_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_reversal_amount")),
        sa.ForeignKeyConstraint(["transfer_id"], ["payment_transfer.id"], name=op.f("fk_payment_reversal_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_reversal")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_reversal_provider_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_reversal_reference")),
    )
    with op.batch_alter_table("payment_reversal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_reversal_transfer_id"), ["transfer_id"], unique=False)

    op.create_table(
        "platform_token",
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("registers", sa.Boolean(), nullable=False),
        sa.Column("valid_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_platform_token_platform_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_platform_token")),
    )
    with op.batch_alter_table("platform_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_platform_token_platform_id"), ["platform_id"], unique=False)

    op.create_table(
        "pull_state",
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("module", sqlmodel.sql.sqltypes.AutoString(length=24), nullable=False),
        sa.Column("wanted", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
        sa.Column("wanted_since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("running", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
        sa.Column("started_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("date_from", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("next_url", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("received_bytes", sa.Integer(), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("leased_by", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("leased_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("served_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("last_error", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=True),
        sa.Column("last_full_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("last_delta_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_pull_state_platform_id")),
        sa.PrimaryKeyConstraint("platform_id", "module", name=op.f("pk_pull_state")),
    )
    op.create_table(
        "relayed_reservation",
        sa.Column("cpo_reservation_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("emsp", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("reservation_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("cpo", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=False),
        sa.Column("keep_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name=op.f("fk_relayed_reservation_platform_id")),
        sa.PrimaryKeyConstraint("cpo_reservation_id", name=op.f("pk_relayed_reservation")),
        sa.UniqueConstraint(
            "platform_id",
            "emsp",
            "reservation_id",
            "cpo",
            name=op.f("uq_relayed_reservation_platform_id_emsp_reservation_id_cpo"),
        ),
    )
    with op.batch_alter_table("relayed_reservation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_relayed_reservation_keep_until"), ["keep_until"], unique=False)

    op.create_table(
        "station_certificate",
        sa.Column("fingerprint", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("is_ours", sa.Boolean(), nullable=False),
        sa.Column("issued_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("installed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("used_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("replaced_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("revoked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("warned_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_certificate_station_id")),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_station_certificate")),
    )
    with op.batch_alter_table("station_certificate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_station_certificate_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_station_certificate_station_id"), ["station_id"], unique=False)

    op.create_table(
        "station_evse",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("evse_uid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("connector_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_evse_station_id")),
        sa.PrimaryKeyConstraint("station_id", "evse_id", name=op.f("pk_station_evse")),
    )
    with op.batch_alter_table("station_evse", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_station_evse_evse_uid"), ["evse_uid"], unique=False)

    op.create_table(
        "station_file",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("file_name", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sha256", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_file_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_file")),
    )
    with op.batch_alter_table("station_file", schema=None) as batch_op:
        batch_op.create_index("ix_station_file_station", ["station_id", "id"], unique=False)

    op.create_table(
        "station_list",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed_entries", sa.Text(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_list_station_id")),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_station_list")),
    )
    op.create_table(
        "station_operation",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("operation", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(length=20), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=True),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("sealed_intent", sa.Text(), nullable=False),
        sa.Column("sealed_result", sa.Text(), nullable=True),
        sa.Column("asked_by", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("progress", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True),
        sa.Column("progress_word", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("progress_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("give_up_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("begun_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_operation_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_operation")),
    )
    with op.batch_alter_table("station_operation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_station_operation_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_station_operation_state"), ["state"], unique=False)
        batch_op.create_index("ix_station_operation_station", ["station_id", "id"], unique=False)

    op.create_table(
        "station_reservation",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=False),
        sa.Column("token_type", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
        sa.Column("platform_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("emsp", sqlmodel.sql.sqltypes.AutoString(length=6), nullable=True),
        sa.Column("reservation_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("authorization_reference", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("cancelled_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("cdr_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("used_by", sa.Integer(), nullable=True),
        sa.Column("used_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_reservation_station_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_station_reservation")),
        sa.UniqueConstraint(
            "platform_id", "emsp", "reservation_id", name=op.f("uq_station_reservation_platform_id_emsp_reservation_id")
        ),
    )
    with op.batch_alter_table("station_reservation", schema=None) as batch_op:
        batch_op.create_index("ix_station_reservation_station", ["station_id", "expires_at"], unique=False)

    op.create_table(
        "station_upgrade",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("profile", sa.Integer(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("detail", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True),
        sa.Column("tells_password", sa.Boolean(), nullable=False),
        sa.Column("sealed_password", sa.Text(), nullable=True),
        sa.Column("url_key", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("interface", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("certificate_asked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("started_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("finished_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_upgrade_station_id")),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_station_upgrade")),
    )
    op.create_table(
        "station_value",
        sa.Column("station_id", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("desired", sqlmodel.sql.sqltypes.AutoString(length=2500), nullable=False),
        sa.Column("actual", sqlmodel.sql.sqltypes.AutoString(length=2500), nullable=True),
        sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("checked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_value_station_id")),
        sa.PrimaryKeyConstraint("station_id", "key", name=op.f("pk_station_value")),
    )
    op.create_table(
        "wallet_earmark",
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(length=48), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owed_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("spent_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_wallet_earmark_amount")),
        sa.CheckConstraint("refunded_minor BETWEEN 0 AND spent_minor", name=op.f("ck_wallet_earmark_refunded")),
        sa.CheckConstraint("spent_minor >= 0", name=op.f("ck_wallet_earmark_spent")),
        sa.ForeignKeyConstraint(["owner"], ["wallet.owner"], name=op.f("fk_wallet_earmark_owner")),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_wallet_earmark")),
    )
    with op.batch_alter_table("wallet_earmark", schema=None) as batch_op:
        batch_op.create_index(
            "ix_wallet_earmark_kept",
            ["owner"],
            unique=False,
            sqlite_where=sa.text("state = 'KEPT'"),
            postgresql_where=sa.text("state = 'KEPT'"),
        )

    op.create_table(
        "payment_received",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("payment_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("hold_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("debt_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payment_received_refunded")),
        sa.ForeignKeyConstraint(["debt_id"], ["payment_debt.id"], name=op.f("fk_payment_received_debt_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["payment_hold.id"], name=op.f("fk_payment_received_hold_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_received")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_payment_received_payment_id")),
    )
    with op.batch_alter_table("payment_received", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_received_debt_id"), ["debt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_received_hold_id"), ["hold_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_received_reference"), ["reference"], unique=False)

    op.create_table(
        "wallet_refund",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("earmark", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_wallet_refund_amount")),
        sa.ForeignKeyConstraint(["earmark"], ["wallet_earmark.reference"], name=op.f("fk_wallet_refund_earmark")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_refund")),
        sa.UniqueConstraint("reference", name=op.f("uq_wallet_refund_reference")),
    )
    with op.batch_alter_table("wallet_refund", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wallet_refund_earmark"), ["earmark"], unique=False)

    op.create_table(
        "payment_dispute",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("provider_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("received_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("withdrawn_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("due_by", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["received_id"], ["payment_received.id"], name=op.f("fk_payment_dispute_received_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_dispute")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_dispute_provider_id")),
    )
    with op.batch_alter_table("payment_dispute", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_dispute_received_id"), ["received_id"], unique=False)

    op.create_table(
        "payment_refund",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("received_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
        sa.Column("provider_id", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_refund_amount")),
        sa.ForeignKeyConstraint(["received_id"], ["payment_received.id"], name=op.f("fk_payment_refund_received_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_refund")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_refund_provider_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_refund_reference")),
    )
    with op.batch_alter_table("payment_refund", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_refund_received_id"), ["received_id"], unique=False)

    op.create_table(
        "payment_operation",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
        sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("hold_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("debt_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("refund_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("transfer_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("reversal_id", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("maybe_heard", sa.Boolean(), nullable=False),
        sa.Column("first_sent_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("ask_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["debt_id"], ["payment_debt.id"], name=op.f("fk_payment_operation_debt_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["payment_hold.id"], name=op.f("fk_payment_operation_hold_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["payment_refund.id"], name=op.f("fk_payment_operation_refund_id")),
        sa.ForeignKeyConstraint(
            ["reversal_id"], ["payment_reversal.id"], name=op.f("fk_payment_operation_reversal_id")
        ),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["payment_transfer.id"], name=op.f("fk_payment_operation_transfer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_operation")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_operation_key")),
    )
    with op.batch_alter_table("payment_operation", schema=None) as batch_op:
        batch_op.create_index(
            "ix_payment_operation_ask",
            ["ask_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.create_index(batch_op.f("ix_payment_operation_debt_id"), ["debt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_operation_hold_id"), ["hold_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_operation_refund_id"), ["refund_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_operation_reversal_id"), ["reversal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_operation_transfer_id"), ["transfer_id"], unique=False)
        batch_op.create_index(
            "uq_payment_operation_open_debt_id",
            ["debt_id"],
            unique=True,
            sqlite_where=sa.text("debt_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("debt_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.create_index(
            "uq_payment_operation_open_hold_id",
            ["hold_id"],
            unique=True,
            sqlite_where=sa.text("hold_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("hold_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.create_index(
            "uq_payment_operation_open_refund_id",
            ["refund_id"],
            unique=True,
            sqlite_where=sa.text("refund_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("refund_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.create_index(
            "uq_payment_operation_open_reversal_id",
            ["reversal_id"],
            unique=True,
            sqlite_where=sa.text("reversal_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("reversal_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.create_index(
            "uq_payment_operation_open_transfer_id",
            ["transfer_id"],
            unique=True,
            sqlite_where=sa.text("transfer_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("transfer_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("payment_operation", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_payment_operation_open_transfer_id",
            sqlite_where=sa.text("transfer_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("transfer_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.drop_index(
            "uq_payment_operation_open_reversal_id",
            sqlite_where=sa.text("reversal_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("reversal_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.drop_index(
            "uq_payment_operation_open_refund_id",
            sqlite_where=sa.text("refund_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("refund_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.drop_index(
            "uq_payment_operation_open_hold_id",
            sqlite_where=sa.text("hold_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("hold_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.drop_index(
            "uq_payment_operation_open_debt_id",
            sqlite_where=sa.text("debt_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("debt_id IS NOT NULL AND state IN ('READY', 'SENT', 'UNKNOWN')"),
        )
        batch_op.drop_index(batch_op.f("ix_payment_operation_transfer_id"))
        batch_op.drop_index(batch_op.f("ix_payment_operation_reversal_id"))
        batch_op.drop_index(batch_op.f("ix_payment_operation_refund_id"))
        batch_op.drop_index(batch_op.f("ix_payment_operation_hold_id"))
        batch_op.drop_index(batch_op.f("ix_payment_operation_debt_id"))
        batch_op.drop_index(
            "ix_payment_operation_ask",
            sqlite_where=sa.text("state IN ('READY', 'SENT', 'UNKNOWN')"),
            postgresql_where=sa.text("state IN ('READY', 'SENT', 'UNKNOWN')"),
        )

    op.drop_table("payment_operation")
    with op.batch_alter_table("payment_refund", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_refund_received_id"))

    op.drop_table("payment_refund")
    with op.batch_alter_table("payment_dispute", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_dispute_received_id"))

    op.drop_table("payment_dispute")
    with op.batch_alter_table("wallet_refund", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_wallet_refund_earmark"))

    op.drop_table("wallet_refund")
    with op.batch_alter_table("payment_received", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_received_reference"))
        batch_op.drop_index(batch_op.f("ix_payment_received_hold_id"))
        batch_op.drop_index(batch_op.f("ix_payment_received_debt_id"))

    op.drop_table("payment_received")
    with op.batch_alter_table("wallet_earmark", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_wallet_earmark_kept", sqlite_where=sa.text("state = 'KEPT'"), postgresql_where=sa.text("state = 'KEPT'")
        )

    op.drop_table("wallet_earmark")
    op.drop_table("station_value")
    op.drop_table("station_upgrade")
    with op.batch_alter_table("station_reservation", schema=None) as batch_op:
        batch_op.drop_index("ix_station_reservation_station")

    op.drop_table("station_reservation")
    with op.batch_alter_table("station_operation", schema=None) as batch_op:
        batch_op.drop_index("ix_station_operation_station")
        batch_op.drop_index(batch_op.f("ix_station_operation_state"))
        batch_op.drop_index(batch_op.f("ix_station_operation_created_at"))

    op.drop_table("station_operation")
    op.drop_table("station_list")
    with op.batch_alter_table("station_file", schema=None) as batch_op:
        batch_op.drop_index("ix_station_file_station")

    op.drop_table("station_file")
    with op.batch_alter_table("station_evse", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_station_evse_evse_uid"))

    op.drop_table("station_evse")
    with op.batch_alter_table("station_certificate", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_station_certificate_station_id"))
        batch_op.drop_index(batch_op.f("ix_station_certificate_expires_at"))

    op.drop_table("station_certificate")
    with op.batch_alter_table("relayed_reservation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_relayed_reservation_keep_until"))

    op.drop_table("relayed_reservation")
    op.drop_table("pull_state")
    with op.batch_alter_table("platform_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_platform_token_platform_id"))

    op.drop_table("platform_token")
    with op.batch_alter_table("payment_reversal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_reversal_transfer_id"))

    op.drop_table("payment_reversal")
    with op.batch_alter_table("payment_debt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_debt_state"))

    op.drop_table("payment_debt")
    with op.batch_alter_table("party_behind", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_party_behind_platform_id"))

    op.drop_table("party_behind")
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_party_platform_id"))

    op.drop_table("party")
    op.drop_table("location_evse")
    with op.batch_alter_table("ledger_transfer", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_transfer_target")
        batch_op.drop_index("ix_ledger_transfer_source")

    op.drop_table("ledger_transfer")
    op.drop_table("firmware_campaign_station")
    with op.batch_alter_table("document_gathered", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_document_gathered_invoice_id"))

    op.drop_table("document_gathered")
    op.drop_table("delivery_receipt")
    op.drop_table("delivery_cursor")
    with op.batch_alter_table("cdr_exchange", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_cdr_exchange_waits",
            sqlite_where=sa.text("exchange IS NULL"),
            postgresql_where=sa.text("exchange IS NULL"),
        )

    op.drop_table("cdr_exchange")
    with op.batch_alter_table("cdr_dispute", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cdr_dispute_cdr_id"))

    op.drop_table("cdr_dispute")
    with op.batch_alter_table("bill_refund", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bill_refund_start_id"))

    op.drop_table("bill_refund")
    with op.batch_alter_table("bill", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_bill_stands",
            sqlite_where=sa.text("credited_at IS NULL"),
            postgresql_where=sa.text("credited_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_bill_start_id"))
        batch_op.drop_index(batch_op.f("ix_bill_payer"))

    op.drop_table("bill")
    with op.batch_alter_table("wallet_top_up", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_wallet_top_up_owner"))

    op.drop_table("wallet_top_up")
    op.drop_table("wallet")
    with op.batch_alter_table("vehicle_seen", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_vehicle_seen_seen_at"))
        batch_op.drop_index("ix_vehicle_seen_at")

    op.drop_table("vehicle_seen")
    with op.batch_alter_table("transaction_recomputation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transaction_recomputation_transaction_id"))

    op.drop_table("transaction_recomputation")
    with op.batch_alter_table("token_route", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_token_route_expires_at"))

    op.drop_table("token_route")
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_token_uid_digest"))
        batch_op.drop_index("ix_token_shelf")
        batch_op.drop_index(batch_op.f("ix_token_platform_id"))
        batch_op.drop_index(batch_op.f("ix_token_last_updated"))
        batch_op.drop_index(batch_op.f("ix_token_driver_id"))

    op.drop_table("token")
    with op.batch_alter_table("tariff", schema=None) as batch_op:
        batch_op.drop_index("ix_tariff_shelf")
        batch_op.drop_index(batch_op.f("ix_tariff_platform_id"))
        batch_op.drop_index(batch_op.f("ix_tariff_last_updated"))

    op.drop_table("tariff")
    op.drop_table("station_desired")
    op.drop_table("station_authority")
    op.drop_table("station_applicant")
    op.drop_table("station")
    with op.batch_alter_table("start", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_start_state"))
        batch_op.drop_index(batch_op.f("ix_start_driver_id"))
        batch_op.drop_index(batch_op.f("ix_start_authorization_reference"))

    op.drop_table("start")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_started_at"))
        batch_op.drop_index(batch_op.f("ix_session_start_id"))
        batch_op.drop_index("ix_session_shelf")
        batch_op.drop_index(batch_op.f("ix_session_platform_id"))
        batch_op.drop_index(batch_op.f("ix_session_last_updated"))

    op.drop_table("session")
    op.drop_table("reconciliation_run")
    with op.batch_alter_table("reconciliation_finding", schema=None) as batch_op:
        batch_op.drop_index("ix_reconciliation_finding_open")

    op.drop_table("reconciliation_finding")
    with op.batch_alter_table("quote", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_quote_expires_at"))

    op.drop_table("quote")
    with op.batch_alter_table("profile_setter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_profile_setter_set_at"))

    op.drop_table("profile_setter")
    op.drop_table("platform")
    with op.batch_alter_table("payment_webhook", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_payment_webhook_waiting",
            sqlite_where=sa.text("handled_at IS NULL"),
            postgresql_where=sa.text("handled_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_payment_webhook_handled_at"))

    op.drop_table("payment_webhook")
    with op.batch_alter_table("payment_transfer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_transfer_party"))

    op.drop_table("payment_transfer")
    op.drop_table("payment_swept_until")
    op.drop_table("payment_party_account")
    with op.batch_alter_table("payment_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_line_source_id"))
        batch_op.drop_index(batch_op.f("ix_payment_line_payment_id"))
        batch_op.drop_index(batch_op.f("ix_payment_line_made_at"))

    op.drop_table("payment_line")
    with op.batch_alter_table("payment_hold", schema=None) as batch_op:
        batch_op.drop_index("ix_payment_hold_open")

    op.drop_table("payment_hold")
    op.drop_table("payment_customer")
    with op.batch_alter_table("payment_card", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_card_fingerprint"))
        batch_op.drop_index(batch_op.f("ix_payment_card_customer_id"))

    op.drop_table("payment_card")
    op.drop_table("ocpi_message_content")
    with op.batch_alter_table("ocpi_message_access", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ocpi_message_access_message_id"))

    op.drop_table("ocpi_message_access")
    with op.batch_alter_table("ocpi_message", schema=None) as batch_op:
        batch_op.drop_index("ix_ocpi_message_platform_id")
        batch_op.drop_index("ix_ocpi_message_correlation_id")

    op.drop_table("ocpi_message")
    op.drop_table("object_shelf")
    op.drop_table("object_block")
    with op.batch_alter_table("location", schema=None) as batch_op:
        batch_op.drop_index("ix_location_shelf")
        batch_op.drop_index(batch_op.f("ix_location_platform_id"))
        batch_op.drop_index(batch_op.f("ix_location_last_updated"))

    op.drop_table("location")
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_entry_made_at"))

    op.drop_table("ledger_entry")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_job_replace_key",
            sqlite_where=sa.text("replace_key IS NOT NULL AND leased_by IS NULL AND state = 'ready'"),
            postgresql_where=sa.text("replace_key IS NOT NULL AND leased_by IS NULL AND state = 'ready'"),
        )
        batch_op.drop_index("ix_job_lane")
        batch_op.drop_index("ix_job_due")

    op.drop_table("job")
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_key_expires_at"))

    op.drop_table("idempotency_key")
    with op.batch_alter_table("firmware_campaign", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_firmware_campaign_state"))

    op.drop_table("firmware_campaign")
    with op.batch_alter_table("exchange_rate", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exchange_rate_day"))

    op.drop_table("exchange_rate")
    with op.batch_alter_table("driver_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_driver_key_driver_id"))

    op.drop_table("driver_key")
    op.drop_table("driver")
    op.drop_table("document_series")
    op.drop_table("document_seller")
    op.drop_table("document_buyer")
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_document_subject"))
        batch_op.drop_index(batch_op.f("ix_document_payer"))
        batch_op.drop_index(batch_op.f("ix_document_issued_at"))
        batch_op.drop_index(batch_op.f("ix_document_corrects"))

    op.drop_table("document")
    op.drop_table("csms_variable")
    with op.batch_alter_table("csms_transaction_frames", schema=None) as batch_op:
        batch_op.drop_index("ix_csms_transaction_frames_station_id")

    op.drop_table("csms_transaction_frames")
    with op.batch_alter_table("csms_transaction", schema=None) as batch_op:
        batch_op.drop_index("ix_csms_transaction_station")
        batch_op.drop_index(
            "ix_csms_transaction_open",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("csms_transaction")
    op.drop_table("csms_trace")
    op.drop_table("csms_station")
    with op.batch_alter_table("csms_notice", schema=None) as batch_op:
        batch_op.drop_index("ix_csms_notice_station_id")

    op.drop_table("csms_notice")
    with op.batch_alter_table("csms_frames", schema=None) as batch_op:
        batch_op.drop_index("ix_csms_frames_station_id")

    op.drop_table("csms_frames")
    with op.batch_alter_table("csms_event", schema=None) as batch_op:
        batch_op.drop_index("ix_csms_event_transaction")

    op.drop_table("csms_event")
    op.drop_table("csms_counter")
    op.drop_table("csms_connector")
    op.drop_table("csms_breach")
    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.drop_index("ix_change_order")
        batch_op.drop_index("ix_change_object")

    op.drop_table("change")
    with op.batch_alter_table("cdr", schema=None) as batch_op:
        batch_op.drop_index("ix_cdr_shelf")
        batch_op.drop_index(batch_op.f("ix_cdr_session_id"))
        batch_op.drop_index(batch_op.f("ix_cdr_platform_id"))
        batch_op.drop_index(batch_op.f("ix_cdr_last_updated"))
        batch_op.drop_index(batch_op.f("ix_cdr_credit_of"))

    op.drop_table("cdr")
    op.drop_table("api_key")
    op.drop_table("agreement")
