-- Reads and writes of the anomaly detector, for all users.

-- name: operations
-- The operations of each service and the service's cost class: those of the catalogue, and those of
-- payment processors that it does not list.
SELECT service, class, operation FROM service_prices
UNION
SELECT processor, k.class, 'fee' FROM payment_processors, cost_class_of(processor) AS k

-- name: calls
-- The calls :call_ids of known users.
SELECT call_id, user_id, persona_id, status, duration_ms, costs, charge_count > 0 AS charged,
       first_at, ended_at, updated_at
  FROM calls
 WHERE call_id = ANY (:call_ids::text[]) AND user_id IS NOT NULL AND first_at IS NOT NULL
 ORDER BY call_id

-- name: own_calls
-- For each of the calls :call_ids of :user_ids that began at :first_at, by its index: up to :limit ended
-- calls of the user that began before it, latest first.
SELECT requested.number, c.user_id, c.persona_id, c.duration_ms, c.costs
  FROM unnest(:call_ids::text[], :user_ids::text[], :first_at::timestamptz[])
       WITH ORDINALITY AS requested (call_id, user_id, first_at, number),
       LATERAL (SELECT user_id, persona_id, duration_ms, costs
                  FROM calls
                 WHERE user_id = requested.user_id AND first_at < requested.first_at
                   AND call_id <> requested.call_id AND status <> 'active' AND status <> 'abandoned'
                 ORDER BY first_at DESC, call_id
                 LIMIT :limit) AS c

-- name: persona_calls
-- For each of :personas, :user_ids and :ended_at, by its index: up to :limit completed calls of other
-- users with the persona that ended before, latest first.
SELECT requested.number, c.user_id, c.persona_id, c.duration_ms, c.costs
  FROM unnest(:personas::text[], :user_ids::text[], :ended_at::timestamptz[])
       WITH ORDINALITY AS requested (persona_id, user_id, ended_at, number),
       LATERAL (SELECT user_id, persona_id, duration_ms, costs
                  FROM calls
                 WHERE persona_id = requested.persona_id AND status = 'completed'
                   AND ended_at < requested.ended_at AND user_id <> requested.user_id
                 ORDER BY ended_at DESC
                 LIMIT :limit) AS c

-- name: recorded_operations
-- The services and operations recorded for :call_ids and not voided, including archived ones.
SELECT DISTINCT e.call_id, e.service, e.operation
  FROM unnest(:call_ids::text[]) AS requested (call_id),
       LATERAL (SELECT call_id, service, operation, identity
                  FROM call_cost_events
                 WHERE call_id = requested.call_id AND type = 'cost.recorded'
                UNION ALL
                SELECT call_id, service, operation, identity
                  FROM archived_costs JOIN archived_cost_kinds USING (kind_id)
                 WHERE call_id = requested.call_id
                OFFSET 0) AS e
 WHERE NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = e.call_id AND v.voids = e.identity)

-- name: open_of_calls
-- The open anomalies of :call_ids, except stuck calls, which the detector does not find.
SELECT anomaly_id::text, subject, kind, part
  FROM cost_anomalies
 WHERE subject = ANY (:call_ids::text[]) AND resolved_at IS NULL AND kind IN ('call_spike', 'missing_leg')

