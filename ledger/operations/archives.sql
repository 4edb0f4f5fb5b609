-- Archiving: writes a month of events to a file and stores a seal in its place. `month_events` is the
-- month, read from call_cost_events or loaded from a file: the same statements seal and verify it.

-- name: one_at_a_time
-- Whether no other process is archiving; the lock lasts as long as the connection.
SELECT pg_try_advisory_lock(hashtext('cost-analytics archive'))

-- name: no_limits
-- Removes time limits: a month takes longer than a usual statement.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)

-- name: short_lock_wait
-- Waiting for the partition blocks other readers and writers, so each attempt is short.
SET LOCAL lock_timeout = '500ms'

-- name: months
-- The names of the partitions, oldest first.
SELECT c.relname::text AS name
FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'call_cost_events'::regclass
ORDER BY c.relname

-- name: open_month
-- Makes the recorded events from :since to before :until readable as month_events.
SELECT open_event_month(:since, :until)

-- name: close_month
-- Drops month_events, a view of recorded events.
DROP VIEW month_events

-- name: create_loaded_month
-- Creates month_events for the events of a file.
CREATE TEMPORARY TABLE month_events (LIKE call_cost_events) ON COMMIT DROP

-- name: drop_loaded_month
-- Drops month_events, a table with the events of a file.
DROP TABLE month_events

-- name: sums
-- The number of rows of each type in the month, their money, and the precision of its numbers.
SELECT type, count(*) AS rows, sum(cost_nano) AS cost_nano, sum(amount_nano) AS amount_nano,
       min(time) AS first_time, max(time) AS last_time,
       min(recorded_at) AS first_recorded_at, max(recorded_at) AS last_recorded_at,
       coalesce(max(greatest(scale(usage), scale(unit_cost))), 0) AS scale
FROM month_events GROUP BY type ORDER BY type

-- name: events
-- The rows of the month in the order of the file.
SELECT identity, source, event_id, type, time, recorded_at, user_id, call_id, persona_id, service,
       operation, operation_sent, model, usage, unit, unit_cost, cost_nano, amount_nano, price_id,
       estimated, voids, data, tags, price_context, usages, leg_id, list_cost_nano
FROM month_events
ORDER BY call_id, time, identity

-- name: next_part
-- The number of the next file of the :month.
SELECT coalesce(max(part), 0) + 1 FROM month_seals WHERE month = :month

-- name: shared_calls
-- Calls of the month with two owners, which cannot be sealed.
SELECT call_id FROM month_events GROUP BY call_id HAVING count(DISTINCT user_id) > 1 ORDER BY 1 LIMIT 5

