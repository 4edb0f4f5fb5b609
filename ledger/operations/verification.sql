-- name: no_time_limit
-- Removes the time limit: a whole ledger takes longer than a usual statement.
SET LOCAL statement_timeout = 0

-- name: no_nested_loops
-- The planner estimates the calls of a view over all events at 200, whatever their number, and would
-- then compare each call with each other one.
SET LOCAL enable_nestloop = off

-- name: stop_writers
-- Blocks writers while the totals are rebuilt; readers continue. Writers that lock rows before they
-- write wait here too, which avoids a deadlock.
LOCK TABLE calls, user_day_costs, user_days, user_spend, scope_spend IN EXCLUSIVE MODE

-- name: keep_partitions
-- Blocks archiving: the snapshot, which is taken after this, would miss an archived month's partition.
LOCK TABLE call_cost_events IN ACCESS SHARE MODE

-- name: counts
-- The row counts of what is compared.
SELECT (SELECT count(*) FROM call_cost_events WHERE type <> 'call.settled') AS events,
       (SELECT coalesce(sum(events), 0)::bigint FROM month_seals) AS archived,
       (SELECT count(*) FROM calls WHERE user_id IS NOT NULL) AS calls,
       (SELECT count(*) FROM user_days) AS user_days,
       (SELECT count(*) FROM user_day_costs) AS user_day_costs,
       (SELECT count(*) FROM held_events) AS held,
       (SELECT count(*) FROM dead_letters) AS dead_letters

-- name: fact_differences
-- Calls whose row differs from the facts in their events.
SELECT call_id AS row_key, to_jsonb(expected) - 'users' AS expected, to_jsonb(actual) AS actual
FROM call_facts AS expected
FULL JOIN (
    SELECT call_id, user_id, persona_id, status, direction, expected_duration_ms, duration_ms,
           first_at, started_at, started_by, persona_at, persona_by, ended_at, ended_by,
           infrastructure, charge_count, default_charge_nano, default_fee_nano,
           estimated_count, event_count
    FROM calls WHERE user_id IS NOT NULL
) AS actual USING (call_id)
WHERE to_jsonb(expected) - 'users' IS DISTINCT FROM to_jsonb(actual) OR expected.users <> 1
ORDER BY 1

-- name: tag_differences
-- Calls whose tags differ from those of their events.
SELECT call_id AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM call_tags AS expected
FULL JOIN (
    SELECT call_id, tags, tagged_by FROM calls WHERE tags IS NOT NULL OR tagged_by IS NOT NULL
) AS actual USING (call_id)
WHERE to_jsonb(expected) IS DISTINCT FROM to_jsonb(actual)
ORDER BY 1

-- name: pending_void_differences
-- Calls whose pending voids are not exactly the voided costs that have not arrived.
SELECT call_id AS row_key, expected.identities AS expected, actual.identities AS actual
FROM waiting_voids AS expected
FULL JOIN (
    SELECT call_id, jsonb_agg(DISTINCT waiting) AS identities
    FROM calls, jsonb_array_elements_text(pending_voids) AS waiting
    WHERE user_id IS NOT NULL
    GROUP BY call_id
) AS actual USING (call_id)
WHERE expected.identities IS DISTINCT FROM actual.identities
ORDER BY 1

-- name: decision_differences
-- Calls with a default charge that is not due, without one that is due and has a price, or without an infrastructure
-- share that has a price. A plan may charge nothing.
SELECT call_id AS row_key,
       jsonb_build_object('default charge due', status = 'completed' AND charge_count = 0) AS expected,
       jsonb_build_object('defaultCharge', default_charge_nano, 'infrastructure', infrastructure) AS actual
FROM call_facts AS f
LEFT JOIN settled_calls AS settled USING (call_id)
WHERE CASE WHEN status = 'completed' AND charge_count = 0
           THEN default_charge_nano = 0 AND coalesce(settled.decided -> 'chargePlan' ->> 'kind', 'default') = 'default' AND EXISTS (
               SELECT FROM service_prices AS p
               WHERE p.class = 'revenue' AND p.price_usd > 0
                 AND p.effective_from <= f.ended_at AND p.created_at <= f.ended_at
           )
           ELSE default_charge_nano <> 0 OR default_fee_nano <> 0 OR settled.decided ? 'chargePlan' END
   OR infrastructure = '{}' AND EXISTS (
          SELECT FROM service_prices AS p
          WHERE p.class = 'infrastructure'
            AND p.effective_from <= f.first_at AND p.created_at <= f.first_at
      )
ORDER BY 1

