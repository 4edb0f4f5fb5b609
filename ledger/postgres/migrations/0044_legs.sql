-- Legs: a vendor rounds the duration of a whole leg up before it prices it. The difference to the costs of the leg's
-- pieces is settled when the call ends, as `roundings` in the data of `call.settled`. The previous release neither
-- stores leg_id nor settles legs: prices with increments are for workers of this release.

ALTER TABLE call_cost_events ADD COLUMN leg_id text;
COMMENT ON COLUMN call_cost_events.leg_id IS
    'The legId of the cost: costs of a call, service, operation and model with the same one are one leg.';

ALTER TABLE archived_costs ADD COLUMN leg_id text;
COMMENT ON COLUMN archived_costs.leg_id IS 'As in call_cost_events.';

ALTER TABLE calls ADD COLUMN roundings jsonb;
COMMENT ON COLUMN calls.roundings IS
    'The roundings of its legs since it ended: [{service, operation, model, legId, isAudio, seconds, nano, rerated}], on the day of ended_at. Null if no usage of it has a price with increments.';

CREATE OR REPLACE VIEW counted_costs AS
SELECT e.*
FROM call_cost_events AS e
WHERE e.type = 'cost.recorded'
  AND NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = e.call_id AND v.voids = e.identity);

CREATE OR REPLACE VIEW repriceable_costs AS
SELECT identity, time, user_id, call_id, service, operation, model, unit, usage, cost_nano, price_id, price_context, usages, leg_id
FROM counted_costs
UNION ALL
SELECT a.identity, a.time, c.user_id, a.call_id, k.service, k.operation, nullif(k.model, ''), nullif(k.unit, ''),
       a.usage, a.cost_nano, a.price_id, a.price_context, a.usages, a.leg_id
FROM archived_costs AS a
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
WHERE NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity);

CREATE VIEW settled_roundings AS
SELECT f.call_id, f.user_id, f.ended_at, r.service, r.nano
FROM call_facts AS f
JOIN settled_calls AS s USING (call_id),
     jsonb_to_recordset(s.decided -> 'roundings') AS r (service text, nano bigint);
COMMENT ON VIEW settled_roundings IS 'The roundings of legs by the last settlement of each call.';

CREATE OR REPLACE VIEW cost_postings AS
SELECT e.call_id, utc_day(e.time) AS day, e.service, e.cost_nano
FROM counted_costs AS e
UNION ALL
SELECT e.call_id, utc_day(e.time), e.service, e.cost_nano
FROM call_cost_events AS e WHERE e.type = 'call.charged'
UNION ALL
SELECT c.call_id, days.key::date, costs.key, costs.value::bigint
FROM sealed_calls AS c, jsonb_each(c.costs) AS days, jsonb_each_text(days.value) AS costs
UNION ALL
SELECT r.call_id, utc_day(r.time), r.service, -r.cost_nano
FROM revoked_costs AS r
UNION ALL
SELECT f.call_id, utc_day(f.first_at), share.key, share.value::bigint
FROM call_facts AS f, jsonb_each_text(f.infrastructure) AS share
UNION ALL
SELECT r.call_id, utc_day(r.ended_at), r.service, r.nano
FROM settled_roundings AS r
UNION ALL
SELECT f.call_id, utc_day(f.ended_at), 'stripe', f.default_fee_nano
FROM call_facts AS f WHERE f.default_fee_nano <> 0;

CREATE OR REPLACE VIEW spend_postings AS
SELECT e.user_id, e.time AS at, e.cost_nano, 0::bigint AS charged_nano, 0::bigint AS refunded_nano
FROM counted_costs AS e
UNION ALL
SELECT e.user_id, e.time, e.cost_nano, e.amount_nano, 0
FROM call_cost_events AS e WHERE e.type = 'call.charged'
UNION ALL
SELECT e.user_id, e.time, 0, 0, e.amount_nano
FROM call_cost_events AS e WHERE e.type = 'call.refunded'
UNION ALL
SELECT s.user_id, s.quarter, s.cost_nano, s.charged_nano, s.refunded_nano
FROM sealed_spend AS s
UNION ALL
SELECT r.user_id, r.time, -r.cost_nano, 0, 0
FROM revoked_costs AS r
UNION ALL
SELECT f.user_id, f.first_at, share.value::bigint, 0, 0
FROM call_facts AS f, jsonb_each_text(f.infrastructure) AS share
UNION ALL
SELECT r.user_id, r.ended_at, r.nano, 0, 0
FROM settled_roundings AS r
UNION ALL
SELECT f.user_id, f.ended_at, f.default_fee_nano, f.default_charge_nano, 0
FROM call_facts AS f WHERE f.default_charge_nano <> 0 OR f.default_fee_nano <> 0;

CREATE OR REPLACE VIEW rerated_calls AS
SELECT call_id, sum(nano)::bigint AS rerated_nano
FROM (
    SELECT call_id, cost_nano - charge_basis_nano(source, data, cost_nano) AS nano
    FROM counted_costs WHERE source = '/cost-analytics/rerate'
    UNION ALL
    SELECT call_id, rerated_nano FROM sealed_calls WHERE rerated_nano <> 0
    UNION ALL
    SELECT a.call_id, a.basis_nano - a.cost_nano
    FROM (SELECT DISTINCT call_id, voids FROM known_voids) AS v
    JOIN archived_costs AS a ON a.call_id = v.call_id AND a.identity = v.voids
    WHERE a.basis_nano IS NOT NULL
    UNION ALL
    SELECT s.call_id, r.rerated
    FROM settled_calls AS s, jsonb_to_recordset(s.decided -> 'roundings') AS r (rerated bigint)
    WHERE r.rerated IS NOT NULL
) AS changes
GROUP BY call_id;

-- The priced quantities of time that count: of a cost with its own price none.
CREATE VIEW leg_pieces AS
SELECT identity, call_id, service, operation, coalesce(model, '') AS model, coalesce(leg_id, '') AS leg_id,
       unit = 'audio_seconds' AS is_audio, time, price_id, cost_nano,
       quantity * CASE unit WHEN 'minutes' THEN 60 ELSE 1 END AS seconds
FROM (
    SELECT identity, call_id, service, operation, model, leg_id, time, unit, usage AS quantity, price_id, cost_nano
    FROM repriceable_costs WHERE usages IS NULL
    UNION ALL
    SELECT c.identity, c.call_id, c.service, c.operation, c.model, c.leg_id, c.time, u.unit, u.quantity,
           CASE WHEN c.price_id = 0 THEN 0 ELSE u.price_id END, coalesce(u.cost_nano, 0)
    FROM repriceable_costs AS c,
         jsonb_to_recordset(c.usages) AS u (unit text, quantity numeric, price_id integer, cost_nano bigint)
) AS quantities
WHERE unit IN ('seconds', 'minutes', 'audio_seconds') AND price_id IS NOT NULL;
COMMENT ON VIEW leg_pieces IS
    'What roundings of legs follow from, archived costs included while their details are kept. Without a price, price_id is not above 0.';
