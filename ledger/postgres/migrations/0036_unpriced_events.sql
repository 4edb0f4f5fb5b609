-- Events without a price are recorded at a cost of 0 and marked by the price_id 0, which no price has. They
-- are also listed by themselves until they have a price or are voided.

COMMENT ON COLUMN call_cost_events.price_id IS
    'The catalogue row that priced it; null where the emitter gave the cost; 0 without a price, or without a fee of a charge.';

CREATE TABLE unpriced_events (
    identity    uuid        PRIMARY KEY,
    user_id     text        COLLATE "C" NOT NULL,
    call_id     text        COLLATE "C" NOT NULL,
    time        timestamptz NOT NULL,
    type        text        NOT NULL CHECK (type IN ('cost.recorded', 'call.charged')),
    service     text        COLLATE "C" NOT NULL,
    operation   text        COLLATE "C" NOT NULL,
    model       text        COLLATE "C" NOT NULL,
    unit        text        COLLATE "C" NOT NULL,
    amount_nano bigint      NOT NULL
);
CREATE INDEX unpriced_events_kind ON unpriced_events (type, service, operation, model, unit, time, identity);
CREATE INDEX unpriced_events_call ON unpriced_events (call_id);
CREATE INDEX unpriced_events_user ON unpriced_events (user_id, time);
CREATE INDEX unpriced_events_time ON unpriced_events (time);
COMMENT ON TABLE unpriced_events IS
    'Events that count at 0 because they have no price yet: written with the event, deleted with its price or its void.';
COMMENT ON COLUMN unpriced_events.amount_nano IS 'The amount of a charge, from which its fee follows; else 0.';

ALTER TABLE unpriced_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON unpriced_events FOR SELECT TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
CREATE POLICY figures ON unpriced_events FOR SELECT TO cost_analytics_figures USING (true);

COMMENT ON COLUMN sealed_calls.facts IS
    'The events that win within the file: the first start, the first cost with a persona, the last end, the last decision; and the charges without a fee.';

-- A fee that becomes known later is a cost of the ledger (`/cost-analytics/rerate`), named after its charge.
CREATE VIEW expected_unpriced_events AS
SELECT identity, user_id, call_id, time, 'cost.recorded' AS type, service, operation, coalesce(model, '') AS model,
       unit, 0::bigint AS amount_nano
FROM repriceable_costs WHERE price_id = 0
UNION ALL
SELECT identity, user_id, call_id, time, 'call.charged', service, 'fee', '', 'charges', amount_nano
FROM (
    SELECT identity, user_id, call_id, time, service, amount_nano
    FROM call_cost_events WHERE type = 'call.charged' AND price_id = 0
    UNION ALL
    SELECT f.identity, c.user_id, c.call_id, f.time, f.data::jsonb ->> 'service', (f.data::jsonb ->> 'amountNano')::bigint
    FROM sealed_calls AS c,
         jsonb_to_recordset(c.facts) AS f (type text, time timestamptz, identity uuid, data text)
    WHERE f.type = 'call.charged'
) AS charge
WHERE NOT EXISTS (
    SELECT FROM call_cost_events AS fee
    WHERE fee.call_id = charge.call_id AND fee.type = 'cost.recorded' AND fee.source = '/cost-analytics/rerate'
      AND fee.event_id = replace(charge.identity::text, '-', '') || '/fee'
) AND NOT EXISTS (
    SELECT FROM archived_costs AS fee JOIN archived_cost_kinds AS k USING (kind_id)
    WHERE fee.call_id = charge.call_id AND k.source = '/cost-analytics/rerate'
      AND fee.event_id = replace(charge.identity::text, '-', '') || '/fee'
);
COMMENT ON VIEW expected_unpriced_events IS 'What unpriced_events must contain, from the seals and the events that are still here.';
