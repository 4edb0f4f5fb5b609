-- What the price of a cost depends on beside its kind and time, stored with the cost so that it can be
-- priced again. A price has its conditions in its unit, so the previous release, which knows no such
-- unit, uses none of these prices.

ALTER TABLE call_cost_events ADD COLUMN price_context text;
COMMENT ON COLUMN call_cost_events.price_context IS
    'The priceContext of the event, JSON, or null. Of a called number it has at most the first 7 digits.';

ALTER TABLE archived_costs ADD COLUMN price_context text;

COMMENT ON COLUMN service_prices.unit IS
    'The unit, followed by the conditions of the price: minutes destination=+44 hours=22:00-06:00.';

CREATE OR REPLACE VIEW counted_costs AS
SELECT e.*
FROM call_cost_events AS e
WHERE e.type = 'cost.recorded'
  AND NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = e.call_id AND v.voids = e.identity);

CREATE OR REPLACE VIEW repriceable_costs AS
SELECT identity, time, user_id, call_id, service, operation, model, unit, usage, cost_nano, price_id, price_context
FROM counted_costs
UNION ALL
SELECT a.identity, a.time, c.user_id, a.call_id, k.service, k.operation, nullif(k.model, ''), k.unit,
       a.usage, a.cost_nano, a.price_id, a.price_context
FROM archived_costs AS a
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
WHERE NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity);
