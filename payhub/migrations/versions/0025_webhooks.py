"""Endpoints choose how they are signed for and told; each try is kept for a while; events are found by their portal."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE webhook_endpoint ADD COLUMN scheme text NOT NULL DEFAULT 'hmac', ADD COLUMN version smallint NOT NULL DEFAULT 1,
  ADD CONSTRAINT ck_webhook_endpoint_scheme CHECK (scheme IN ('hmac', 'ed25519')),
  ADD CONSTRAINT ck_webhook_endpoint_version CHECK (version > 0);
ALTER TABLE delivery ADD COLUMN resent_at timestamptz;
CREATE INDEX ix_delivery_dead ON delivery (endpoint_id, position) WHERE state = 'dead';
CREATE INDEX ix_delivery_position ON delivery (endpoint_id, position);

CREATE TABLE delivery_try (
  id uuid NOT NULL, delivery_id uuid NOT NULL CONSTRAINT fk_delivery_try_delivery_id REFERENCES delivery (id),
  at timestamptz NOT NULL, status smallint, error text, took_ms integer NOT NULL, reply_key bytea, reply bytea,
  CONSTRAINT pk_delivery_try PRIMARY KEY (id),
  CONSTRAINT ck_delivery_try_sealed CHECK ((reply_key IS NULL) = (reply IS NULL)),
  CONSTRAINT ck_delivery_try_reply CHECK (reply IS NULL OR error IS NOT NULL)
);
CREATE INDEX ix_delivery_try_delivery_id ON delivery_try (delivery_id, at);
CREATE INDEX ix_delivery_try_at ON delivery_try (at);
CREATE INDEX ix_delivery_try_reply ON delivery_try (id) WHERE reply_key IS NOT NULL;
"""
# Whose payment's an event is comes with its position, once: the trigger refuses every other change as before.
EVENTS = """
ALTER TABLE event ADD COLUMN portal_id uuid;
ALTER TABLE event DISABLE TRIGGER append_only;
UPDATE event SET portal_id = payment.portal_id FROM payment WHERE payment.id = event.payment_id AND event.position IS NOT NULL;
ALTER TABLE event ENABLE TRIGGER append_only;
CREATE INDEX ix_event_of_portal ON event (portal_id, position) WHERE position IS NOT NULL;
"""
DOWN = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM webhook_secret JOIN webhook_endpoint ON webhook_endpoint.id = endpoint_id
             WHERE scheme <> 'hmac' AND state = 'live') THEN
    RAISE EXCEPTION 'an endpoint signs with a key pair, which the release before does not know: rotate it to hmac and retire the pair';
  END IF;
END $$;
DROP INDEX ix_event_of_portal;
ALTER TABLE event DROP COLUMN portal_id;
DROP TABLE delivery_try;
DROP INDEX ix_delivery_position, ix_delivery_dead;
UPDATE delivery SET delivered_at = NULL WHERE state <> 'delivered';
ALTER TABLE delivery DROP COLUMN resent_at;
ALTER TABLE webhook_endpoint DROP COLUMN scheme, DROP COLUMN version;
"""


def upgrade() -> None:
    op.execute(UP)
    op.execute(EVENTS)


def downgrade() -> None:
    op.execute(DOWN)