-- name: rounding_differences
-- Calls whose roundings differ from those of their last settlement, or from those that follow from the pieces of their
-- legs, including what later prices added. A call that has not ended has none. Once details of a call have expired, the
-- pieces of its legs are not known, and only the settlement is compared.
WITH pieces AS (
    SELECT l.call_id, l.service, l.operation, l.model, l.leg_id, l.is_audio, l.time, l.seconds, b.is_basis, p.*,
           CASE WHEN b.is_basis AND l.basis_price_id <> l.price_id
                THEN priced_nano(l.seconds, CASE WHEN l.is_audio THEN 'audio_seconds' ELSE 'seconds' END,
                                 p.price_usd, p.unit, p.per_units)
                ELSE l.cost_nano END AS cost_nano
    FROM leg_pieces AS l
    CROSS JOIN (VALUES (false), (true)) AS b (is_basis)
    LEFT JOIN LATERAL (
        SELECT price_id, price_usd, unit, per_units, minimum_seconds, increment_seconds FROM service_prices
        WHERE service_prices.price_id = CASE WHEN b.is_basis THEN l.basis_price_id ELSE l.price_id END) AS p ON true
), legs AS (
    SELECT call_id, service, operation, model, leg_id, is_audio, is_basis,
           sum(seconds) AS seconds, sum(cost_nano) AS cost_nano, bool_or(price_id IS NULL) AS lacks_price,
           (array_agg(price_id ORDER BY time,
                          price_usd::numeric(80, 50)
                              / (per_units * CASE split_part(unit, ' ', 1) WHEN 'minutes' THEN 60 ELSE 1 END) DESC,
                          increment_seconds DESC, minimum_seconds DESC))[1] AS price_id
    FROM pieces
    GROUP BY call_id, service, operation, model, leg_id, is_audio, is_basis
), billed AS (
    SELECT l.*, b.seconds AS billed, (p.minimum_seconds, p.increment_seconds) <> (0, 0) AS has_increments,
           CASE WHEN (p.minimum_seconds, p.increment_seconds) = (0, 0) THEN 0
                ELSE priced_nano(b.seconds, CASE WHEN l.is_audio THEN 'audio_seconds' ELSE 'seconds' END,
                                 p.price_usd, p.unit, p.per_units) - l.cost_nano END AS nano
    FROM legs AS l JOIN service_prices AS p USING (price_id),
         LATERAL (SELECT CASE WHEN l.seconds = 0 THEN 0 ELSE greatest(
             p.minimum_seconds,
             CASE WHEN p.increment_seconds = 0 THEN l.seconds
                  ELSE (div(l.seconds, p.increment_seconds)
                        + CASE WHEN l.seconds % p.increment_seconds > 0 THEN 1 ELSE 0 END) * p.increment_seconds
             END) END AS seconds) AS b
    WHERE NOT l.lacks_price
), rounded AS (
    SELECT now.*, now.nano - basis.nano AS rerated
    FROM billed AS now
    JOIN billed AS basis USING (call_id, service, operation, model, leg_id, is_audio)
    WHERE NOT now.is_basis AND basis.is_basis AND (now.has_increments OR basis.has_increments)
), expected AS (
    SELECT call_id, coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'service', service, 'operation', operation, 'model', nullif(model, ''), 'legId', nullif(leg_id, ''),
               'isAudio', nullif(is_audio, false), 'seconds', billed, 'nano', nano, 'rerated', nullif(rerated, 0)))
               ORDER BY service COLLATE "C", operation COLLATE "C", model COLLATE "C", leg_id COLLATE "C", is_audio)
               FILTER (WHERE nano <> 0 OR rerated <> 0), '[]') AS roundings
    FROM rounded GROUP BY call_id
)
SELECT c.call_id AS row_key,
       jsonb_build_object('settled', s.decided -> 'roundings',
                          'roundings', CASE WHEN c.ended_at IS NULL THEN '[]' ELSE e.roundings END) AS expected,
       jsonb_build_object('settled', c.roundings, 'roundings', coalesce(c.roundings, '[]')) AS actual
FROM calls AS c
LEFT JOIN expected AS e ON e.call_id = c.call_id
LEFT JOIN settled_calls AS s ON s.call_id = c.call_id
WHERE c.user_id IS NOT NULL
  AND (coalesce(c.roundings, '[]') <> coalesce(s.decided -> 'roundings', '[]')
       OR (coalesce(c.roundings, '[]') <> CASE WHEN c.ended_at IS NULL THEN '[]' ELSE coalesce(e.roundings, '[]') END
           OR c.roundings IS NULL AND e.call_id IS NOT NULL)
          AND NOT EXISTS (
              SELECT FROM sealed_calls JOIN month_seals USING (seal_id)
              WHERE sealed_calls.call_id = c.call_id AND costs_expired_at IS NOT NULL))
ORDER BY 1

-- name: charge_plan_differences
-- Calls whose charge plan or later prices differ from those of their events.
SELECT call_id AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM (
    SELECT call_id, settled.decided -> 'chargePlan' AS charge_plan, coalesce(rerated.rerated_nano, 0) AS rerated_nano
    FROM settled_calls AS settled FULL JOIN rerated_calls AS rerated USING (call_id)
    WHERE settled.decided ? 'chargePlan' OR rerated.rerated_nano <> 0
) AS expected
FULL JOIN (
    SELECT call_id, charge_plan, rerated_nano FROM calls WHERE charge_plan IS NOT NULL OR rerated_nano <> 0
) AS actual USING (call_id)
WHERE to_jsonb(expected) IS DISTINCT FROM to_jsonb(actual)
ORDER BY 1

