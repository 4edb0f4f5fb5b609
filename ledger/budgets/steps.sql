-- The steps before the end of a call: requests, and the usage that a cheaper model is found for.

-- name: insert_step
-- Inserts the step :command_id of :call_id at :limit_version, and its message into the outbox; does nothing if the step,
-- one of :later_ids or the end of the call was requested at this version. After a restore the step may be known as
-- executed.
WITH requested AS (
    INSERT INTO call_commands (command_id, call_id, user_id, kind, cause, reason, payload, requested_at)
    SELECT :command_id::text::uuid, :call_id, :user_id, :kind, 'limit', :reason, :payload, :requested_at
    WHERE NOT EXISTS (SELECT FROM call_commands WHERE command_id = ANY (:later_ids::text[]::uuid[]))
      AND NOT EXISTS (SELECT FROM call_cutoffs WHERE call_id = :call_id AND limit_version = :limit_version)
    ON CONFLICT (command_id) DO NOTHING
    RETURNING command_id, call_id, payload
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
SELECT command_id, :aggregate_type, call_id, :event_type, payload FROM requested

-- name: note_missing_model
-- Inserts the downgrade :command_id of :call_id at :limit_version as one that nothing can execute, with its :outcome;
-- does nothing if it or the end of the call was requested at this version.
INSERT INTO call_commands (command_id, call_id, user_id, kind, cause, reason, payload, requested_at, state, outcome,
                           next_attempt_at, ended_at)
SELECT :command_id::text::uuid, :call_id, :user_id, 'downgrade', 'limit', :reason, :payload, :requested_at, 'unsupported', :outcome,
       NULL, now()
WHERE NOT EXISTS (SELECT FROM call_cutoffs WHERE call_id = :call_id AND limit_version = :limit_version)
ON CONFLICT (command_id) DO NOTHING

-- name: usage_of_call
-- The usage of :call_id of :user_id since :since by service, operation, model, unit, context and size of request, as far
-- as the catalogue distinguishes it; without voided costs. A request counts once for each of its units; its first unit
-- has the cost that its emitter gave. :input_units are those that make up the size of a request.
WITH bounds AS MATERIALIZED (
    SELECT coalesce(array_agg(DISTINCT bound ORDER BY bound) FILTER (WHERE bound IS NOT NULL), '{}') AS sizes
    FROM (SELECT substring(unit FROM ' input_size_above=(\d+)')::numeric + 1 AS bound FROM service_prices) AS p
), recorded AS MATERIALIZED (
    SELECT * FROM call_cost_events
    WHERE call_id = :call_id AND user_id = :user_id AND time >= :since AND type IN ('cost.recorded', 'cost.voided')
), counted AS (
    SELECT service, operation, model, q.unit, q.usage, q.cost_nano, price_context::jsonb - 'inputSize' AS context,
           coalesce((price_context::jsonb ->> 'inputSize')::numeric, (
               SELECT ceil(sum(i.quantity)) FROM jsonb_to_recordset(r.usages) AS i (unit text, quantity numeric)
               WHERE i.unit = ANY (:input_units::text[]))) AS input_size
    FROM recorded AS r
    CROSS JOIN LATERAL (
        SELECT r.unit, r.usage, r.cost_nano WHERE r.usages IS NULL
        UNION ALL
        SELECT u.unit, u.quantity,
               CASE WHEN u.cost_nano IS NULL AND u.place = 1 THEN r.cost_nano ELSE coalesce(u.cost_nano, 0) END
        FROM ROWS FROM (jsonb_to_recordset(r.usages) AS (unit text, quantity numeric, cost_nano bigint))
             WITH ORDINALITY AS u (unit, quantity, cost_nano, place)) AS q
    WHERE type = 'cost.recorded' AND model IS NOT NULL
      AND identity NOT IN (SELECT voids FROM recorded WHERE voids IS NOT NULL)
)
SELECT service, operation, model, unit, context::text AS context, sizes[bucket]::bigint AS input_size, sum(usage) AS usage,
       sum(cost_nano)::bigint AS cost_nano
FROM counted, bounds, LATERAL (SELECT width_bucket(input_size, sizes) AS bucket) AS sized
GROUP BY service, operation, model, unit, context, sizes[bucket]
ORDER BY service COLLATE "C", operation COLLATE "C", model COLLATE "C", unit COLLATE "C", context::text, input_size
