-- The ledger's epoch: it rises whenever its totals are replaced by other means than counting events,
-- that is by a restore or a rebuild. Versions are compared within it.

CREATE TABLE ledger_epochs (
    epoch           bigint      PRIMARY KEY CHECK (epoch >= 0),
    raised_at       timestamptz NOT NULL DEFAULT now(),
    reason          text        NOT NULL,
    published_at    timestamptz,
    journal_read_at timestamptz
);
COMMENT ON TABLE ledger_epochs IS
    'Every epoch of the ledger; the highest one is current. Without any, a restore is under way and nothing may be counted.';
COMMENT ON COLUMN ledger_epochs.published_at IS
    'When the totals topic was brought in line with the totals of this epoch.';
COMMENT ON COLUMN ledger_epochs.journal_read_at IS
    'When the deliveries that the delivery journal knows were taken over; no alert is delivered before.';

INSERT INTO ledger_epochs (epoch, reason, published_at, journal_read_at) VALUES (0, 'first', now(), now());

GRANT SELECT ON ledger_epochs TO cost_analytics_reader;