-- name: charge_differences
-- Charges that differ from the plan that applies to the facts of the call, among the plans that were known. The amount
-- of a default charge is not computed again: the price list may have changed.
WITH decided AS MATERIALIZED (
    SELECT call_id, decided -> 'chargePlan' AS plan, (decided ->> 'defaultCharge')::numeric AS charge_nano,
           (decided ->> 'defaultFee')::numeric AS fee_nano
    FROM settled_calls WHERE decided ? 'chargePlan'
), cost AS (
    SELECT call_id, sum(cost_nano) AS nano FROM cost_postings WHERE call_id IN (SELECT call_id FROM decided) GROUP BY call_id
), repeated AS (
    SELECT d.call_id,
           jsonb_strip_nulls(jsonb_build_object(
               'plans', d.plan -> 'plans', 'planId', p.plan_id, 'kind', coalesce(p.kind, 'default'),
               'amountNano', nullif(p.amount_nano, 0), 'minimumSeconds', nullif(p.minimum_seconds, 0),
               'incrementSeconds', nullif(p.increment_seconds, 0), 'includedMinutes', nullif(p.included_minutes, 0),
               'markupPpm', nullif(p.markup_ppm, 0),
               'durationMs', CASE WHEN p.kind = 'per_minute' THEN nullif(f.duration_ms, 0) END,
               'basisNano', CASE WHEN p.kind = 'cost_plus'
                                 THEN nullif(coalesce(cost.nano, 0) - d.fee_nano - coalesce(r.rerated_nano, 0), 0) END,
               'charge', coalesce(plan_charge_nano(d.plan), d.charge_nano))) AS expected,
           d.plan || jsonb_build_object('charge', d.charge_nano) AS actual
    FROM decided AS d
    JOIN call_facts AS f USING (call_id)
    LEFT JOIN call_tags AS t USING (call_id)
    LEFT JOIN cost USING (call_id)
    LEFT JOIN rerated_calls AS r USING (call_id)
    LEFT JOIN charge_plans AS p
           ON p.plan_id = chosen_plan_id(f.user_id, f.persona_id, t.tags, f.ended_at, (d.plan ->> 'plans')::integer)
)
SELECT call_id AS row_key, expected, actual FROM repeated WHERE expected <> actual ORDER BY 1

-- name: usage_differences
-- Requests whose cost differs from the sum of their quantities, or with a quantity whose cost differs
-- from its price or estimate. No quantity has a cost if the emitter priced the request, or if one of the quantities has
-- neither price nor estimate.
SELECT concat_ws(' ', e.call_id, e.identity) AS row_key,
       jsonb_build_object('cost', CASE WHEN q.own_price THEN e.cost_nano ELSE coalesce(q.nano, 0) END,
                          'usages', q.usages) AS expected,
       jsonb_build_object('cost', e.cost_nano, 'usages', e.usages) AS actual
FROM call_cost_events AS e
CROSS JOIN LATERAL (
    SELECT bool_and(u.price_id IS NULL) AS own_price,
           min(u.price_id) FILTER (WHERE u.price_id <= 0) AS lowest, count(p.price_id) AS priced, count(*) AS quantities,
           sum(priced_nano(u.quantity, u.unit, p.price_usd, p.unit, p.per_units)) AS nano,
           jsonb_agg(jsonb_build_object(
               'unit', u.unit, 'quantity', u.quantity, 'price_id', u.price_id,
               'cost_nano', priced_nano(u.quantity, u.unit, p.price_usd, p.unit, p.per_units)) ORDER BY u.unit COLLATE "C") AS usages
    FROM jsonb_to_recordset(e.usages) AS u (unit text, quantity numeric, price_id integer)
    LEFT JOIN service_prices AS p ON p.price_id = abs(u.price_id)
) AS q
WHERE e.usages IS NOT NULL
  AND (e.usages IS DISTINCT FROM q.usages
       OR NOT q.own_price AND e.cost_nano <> coalesce(q.nano, 0)
       OR q.priced NOT IN (0, q.quantities)
       OR e.price_id IS DISTINCT FROM q.lowest
       OR num_nonnulls(e.usage, e.unit) > 0)
ORDER BY 1

-- name: call_cost_differences
-- Calls whose cost of a day and service differs from the sum of their events.
SELECT concat_ws(' ', call_id, day, service) AS row_key, to_jsonb(expected.nano) AS expected, to_jsonb(actual.nano) AS actual
FROM (
    SELECT call_id, day, service, sum(cost_nano) AS nano FROM cost_postings GROUP BY call_id, day, service
) AS expected
FULL JOIN (
    SELECT call_id, days.key::date AS day, costs.key AS service, costs.value::numeric AS nano
    FROM calls, jsonb_each(costs::jsonb) AS days, jsonb_each_text(days.value) AS costs
    WHERE user_id IS NOT NULL
) AS actual USING (call_id, day, service)
WHERE coalesce(expected.nano, 0) <> coalesce(actual.nano, 0)
ORDER BY 1