-- name: raise
-- Inserts anomalies, and the messages (:payloads) of new ones into the outbox, as :event_type of
-- :aggregate_type; returns the ids of the new ones.
WITH requested AS (
    SELECT *
    FROM unnest(:anomaly_ids::uuid[], :user_ids::text[], :kinds::text[],
                :subjects::text[], :parts::text[], :days::date[],
                :observed_nano::bigint[], :expected_nano::bigint[],
                :detected_at::timestamptz[], :data::text[], :payloads::text[])
         AS t (anomaly_id, user_id, kind, subject, part, day, observed_nano, expected_nano, detected_at, data, payload)
), raised AS (
    INSERT INTO cost_anomalies (anomaly_id, user_id, kind, subject, part, day, observed_nano, expected_nano, detected_at, data)
    SELECT anomaly_id, user_id, kind, subject, part, day, observed_nano, expected_nano, detected_at, data
    FROM requested ORDER BY anomaly_id
    ON CONFLICT DO NOTHING
    RETURNING anomaly_id
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
SELECT anomaly_id, :aggregate_type, user_id, :event_type, payload
FROM requested JOIN raised USING (anomaly_id) ORDER BY anomaly_id
RETURNING id::text

-- name: resolve
-- Marks the anomalies :anomaly_ids as resolved at :now.
UPDATE cost_anomalies SET resolved_at = :now
 WHERE anomaly_id = ANY (:anomaly_ids::uuid[]) AND resolved_at IS NULL

-- name: reopen
-- Reopens the anomalies :anomaly_ids; sends no message, because the cause is the same.
UPDATE cost_anomalies SET resolved_at = NULL
 WHERE anomaly_id = ANY (:anomaly_ids::uuid[]) AND resolved_at IS NOT NULL

-- name: costly_days
-- The users among :user_ids whose cost on :day is at least :nano_min nano-dollars, without
-- :excluded_services, or who have an open anomaly of the day; with each user's first day.
SELECT a.user_id, a.first_day
  FROM user_activity AS a
 WHERE a.user_id = ANY (:user_ids::text[])
   AND ((SELECT sum(c.cost_nano) FROM user_day_costs AS c
          WHERE c.user_id = a.user_id AND c.day = :day
            AND c.service <> ALL (:excluded_services::text[])) >= :nano_min
        OR EXISTS (SELECT FROM cost_anomalies AS o
                    WHERE o.user_id = a.user_id AND o.day = :day AND o.kind = 'day_spike'
                      AND o.resolved_at IS NULL))
 ORDER BY a.user_id

-- name: day_costs
-- The cost by service of :user_ids on each day from :first to :last, without :excluded_services.
SELECT user_id, day, service, sum(cost_nano) AS nano
  FROM user_day_costs
 WHERE user_id = ANY (:user_ids::text[]) AND day BETWEEN :first AND :last
   AND service <> ALL (:excluded_services::text[])
 GROUP BY user_id, day, service

-- name: found_on_day
-- The anomalies of :user_ids on :day: open spikes of calls, and all spikes of the day.
SELECT user_id, kind, part, anomaly_id::text, resolved_at IS NULL AS is_open,
       (observed_nano - expected_nano) AS excess_nano
  FROM cost_anomalies
 WHERE user_id = ANY (:user_ids::text[]) AND day = :day
   AND (kind = 'day_spike' OR kind = 'call_spike' AND resolved_at IS NULL)

-- name: lock_sweep
-- The position of the sweep, locked to the end of the transaction; nothing if another process has
-- locked it.
SELECT swept_to, deep_to, closed_on, round_to, is_deep, user_id
  FROM anomaly_sweep
   FOR UPDATE SKIP LOCKED

-- name: store_position
-- Stores the position of the sweep.
UPDATE anomaly_sweep
   SET swept_to = :swept_to, deep_to = :deep_to, closed_on = :closed_on,
       round_to = :round_to, is_deep = :is_deep, user_id = :user_id

-- name: next_users
-- Up to :limit users after :after with a call on or after the day :since, in order.
SELECT user_id FROM user_activity
 WHERE user_id > :after AND last_day >= :since
 ORDER BY user_id
 LIMIT :limit

-- name: changed_calls
-- The calls of :user_ids that began at or after :began_since and last changed after :changed_after, up to
-- :changed_until.
SELECT c.call_id
  FROM unnest(:user_ids::text[]) AS requested (user_id),
       LATERAL (SELECT call_id FROM calls
                 WHERE user_id = requested.user_id AND first_at >= :began_since AND updated_at > :changed_after
                   AND updated_at <= :changed_until
                OFFSET 0) AS c

-- name: changed_calls_with_anomaly
-- Up to :limit calls that changed after :changed_after and have an open anomaly detected at or after
-- :detected_since.
SELECT DISTINCT a.subject
  FROM cost_anomalies AS a JOIN calls AS c ON c.call_id = a.subject
 WHERE a.resolved_at IS NULL AND a.kind IN ('call_spike', 'missing_leg') AND a.detected_at >= :detected_since
   AND c.updated_at > :changed_after
 LIMIT :limit