-- name: sum_calls
-- The month's sums and facts of each call, see sealed_calls. Charges without a fee are facts, so that the fee
-- can be added later.
CREATE TEMPORARY TABLE month_calls ON COMMIT DROP AS
WITH facts AS (
    (SELECT DISTINCT ON (call_id) call_id, type, time, identity, persona_id, data
     FROM month_events WHERE type = 'call.started'
     ORDER BY call_id, time, identity)
    UNION ALL
    (SELECT DISTINCT ON (call_id) call_id, type, time, identity, persona_id, NULL
     FROM month_events WHERE type = 'cost.recorded' AND persona_id IS NOT NULL
     ORDER BY call_id, time, identity)
    UNION ALL
    (SELECT DISTINCT ON (call_id) call_id, type, time, identity, persona_id, data
     FROM month_events WHERE type = 'call.ended'
     ORDER BY call_id, time DESC, identity DESC)
    UNION ALL
    (SELECT DISTINCT ON (call_id) call_id, type, time, identity, persona_id, data
     FROM month_events WHERE type = 'call.settled'
     ORDER BY call_id, (data::jsonb ->> 'version')::bigint DESC)
    UNION ALL
    SELECT call_id, type, time, identity, NULL, json_build_object('service', service, 'amountNano', amount_nano)::text
    FROM month_events WHERE type = 'call.charged' AND price_id = 0
), costs AS (
    SELECT call_id, jsonb_object_agg(day, by_service) AS by_day
    FROM (
        SELECT call_id, day, jsonb_object_agg(service, nano) AS by_service
        FROM (
            SELECT call_id, utc_day(time) AS day, service, sum(cost_nano) AS nano
            FROM month_events WHERE type IN ('cost.recorded', 'call.charged')
            GROUP BY call_id, utc_day(time), service
        ) AS services
        GROUP BY call_id, day
    ) AS days
    GROUP BY call_id
), charges AS (
    SELECT call_id, jsonb_object_agg(day, jsonb_build_array(charged, refunded)) AS by_day
    FROM (
        SELECT call_id, utc_day(time) AS day,
               coalesce(sum(amount_nano) FILTER (WHERE type = 'call.charged'), 0) AS charged,
               coalesce(sum(amount_nano) FILTER (WHERE type = 'call.refunded'), 0) AS refunded
        FROM month_events WHERE type IN ('call.charged', 'call.refunded')
        GROUP BY call_id, utc_day(time)
    ) AS days
    GROUP BY call_id
), spend AS (
    SELECT call_id, jsonb_object_agg(quarter, jsonb_build_array(cost_nano, charged_nano, refunded_nano)) AS by_quarter
    FROM (
        SELECT call_id, to_char(quarter_hour(time) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') AS quarter,
               coalesce(sum(cost_nano) FILTER (WHERE type IN ('cost.recorded', 'call.charged')), 0)::bigint AS cost_nano,
               coalesce(sum(amount_nano) FILTER (WHERE type = 'call.charged'), 0)::bigint AS charged_nano,
               coalesce(sum(amount_nano) FILTER (WHERE type = 'call.refunded'), 0)::bigint AS refunded_nano
        FROM month_events WHERE type IN ('cost.recorded', 'call.charged', 'call.refunded')
        GROUP BY call_id, quarter_hour(time)
    ) AS quarters
    GROUP BY call_id
), tags AS (
    SELECT call_id, jsonb_object_agg(key, jsonb_build_array(value, time_us, identity)) AS by_key
    FROM (
        SELECT *, row_number() OVER (PARTITION BY call_id ORDER BY time_us, identity, key COLLATE "C") AS place
        FROM (
            SELECT DISTINCT ON (e.call_id, t.key) e.call_id, t.key, t.value, epoch_us(e.time) AS time_us,
                   replace(e.identity::text, '-', '') AS identity
            FROM month_events AS e, json_each_text(e.tags::json) AS t
            WHERE e.tags IS NOT NULL
            ORDER BY e.call_id, t.key, e.time, e.identity
        ) AS earliest
    ) AS ranked
    WHERE place <= 10
    GROUP BY call_id
)
SELECT call_id, seen.user_id, seen.first_at, seen.event_count, seen.charge_count, seen.estimated_count,
       coalesce(facts_of_call.facts, '[]') AS facts, coalesce(costs.by_day, '{}') AS costs,
       coalesce(charges.by_day, '{}') AS charges, tags.by_key AS tags, seen.rerated_nano,
       coalesce(spend.by_quarter, '{}') AS spend
FROM (
    SELECT call_id, min(user_id) AS user_id, min(time) FILTER (WHERE type <> 'call.settled') AS first_at,
           count(*) FILTER (WHERE type <> 'call.settled')::integer AS event_count,
           count(*) FILTER (WHERE type = 'call.charged')::integer AS charge_count,
           count(*) FILTER (WHERE type = 'cost.recorded' AND estimated)::integer AS estimated_count,
           coalesce(sum(cost_nano - charge_basis_nano(source, data, cost_nano))
                        FILTER (WHERE type = 'cost.recorded'), 0)::bigint AS rerated_nano
    FROM month_events GROUP BY call_id
) AS seen
LEFT JOIN (
    SELECT call_id, jsonb_agg(jsonb_build_object('type', type, 'time', time, 'identity', identity,
                                                 'persona_id', persona_id, 'data', data)
                                  ORDER BY type, identity) AS facts
    FROM facts GROUP BY call_id
) AS facts_of_call USING (call_id)
LEFT JOIN costs USING (call_id)
LEFT JOIN charges USING (call_id)
LEFT JOIN spend USING (call_id)
LEFT JOIN tags USING (call_id)

-- name: sum_spend
-- The month's sums of each user's quarters of an hour, see sealed_spend.
CREATE TEMPORARY TABLE month_spend ON COMMIT DROP AS
SELECT user_id, quarter_hour(time) AS quarter,
       coalesce(sum(cost_nano) FILTER (WHERE type IN ('cost.recorded', 'call.charged')), 0)::bigint AS cost_nano,
       coalesce(sum(amount_nano) FILTER (WHERE type = 'call.charged'), 0)::bigint AS charged_nano,
       coalesce(sum(amount_nano) FILTER (WHERE type = 'call.refunded'), 0)::bigint AS refunded_nano
FROM month_events
WHERE type IN ('cost.recorded', 'call.charged', 'call.refunded')
GROUP BY user_id, quarter_hour(time)

-- name: sum_voids
-- The costs that the month's voids name, see sealed_voids.
CREATE TEMPORARY TABLE month_voids ON COMMIT DROP AS
SELECT DISTINCT call_id, voids FROM month_events WHERE type = 'cost.voided'

-- name: forget_sums
-- Drops the sums of the month.
DROP TABLE month_calls, month_spend, month_voids

-- name: add_seal
-- Inserts the seal of :file, which is :part of :month, with its :manifest.
INSERT INTO month_seals (month, part, file, manifest, events, last_recorded_at)
VALUES (:month, :part, :file, :manifest, :events, :last_recorded_at) RETURNING seal_id

-- name: clear_seal
-- Deletes the content of the seal :seal_id before it is rewritten.
WITH calls AS (DELETE FROM sealed_calls WHERE seal_id = :seal_id),
     spend AS (DELETE FROM sealed_spend WHERE seal_id = :seal_id),
     voids AS (DELETE FROM sealed_voids WHERE seal_id = :seal_id)
DELETE FROM archived_costs WHERE seal_id = :seal_id

-- name: seal_calls
-- Stores the sums of calls in the seal :seal_id.
INSERT INTO sealed_calls (call_id, seal_id, user_id, first_at, event_count, charge_count, estimated_count, facts, costs, charges, tags, rerated_nano, spend)
SELECT call_id, :seal_id, user_id, first_at, event_count, charge_count, estimated_count, facts, costs, charges, tags, rerated_nano, spend
FROM month_calls

-- name: seal_spend
-- Stores the spend of users in the seal :seal_id.
INSERT INTO sealed_spend (user_id, quarter, seal_id, cost_nano, charged_nano, refunded_nano)
SELECT user_id, quarter, :seal_id, cost_nano, charged_nano, refunded_nano FROM month_spend

-- name: seal_voids
-- Stores the voided costs in the seal :seal_id.
INSERT INTO sealed_voids (call_id, voids, seal_id) SELECT call_id, voids, :seal_id FROM month_voids

-- name: add_cost_kinds
-- Adds the kinds of cost of the month that are new.
INSERT INTO archived_cost_kinds (source, service, operation, operation_sent, model, unit)
SELECT DISTINCT source, service, coalesce(operation, ''), coalesce(operation_sent, ''), coalesce(model, ''), coalesce(unit, '')
FROM month_events WHERE type = 'cost.recorded'
ON CONFLICT DO NOTHING

-- name: seal_costs
-- Stores the details of the costs of the seal :seal_id that voids and late prices need.
INSERT INTO archived_costs (call_id, identity, seal_id, kind_id, price_id, time, cost_nano, estimated, usage, unit_cost, event_id, price_context, usages, leg_id, basis_nano, basis_prices)
SELECT e.call_id, e.identity, :seal_id, k.kind_id, e.price_id, e.time, e.cost_nano, e.estimated,
       trim_scale(e.usage), trim_scale(e.unit_cost), e.event_id, e.price_context, e.usages, e.leg_id,
       nullif(charge_basis_nano(e.source, e.data, e.cost_nano), e.cost_nano), charge_basis_prices(e.source, e.data, e.unit)
FROM month_events AS e
JOIN archived_cost_kinds AS k
  ON k.source = e.source AND k.service = e.service AND k.operation = coalesce(e.operation, '')
 AND k.operation_sent = coalesce(e.operation_sent, '') AND k.model = coalesce(e.model, '') AND k.unit = coalesce(e.unit, '')
WHERE e.type = 'cost.recorded'

-- name: remove_costs
-- Deletes the stored details of the costs of the seal :seal_id, except those of voided costs, of
-- corrections (:source) and of costs without a price.
DELETE FROM archived_costs AS a
WHERE seal_id = :seal_id AND coalesce(price_id, 1) > 0
  AND kind_id NOT IN (SELECT kind_id FROM archived_cost_kinds WHERE source = :source)
  AND NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity)