-- name: call_charge_differences
-- Calls whose charges and refunds of a day differ from the sum of their events.
SELECT concat_ws(' ', call_id, day) AS row_key,
       jsonb_build_array(expected.charged, expected.refunded) AS expected,
       jsonb_build_array(actual.charged, actual.refunded) AS actual
FROM (
    SELECT call_id, day, sum(charged_nano) AS charged, sum(refunded_nano) AS refunded
    FROM charge_postings GROUP BY call_id, day
) AS expected
FULL JOIN (
    SELECT call_id, days.key::date AS day, (days.value ->> 0)::numeric AS charged, (days.value ->> 1)::numeric AS refunded
    FROM calls, jsonb_each(charges) AS days
    WHERE user_id IS NOT NULL
) AS actual USING (call_id, day)
WHERE coalesce(expected.charged, 0) <> coalesce(actual.charged, 0)
   OR coalesce(expected.refunded, 0) <> coalesce(actual.refunded, 0)
ORDER BY 1

-- name: user_day_cost_differences
-- Users' days whose cost by persona and service differs from the sum of their calls' events.
SELECT concat_ws(' ', user_id, day, persona_id, service) AS row_key, to_jsonb(expected.nano) AS expected, to_jsonb(actual.nano) AS actual
FROM (
    SELECT f.user_id, p.day, coalesce(f.persona_id, '') AS persona_id, p.service, sum(p.cost_nano) AS nano
    FROM cost_postings AS p JOIN call_facts AS f USING (call_id)
    GROUP BY f.user_id, p.day, coalesce(f.persona_id, ''), p.service
) AS expected
FULL JOIN (
    SELECT user_id, day, persona_id, service, cost_nano AS nano FROM user_day_costs
) AS actual USING (user_id, day, persona_id, service)
WHERE coalesce(expected.nano, 0) <> coalesce(actual.nano, 0)
ORDER BY 1

-- name: user_day_differences
-- Users' days whose calls, durations or charges differ from the sum of their calls' events.
SELECT concat_ws(' ', user_id, day, persona_id) AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM (
    SELECT user_id, day, persona_id, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
    FROM (
        SELECT user_id, utc_day(first_at) AS day, coalesce(persona_id, '') AS persona_id,
               1 AS calls, duration_ms, 0 AS charged_nano, 0 AS refunded_nano
        FROM call_facts
        UNION ALL
        SELECT f.user_id, c.day, coalesce(f.persona_id, ''), 0, 0, c.charged_nano, c.refunded_nano
        FROM charge_postings AS c JOIN call_facts AS f USING (call_id)
    ) AS postings
    GROUP BY user_id, day, persona_id
) AS expected
FULL JOIN user_days AS actual USING (user_id, day, persona_id)
WHERE coalesce(expected.calls, 0) <> coalesce(actual.calls, 0)
   OR coalesce(expected.duration_ms, 0) <> coalesce(actual.duration_ms, 0)
   OR coalesce(expected.charged_nano, 0) <> coalesce(actual.charged_nano, 0)
   OR coalesce(expected.refunded_nano, 0) <> coalesce(actual.refunded_nano, 0)
ORDER BY 1

-- name: user_spend_differences
-- Users' quarters of an hour whose cost, charges or refunds differ from the sum of their events.
SELECT concat_ws(' ', user_id, quarter) AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM (
    SELECT user_id, quarter_hour(at) AS quarter, sum(cost_nano) AS cost_nano,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
    FROM spend_postings GROUP BY user_id, quarter_hour(at)
) AS expected
FULL JOIN user_spend AS actual USING (user_id, quarter)
WHERE coalesce(expected.cost_nano, 0) <> coalesce(actual.cost_nano, 0)
   OR coalesce(expected.charged_nano, 0) <> coalesce(actual.charged_nano, 0)
   OR coalesce(expected.refunded_nano, 0) <> coalesce(actual.refunded_nano, 0)
ORDER BY 1

-- name: rebuild_calls
-- Rewrites every call from its events; held events stay. A version is never below that of a recorded
-- settlement, or a later settlement would count as the earlier one.
INSERT INTO calls AS c (
    call_id, user_id, persona_id, status, direction, expected_duration_ms, duration_ms,
    first_at, started_at, started_by, persona_at, persona_by, ended_at, ended_by,
    costs, charges, infrastructure, charge_count, default_charge_nano, default_fee_nano,
    estimated_count, event_count, version, updated_at
)
SELECT f.call_id, f.user_id, f.persona_id, f.status, f.direction, f.expected_duration_ms, f.duration_ms,
       f.first_at, f.started_at, f.started_by, f.persona_at, f.persona_by, f.ended_at, f.ended_by,
       coalesce(costs.by_day, '{}'), coalesce(charges.by_day, '{}'),
       f.infrastructure, f.charge_count, f.default_charge_nano, f.default_fee_nano,
       f.estimated_count, f.event_count, 1 + coalesce((settled.decided ->> 'version')::bigint, 0), now()
