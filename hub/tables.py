"""Every table of the application, imported so that each is known to the one metadata."""

# ruff: noqa: F401

import auth.tables
import csms.log_tables
import csms.tables
import hub.billing.tables
import hub.drivers.tables
import hub.locations.tables
import hub.parties.changes
import hub.parties.counts
import hub.parties.message_log_tables
import hub.parties.outbox
import hub.parties.profile_setters
import hub.parties.pulls
import hub.parties.reservations
import hub.parties.tables
import hub.sessions.tables
import hub.starts.quote_tables
import hub.starts.tables
import hub.starts.vehicle_tables
import hub.stations.campaign_tables
import hub.stations.certificate_tables
import hub.stations.desired_tables
import hub.stations.local_lists
import hub.stations.operation_tables
import hub.stations.reservations
import hub.stations.tables
import hub.stations.upgrade_tables
import hub.stations.uploads
import hub.tariffs.tables
import hub.tokens.tables
import kit.idempotency
import kit.job_rows
import payments.card_tables
import payments.documents.tables
import payments.finding_tables
import payments.ledger.tables
import payments.line_tables
import payments.rate_tables
import payments.tables
import payments.transfer_tables
import payments.wallet_tables
import payments.webhook_tables