-- name: drop_partition
-- Drops the :partition if it has :rows rows; returns how many it has.
SELECT drop_event_partition(:partition, :rows)

-- name: seals
-- All seals, oldest first.
SELECT seal_id, month, part, file, manifest, costs_expired_at IS NOT NULL AS expired, costs_removed_at IS NOT NULL AS removed
FROM month_seals ORDER BY month, part

-- name: call_differences
-- Calls whose content in the seal :seal_id differs from its file. Seals of earlier releases have no spend of calls.
SELECT call_id AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM month_calls AS expected
FULL JOIN (
    SELECT call_id, user_id, first_at, event_count, charge_count, estimated_count, facts, costs, charges, tags, rerated_nano, spend
    FROM sealed_calls WHERE seal_id = :seal_id
) AS actual USING (call_id)
WHERE to_jsonb(expected) - 'spend' IS DISTINCT FROM to_jsonb(actual) - 'spend'
   OR actual.spend <> expected.spend
ORDER BY 1

-- name: spend_differences
-- Quarters of an hour whose content in the seal :seal_id differs from its file.
SELECT concat_ws(' ', user_id, quarter) AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM month_spend AS expected
FULL JOIN (
    SELECT user_id, quarter, cost_nano, charged_nano, refunded_nano FROM sealed_spend WHERE seal_id = :seal_id
) AS actual USING (user_id, quarter)
WHERE to_jsonb(expected) IS DISTINCT FROM to_jsonb(actual)
ORDER BY 1