FROM call_facts AS f
LEFT JOIN settled_calls AS settled USING (call_id)
LEFT JOIN (
    SELECT call_id, jsonb_object_agg(day, by_service) AS by_day
    FROM (
        SELECT call_id, day, jsonb_object_agg(service, nano) AS by_service
        FROM (
            SELECT call_id, day, service, sum(cost_nano) AS nano
            FROM cost_postings GROUP BY call_id, day, service
        ) AS services
        GROUP BY call_id, day
    ) AS days
    GROUP BY call_id
) AS costs USING (call_id)
LEFT JOIN (
    SELECT call_id, jsonb_object_agg(day, jsonb_build_array(charged, refunded)) AS by_day
    FROM (
        SELECT call_id, day, sum(charged_nano) AS charged, sum(refunded_nano) AS refunded
        FROM charge_postings GROUP BY call_id, day
    ) AS days
    GROUP BY call_id
) AS charges USING (call_id)
ON CONFLICT (call_id) DO UPDATE SET
    (user_id, persona_id, status, direction, expected_duration_ms, duration_ms,
     first_at, started_at, started_by, persona_at, persona_by, ended_at, ended_by,
     costs, charges, infrastructure, charge_count, default_charge_nano, default_fee_nano,
     estimated_count, event_count, pending_voids, version, updated_at)
  = (excluded.user_id, excluded.persona_id, excluded.status, excluded.direction,
     excluded.expected_duration_ms, excluded.duration_ms,
     excluded.first_at, excluded.started_at, excluded.started_by, excluded.persona_at, excluded.persona_by,
     excluded.ended_at, excluded.ended_by,
     excluded.costs, excluded.charges, excluded.infrastructure, excluded.charge_count,
     excluded.default_charge_nano, excluded.default_fee_nano,
     excluded.estimated_count, excluded.event_count, excluded.pending_voids, greatest(c.version + 1, excluded.version), now())

-- name: rebuild_tags
-- Stores the tags of each call's events.
UPDATE calls SET tags = found.tags, tagged_by = found.tagged_by
FROM calls AS c LEFT JOIN call_tags AS found USING (call_id)
WHERE calls.call_id = c.call_id
  AND (c.tags, c.tagged_by) IS DISTINCT FROM (found.tags, found.tagged_by)

-- name: rebuild_roundings
-- Stores the roundings of the last settlement. Before the first one, a call has an empty list if one of its usages has
-- a price with increments, else null.
UPDATE calls SET roundings = found.roundings
FROM (
    SELECT c.call_id, coalesce(s.decided -> 'roundings', CASE WHEN l.call_id IS NOT NULL THEN '[]'::jsonb END) AS roundings
    FROM calls AS c
    LEFT JOIN settled_calls AS s ON s.call_id = c.call_id
    LEFT JOIN (
        SELECT DISTINCT call_id FROM leg_pieces JOIN service_prices USING (price_id)
        WHERE (minimum_seconds, increment_seconds) <> (0, 0)
    ) AS l ON l.call_id = c.call_id
) AS found
WHERE calls.call_id = found.call_id AND calls.roundings IS DISTINCT FROM found.roundings

-- name: rebuild_charge_plans
-- Stores the last decision about each call's charge, and what later prices added.
UPDATE calls SET charge_plan = settled.decided -> 'chargePlan', rerated_nano = coalesce(rerated.rerated_nano, 0)
FROM calls AS c LEFT JOIN settled_calls AS settled USING (call_id) LEFT JOIN rerated_calls AS rerated USING (call_id)
WHERE calls.call_id = c.call_id
  AND (c.charge_plan, c.rerated_nano) IS DISTINCT FROM (settled.decided -> 'chargePlan', coalesce(rerated.rerated_nano, 0))

-- name: rebuild_pending_voids
-- Stores the voids whose cost has not arrived.
UPDATE calls SET pending_voids = waiting.identities
FROM waiting_voids AS waiting
WHERE calls.call_id = waiting.call_id

-- name: drop_lost_calls
-- Calls without any recorded event.
DELETE FROM calls
WHERE user_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM call_cost_events AS e WHERE e.call_id = calls.call_id)
  AND NOT EXISTS (SELECT FROM sealed_calls AS s WHERE s.call_id = calls.call_id)

-- name: clear_user_day_costs
-- Deletes the costs of users' days.
DELETE FROM user_day_costs

-- name: rebuild_user_day_costs
-- Sums the rebuilt calls into users' days.
INSERT INTO user_day_costs (user_id, day, persona_id, service, cost_nano)
SELECT user_id, days.key::date, coalesce(persona_id, ''), costs.key, sum(costs.value::numeric)
FROM calls, jsonb_each(costs::jsonb) AS days, jsonb_each_text(days.value) AS costs
WHERE user_id IS NOT NULL
GROUP BY user_id, days.key::date, coalesce(persona_id, ''), costs.key

