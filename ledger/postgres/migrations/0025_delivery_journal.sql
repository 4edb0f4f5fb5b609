-- The delivery journal: a topic that says what was delivered, for a ledger that is restored.

ALTER TABLE notice_deliveries ADD COLUMN journaled_at timestamptz;
COMMENT ON COLUMN notice_deliveries.journaled_at IS
    'When the delivery was known to be in the delivery journal, which a restored ledger takes it over from.';

CREATE INDEX notice_deliveries_unjournaled ON notice_deliveries (delivered_at)
    WHERE state = 'delivered' AND journaled_at IS NULL;