-- name: void_differences
-- Voids that are in only one of the seal :seal_id and its file.
SELECT concat_ws(' ', call_id, voids) AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM month_voids AS expected
FULL JOIN (SELECT call_id, voids FROM sealed_voids WHERE seal_id = :seal_id) AS actual USING (call_id, voids)
WHERE expected IS NULL OR actual IS NULL
ORDER BY 1

-- name: cost_differences
-- Costs of the seal :seal_id that differ from its file. If the details have :expired, only those of
-- voided costs, of corrections (:source) and of costs without a price are required.
SELECT concat_ws(' ', call_id, identity) AS row_key, to_jsonb(expected) AS expected, to_jsonb(actual) AS actual
FROM (
    SELECT call_id, identity, price_id, time, cost_nano, estimated, usage, unit_cost, event_id, usages, source,
           service, coalesce(operation, '') AS operation, coalesce(operation_sent, '') AS operation_sent,
           coalesce(model, '') AS model, coalesce(unit, '') AS unit, price_context, leg_id,
           nullif(charge_basis_nano(source, data, cost_nano), cost_nano) AS basis_nano,
           charge_basis_prices(source, data, unit) AS basis_prices
    FROM month_events WHERE type = 'cost.recorded'
) AS expected
FULL JOIN (
    SELECT call_id, identity, price_id, time, cost_nano, estimated, usage, unit_cost, event_id, usages, source,
           service, operation, operation_sent, model, unit, price_context, leg_id, basis_nano, basis_prices
    FROM archived_costs JOIN archived_cost_kinds USING (kind_id) WHERE seal_id = :seal_id
) AS actual USING (call_id, identity)
WHERE expected IS DISTINCT FROM actual
  AND NOT (:expired AND actual IS NULL AND expected.source <> :source AND coalesce(expected.price_id, 1) > 0
           AND NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = expected.call_id AND v.voids = expected.identity))
ORDER BY 1