-- name: clear_user_days
-- Deletes users' days.
DELETE FROM user_days

-- name: rebuild_user_days
-- Sums the rebuilt calls into users' days.
INSERT INTO user_days (user_id, day, persona_id, calls, duration_ms, charged_nano, refunded_nano)
SELECT user_id, day, persona_id, sum(calls), sum(duration_ms), sum(charged), sum(refunded)
FROM (
    SELECT user_id, utc_day(first_at) AS day, coalesce(persona_id, '') AS persona_id,
           1 AS calls, duration_ms, 0::numeric AS charged, 0::numeric AS refunded
    FROM calls WHERE user_id IS NOT NULL
    UNION ALL
    SELECT user_id, days.key::date, coalesce(persona_id, ''), 0, 0,
           (days.value ->> 0)::numeric, (days.value ->> 1)::numeric
    FROM calls, jsonb_each(charges) AS days WHERE user_id IS NOT NULL
) AS postings
GROUP BY user_id, day, persona_id

-- name: clear_user_spend
-- Deletes users' quarters of an hour.
DELETE FROM user_spend

-- name: rebuild_user_spend
-- Sums the events into users' quarters of an hour.
INSERT INTO user_spend (user_id, quarter, cost_nano, charged_nano, refunded_nano)
SELECT user_id, quarter_hour(at), sum(cost_nano), sum(charged_nano), sum(refunded_nano)
FROM spend_postings GROUP BY user_id, quarter_hour(at)

-- name: scope_spend_differences
-- Personas and tags with a budget whose quarters of an hour differ from the sum of their calls' events.
SELECT concat_ws(' ', user_id, dimension, value, quarter) AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM expected_scope_spend AS expected
FULL JOIN (
    SELECT user_id, dimension, value, quarter, sum(cost_nano) AS cost_nano,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
    FROM scope_spend GROUP BY user_id, dimension, value, quarter
) AS actual USING (user_id, dimension, value, quarter)
WHERE coalesce(expected.cost_nano, 0) <> coalesce(actual.cost_nano, 0)
   OR coalesce(expected.charged_nano, 0) <> coalesce(actual.charged_nano, 0)
   OR coalesce(expected.refunded_nano, 0) <> coalesce(actual.refunded_nano, 0)
ORDER BY 1

-- name: clear_scope_spend
-- Deletes the quarters of an hour of personas and tags.
DELETE FROM scope_spend

-- name: rebuild_scope_spend
-- Sums the events of calls into the totals of personas and tags with a budget.
INSERT INTO scope_spend (user_id, dimension, value, quarter, cost_nano, charged_nano, refunded_nano)
SELECT user_id, dimension, value, quarter, cost_nano, charged_nano, refunded_nano FROM expected_scope_spend

-- name: tag_call_differences
-- Calls of tags with a budget of all users that differ from the sum of their events. Tags whose calls are still summed,
-- and calls that changed since, are not compared.
SELECT concat_ws(' ', tag_key, value, call_id, day) AS row_key,
       to_jsonb(expected) - 'scope_id' AS expected, to_jsonb(actual) - 'scope_id' AS actual
FROM expected_tag_call_days AS expected
FULL JOIN (
    SELECT t.* FROM tag_call_days AS t JOIN tag_scopes AS s USING (scope_id)
    WHERE s.is_summed AND NOT s.has_ended AND t.day >= s.first_day
) AS actual USING (scope_id, call_id, day)
JOIN tag_scopes USING (scope_id)
WHERE (coalesce(expected.cost_nano, 0), coalesce(expected.charged_nano, 0), coalesce(expected.refunded_nano, 0))
   <> (coalesce(actual.cost_nano, 0), coalesce(actual.charged_nano, 0), coalesce(actual.refunded_nano, 0))
  AND call_id NOT IN (SELECT unnest(call_ids) FROM changed_calls)
ORDER BY 1

-- name: tag_day_differences
-- Tags with a budget of all users whose days differ from the sum of their calls.
SELECT concat_ws(' ', tag_key, value, day) AS row_key,
       to_jsonb(expected) - 'scope_id' AS expected, to_jsonb(actual) - 'scope_id' AS actual
FROM (
    SELECT scope_id, day, sum(cost_nano) AS cost_nano, sum(charged_nano) AS charged_nano,
           sum(refunded_nano) AS refunded_nano
    FROM tag_call_days GROUP BY scope_id, day
) AS expected
FULL JOIN tag_days AS actual USING (scope_id, day)
JOIN tag_scopes AS s USING (scope_id)
WHERE NOT s.has_ended AND day >= s.first_day
  AND (coalesce(expected.cost_nano, 0), coalesce(expected.charged_nano, 0), coalesce(expected.refunded_nano, 0))
   <> (coalesce(actual.cost_nano, 0), coalesce(actual.charged_nano, 0), coalesce(actual.refunded_nano, 0))
ORDER BY 1

