-- A cost may have several quantities of one request, which are priced together.

ALTER TABLE call_cost_events ADD COLUMN usages jsonb;
COMMENT ON COLUMN call_cost_events.usages IS
    'The quantities of one request, by unit: [{unit, quantity, price_id, cost_nano}]; usage and unit of the row are null then, and price_id, too, or 0 while a quantity has no price. A quantity has price_id and cost_nano, or neither where the emitter priced the whole request. While one has no price, none has a cost_nano, and those without a price have the price_id 0.';

ALTER TABLE archived_costs ADD COLUMN usages jsonb, ALTER COLUMN usage DROP NOT NULL;
COMMENT ON COLUMN archived_costs.usages IS 'As in call_cost_events.';

CREATE OR REPLACE VIEW counted_costs AS
SELECT e.*
FROM call_cost_events AS e
WHERE e.type = 'cost.recorded'
  AND NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = e.call_id AND v.voids = e.identity);

CREATE OR REPLACE VIEW repriceable_costs AS
SELECT identity, time, user_id, call_id, service, operation, model, unit, usage, cost_nano, price_id, price_context, usages
FROM counted_costs
UNION ALL
SELECT a.identity, a.time, c.user_id, a.call_id, k.service, k.operation, nullif(k.model, ''), nullif(k.unit, ''),
       a.usage, a.cost_nano, a.price_id, a.price_context, a.usages
FROM archived_costs AS a
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
WHERE NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity);

CREATE FUNCTION priced_nano(quantity numeric, unit text, price_usd numeric, price_unit text, per_units bigint)
    RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT whole + CASE WHEN 2 * rest > divisor OR 2 * rest = divisor AND whole % 2 = 1 THEN 1 ELSE 0 END
        FROM (SELECT quantity * price_usd * 1000000000
                     * CASE WHEN unit = 'minutes' AND split_part(price_unit, ' ', 1) = 'seconds' THEN 60 ELSE 1 END AS dividend,
                     per_units::numeric
                     * CASE WHEN unit = 'seconds' AND split_part(price_unit, ' ', 1) = 'minutes' THEN 60 ELSE 1 END AS divisor) AS f,
             LATERAL (SELECT div(dividend, divisor) AS whole) AS w,
             LATERAL (SELECT dividend - whole * divisor AS rest) AS r
    );
COMMENT ON FUNCTION priced_nano IS
    'The cost of a quantity of a unit at price_usd for per_units of price_unit, which may be followed by conditions; rounded half-even to nano-dollars without an inexact division.';

-- A request is listed by the first of its units without a price.
CREATE OR REPLACE VIEW expected_unpriced_events AS
SELECT identity, user_id, call_id, time, 'cost.recorded' AS type, service, operation, coalesce(model, '') AS model,
       coalesce(unit, (SELECT min(u.unit COLLATE "C") FROM jsonb_to_recordset(usages) AS u (unit text, price_id integer)
                        WHERE u.price_id = 0)) COLLATE "default" AS unit,
       0::bigint AS amount_nano
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
