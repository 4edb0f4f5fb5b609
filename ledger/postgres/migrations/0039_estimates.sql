-- A row of the catalogue may estimate events without a price. They stay listed until they have a price, and
-- have the negative id of that row in the place of 0.

COMMENT ON COLUMN call_cost_events.price_id IS
    'The catalogue row that priced it; null where the emitter gave the cost; 0 without a price, or without a fee of a charge; the negative id of the row that estimates it without a price.';
COMMENT ON COLUMN call_cost_events.usages IS
    'The quantities of one request, by unit: [{unit, quantity, price_id, cost_nano}]; usage and unit of the row are null then, and price_id, too, or the lowest one of the quantities without a price. A quantity has price_id and cost_nano, or neither where the emitter priced the whole request. An estimated one has the negative id of its row. While one has neither price nor estimate, none has a cost_nano, and such ones have the price_id 0.';
COMMENT ON TABLE unpriced_events IS
    'Events that count at 0, or at an estimate, because they have no price yet: written with the event, deleted with its price or its void.';

-- A request is listed by the first of its units without a price.
CREATE OR REPLACE VIEW expected_unpriced_events AS
SELECT identity, user_id, call_id, time, 'cost.recorded' AS type, service, operation, coalesce(model, '') AS model,
       coalesce(unit, (SELECT min(u.unit COLLATE "C") FROM jsonb_to_recordset(usages) AS u (unit text, price_id integer)
                        WHERE u.price_id <= 0)) COLLATE "default" AS unit,
       0::bigint AS amount_nano
FROM repriceable_costs WHERE price_id <= 0
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