-- name: everyone_day_differences
-- Days of all users whose calls, durations or charges differ from the sum of users' days.
SELECT day::text AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM (
    SELECT day, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
    FROM user_days GROUP BY day
) AS expected
FULL JOIN (
    SELECT day, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
    FROM everyone_days GROUP BY day
) AS actual USING (day)
WHERE (coalesce(expected.calls, 0), coalesce(expected.duration_ms, 0),
       coalesce(expected.charged_nano, 0), coalesce(expected.refunded_nano, 0))
   <> (coalesce(actual.calls, 0), coalesce(actual.duration_ms, 0),
       coalesce(actual.charged_nano, 0), coalesce(actual.refunded_nano, 0))
ORDER BY 1

-- name: everyone_day_cost_differences
-- Days of all users whose cost by service differs from the sum of users' days.
SELECT concat_ws(' ', day, service) AS row_key, to_jsonb(expected.nano) AS expected, to_jsonb(actual.nano) AS actual
FROM (SELECT day, service, sum(cost_nano) AS nano FROM user_day_costs GROUP BY day, service) AS expected
FULL JOIN (
    SELECT day, service, sum(cost_nano) AS nano FROM everyone_day_costs GROUP BY day, service
) AS actual USING (day, service)
WHERE coalesce(expected.nano, 0) <> coalesce(actual.nano, 0)
ORDER BY 1

-- name: user_activity_differences
-- Users whose days with a call differ from those in user_days.
SELECT user_id AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM (
    SELECT user_id, min(day) AS first_day, max(day) AS last_day, range_agg(daterange(day, day, '[]')) AS days
    FROM user_days WHERE calls > 0 GROUP BY user_id
) AS expected
FULL JOIN user_activity AS actual USING (user_id)
WHERE (expected.first_day, expected.last_day, expected.days)
      IS DISTINCT FROM (actual.first_day, actual.last_day, actual.days)
ORDER BY 1

-- name: period_cost_differences
-- Costs of summed periods by day, persona, tags, service and model that differ from those of their calls.
WITH {{members}}, models AS (
    SELECT call_id, utc_day(time) AS day, service, model, cost_nano AS nano FROM counted_costs WHERE model <> ''
    UNION ALL
    SELECT m.call_id, utc_day(m.ended_at), r.service, r.model, r.nano
    FROM members AS m, jsonb_to_recordset(m.roundings) AS r (service text, model text, nano bigint)
    WHERE r.model <> ''
), expected AS (
    SELECT starts, day, persona_id, tags, service, model, sum(nano) AS nano
    FROM (
        SELECT m.starts, d.key::date AS day, m.persona_id, m.tags, s.key AS service, '' AS model, s.value::numeric AS nano
        FROM members AS m, jsonb_each(m.costs::jsonb) AS d, jsonb_each_text(d.value) AS s
        UNION ALL
        SELECT m.starts, c.day, m.persona_id, m.tags, c.service, c.model, c.nano FROM models AS c JOIN members AS m USING (call_id)
        UNION ALL
        SELECT m.starts, c.day, m.persona_id, m.tags, c.service, '', -c.nano FROM models AS c JOIN members AS m USING (call_id)
    ) AS costs
    GROUP BY starts, day, persona_id, tags, service, model HAVING sum(nano) <> 0
)
SELECT concat_ws(' ', starts, day, persona_id, tags, service, model) AS row_key,
       to_jsonb(expected.nano) AS expected, to_jsonb(actual.nano) AS actual
FROM expected
FULL JOIN (
    SELECT starts, day, persona_id, tags, c.service, coalesce(c.model, '') AS model, sum(c.nano) AS nano
    FROM unchanged JOIN period_sums USING (starts), unnest(services, models, cost_nanos) AS c (service, model, nano)
    GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(c.nano) <> 0
) AS actual USING (starts, day, persona_id, tags, service, model)
WHERE expected.nano IS DISTINCT FROM actual.nano
ORDER BY 1

-- name: period_call_differences
-- Calls, durations and charges of summed periods by day, persona and tags that differ from those of their calls.
WITH {{members}}, expected AS (
    SELECT starts, day, persona_id, tags, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
           sum(charged) AS charged_nano, sum(refunded) AS refunded_nano
    FROM (
        SELECT starts, utc_day(first_at) AS day, persona_id, tags, 1 AS calls, duration_ms, 0::numeric AS charged, 0::numeric AS refunded
        FROM members
        UNION ALL
        SELECT starts, d.key::date, persona_id, tags, 0, 0, (d.value ->> 0)::numeric, (d.value ->> 1)::numeric
        FROM members, jsonb_each(charges) AS d
    ) AS postings
    GROUP BY starts, day, persona_id, tags
)
SELECT concat_ws(' ', starts, day, persona_id, tags) AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM expected
FULL JOIN (
    SELECT starts, day, persona_id, tags, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
           sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
    FROM unchanged JOIN period_sums USING (starts) WHERE calls IS NOT NULL GROUP BY 1, 2, 3, 4
) AS actual USING (starts, day, persona_id, tags)
WHERE to_jsonb(expected) IS DISTINCT FROM to_jsonb(actual)
ORDER BY 1

-- fragment: members
-- The summed periods whose calls have not changed since, and these calls with the tags that the sums distinguish.
unchanged AS MATERIALIZED (
    SELECT starts, ends, tag_keys FROM summed_periods AS p
    WHERE NOT EXISTS (SELECT FROM changed_hours AS h WHERE h.hour = '-infinity' OR h.hour >= p.starts AND h.hour < p.ends)
), members AS MATERIALIZED (
    SELECT p.starts, c.*
    FROM unchanged AS p, LATERAL (
        SELECT call_id, coalesce(persona_id, '') AS persona_id, costs, charges, roundings, duration_ms, first_at, ended_at,
               (SELECT coalesce(jsonb_object_agg(t.key, t.value), '{}') FROM jsonb_each(tags) AS t
                WHERE p.tag_keys IS NULL OR t.key = ANY (p.tag_keys)) AS tags
        FROM calls WHERE user_id IS NOT NULL AND first_at >= p.starts AND first_at < p.ends
        OFFSET 0
    ) AS c
)

-- name: unpriced_event_differences
-- Events without a price that are not in unpriced_events, and rows there that should not be.
SELECT concat_ws(' ', call_id, identity) AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM expected_unpriced_events AS expected
FULL JOIN unpriced_events AS actual USING (call_id, identity)
WHERE to_jsonb(expected) IS DISTINCT FROM to_jsonb(actual)
ORDER BY 1

-- name: clear_unpriced_events
-- Deletes the list of events without a price.
DELETE FROM unpriced_events

-- name: rebuild_unpriced_events
-- Lists the recorded events without a price.
INSERT INTO unpriced_events (identity, user_id, call_id, time, type, service, operation, model, unit, amount_nano)
SELECT identity, user_id, call_id, time, type, service, operation, model, unit, amount_nano
FROM expected_unpriced_events

-- name: clear_everyone_days
-- Triggers changed these rows while users' days were rebuilt, starting from unverified values.
DELETE FROM everyone_days

-- name: rebuild_everyone_days
-- Sums users' days.
INSERT INTO everyone_days (day, slot, calls, duration_ms, charged_nano, refunded_nano)
SELECT day, 0, sum(calls), sum(duration_ms), sum(charged_nano), sum(refunded_nano) FROM user_days GROUP BY day

-- name: clear_everyone_day_costs
-- Deletes the costs of all users' days.
DELETE FROM everyone_day_costs

-- name: rebuild_everyone_day_costs
-- Sums users' days.
INSERT INTO everyone_day_costs (day, service, slot, cost_nano)
SELECT day, service, 0, sum(cost_nano) FROM user_day_costs GROUP BY day, service

-- name: clear_user_activity
-- Deletes users' days with a call.
DELETE FROM user_activity

-- name: rebuild_user_activity
-- Collects each user's days with a call.
INSERT INTO user_activity (user_id, first_day, last_day, days)
SELECT user_id, min(day), max(day), range_agg(daterange(day, day, '[]'))
FROM user_days WHERE calls > 0 GROUP BY user_id

-- name: credit_return_differences
-- Charges of which refunds return another amount than the events say.
SELECT concat_ws(' ', user_id, call_id, quarter) AS row_key, to_jsonb(expected.nano) AS expected, to_jsonb(actual.nano) AS actual
FROM expected_credit_returns AS expected
FULL JOIN credit_returns AS actual USING (user_id, call_id, quarter)
WHERE expected.nano IS DISTINCT FROM actual.nano
ORDER BY 1

-- name: credit_user_differences
-- Users with grants whose settings do not say so, and the other way round.
SELECT user_id AS row_key, to_jsonb(expected.user_id) AS expected, to_jsonb(actual.user_id) AS actual
FROM (SELECT DISTINCT user_id FROM credit_events) AS expected
FULL JOIN (SELECT user_id FROM user_budget_settings WHERE credit_review_at IS NOT NULL) AS actual USING (user_id)
WHERE expected.user_id IS NULL OR actual.user_id IS NULL
ORDER BY 1

-- name: clear_credit_returns
-- Deletes what refunds return to grants.
DELETE FROM credit_returns

-- name: rebuild_credit_returns
-- Stores what refunds return to grants, by the events.
INSERT INTO credit_returns (user_id, call_id, quarter, nano)
SELECT user_id, call_id, quarter, nano FROM expected_credit_returns

-- name: rebuild_credit_users
-- Balances of users with grants are reviewed at once, which plans the next review. Rows are locked in the order in
-- which batches lock them.
INSERT INTO user_budget_settings AS s (user_id, credit_review_at)
SELECT user_id, now() FROM (SELECT DISTINCT user_id FROM credit_events ORDER BY user_id) AS granted
ON CONFLICT (user_id) DO UPDATE SET credit_review_at = excluded.credit_review_at
