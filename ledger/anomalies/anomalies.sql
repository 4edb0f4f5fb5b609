-- What looks for anomalies; it is nobody's viewer and sees all users. Arrays arrive as text, see
-- `ledger/postgres/arrays.py`.

-- name: operations
-- The operations of each service, and what kind of cost the service is: as the catalogue has them, and
-- of payment processors that it does not know.
SELECT service, class, operation FROM service_prices
UNION
SELECT processor, k.class, 'fee' FROM payment_processors, cost_class_of(processor) AS k

-- name: calls
-- The calls $1 of known users as they are now.
SELECT call_id, user_id, persona_id, status, duration_ms, costs, charge_count > 0 AS charged,
       first_at, ended_at, updated_at
  FROM calls
 WHERE call_id = ANY ($1::text::text[]) AND user_id IS NOT NULL AND first_at IS NOT NULL
 ORDER BY call_id

-- name: own_calls
-- For each of the calls $1, of the users $2, that began at $3, by place: up to $4 calls of the user
-- that began before and have ended, latest first.
SELECT asked.place, c.user_id, c.persona_id, c.duration_ms, c.costs
  FROM unnest($1::text::text[], $2::text::text[], $3::text::timestamptz[])
       WITH ORDINALITY AS asked (call_id, user_id, first_at, place),
       LATERAL (SELECT user_id, persona_id, duration_ms, costs
                  FROM calls
                 WHERE user_id = asked.user_id AND first_at < asked.first_at
                   AND call_id <> asked.call_id AND status <> 'active'
                 ORDER BY first_at DESC, call_id
                 LIMIT $4) AS c

-- name: persona_calls
-- For each persona $1, user $2 and moment $3, by place: up to $4 completed calls of other users with
-- the persona that ended before, latest first.
SELECT asked.place, c.user_id, c.persona_id, c.duration_ms, c.costs
  FROM unnest($1::text::text[], $2::text::text[], $3::text::timestamptz[])
       WITH ORDINALITY AS asked (persona_id, user_id, ended_at, place),
       LATERAL (SELECT user_id, persona_id, duration_ms, costs
                  FROM calls
                 WHERE persona_id = asked.persona_id AND status = 'completed'
                   AND ended_at < asked.ended_at AND user_id <> asked.user_id
                 ORDER BY ended_at DESC
                 LIMIT $4) AS c

-- name: recorded_operations
-- What was recorded of the calls $1 and not voided, archived or not: services and operations.
SELECT DISTINCT e.call_id, e.service, e.operation
  FROM unnest($1::text::text[]) AS asked (call_id),
       LATERAL (SELECT call_id, service, operation, identity
                  FROM call_cost_events
                 WHERE call_id = asked.call_id AND type = 'cost.recorded'
                UNION ALL
                SELECT call_id, service, operation, identity
                  FROM archived_costs JOIN archived_cost_kinds USING (kind_id)
                 WHERE call_id = asked.call_id
                OFFSET 0) AS e
 WHERE NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = e.call_id AND v.voids = e.identity)

-- name: open_of_calls
-- What was found about the calls $1 and stands.
SELECT anomaly_id::text, subject, kind, part
  FROM cost_anomalies
 WHERE subject = ANY ($1::text::text[]) AND resolved_at IS NULL AND kind <> 'day_spike'

-- name: raise
-- Records anomalies and hands the messages $11 of those whose cause is new to the outbox, as the type
-- $12 of the kind $13; returns the ids of these.
WITH asked AS (
    SELECT *
    FROM unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::date[],
                $7::text::bigint[], $8::text::bigint[], $9::text::timestamptz[], $10::text::text[], $11::text::text[])
         AS t (anomaly_id, user_id, kind, subject, part, day, observed_nano, expected_nano, detected_at, data, payload)
), raised AS (
    INSERT INTO cost_anomalies (anomaly_id, user_id, kind, subject, part, day, observed_nano, expected_nano, detected_at, data)
    SELECT anomaly_id, user_id, kind, subject, part, day, observed_nano, expected_nano, detected_at, data
    FROM asked ORDER BY anomaly_id
    ON CONFLICT DO NOTHING
    RETURNING anomaly_id
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
SELECT anomaly_id, $13, user_id, $12, payload
FROM asked JOIN raised USING (anomaly_id) ORDER BY anomaly_id
RETURNING id::text

-- name: resolve
-- The anomalies $1 are in order after all, found out at $2.
UPDATE cost_anomalies SET resolved_at = $2
 WHERE anomaly_id = ANY ($1::text::uuid[]) AND resolved_at IS NULL

-- name: reopen
-- The anomalies $1 are there again: the same cause, so nobody is told once more.
UPDATE cost_anomalies SET resolved_at = NULL
 WHERE anomaly_id = ANY ($1::text::uuid[]) AND resolved_at IS NOT NULL

-- name: costly_days
-- Which of the users $1 have cost at least $4 nano-dollars on the day $2, services $3 left out, or
-- have a day's anomaly that stands; with the first day of each.
SELECT a.user_id, a.first_day
  FROM user_activity AS a
 WHERE a.user_id = ANY ($1::text::text[])
   AND ((SELECT sum(c.cost_nano) FROM user_day_costs AS c
          WHERE c.user_id = a.user_id AND c.day = $2 AND c.service <> ALL ($3::text::text[])) >= $4
        OR EXISTS (SELECT FROM cost_anomalies AS o
                    WHERE o.user_id = a.user_id AND o.day = $2 AND o.kind = 'day_spike' AND o.resolved_at IS NULL))
 ORDER BY a.user_id

-- name: day_costs
-- What the services cost the users $1 on each day from $2 to $3, services $4 left out.
SELECT user_id, day, service, sum(cost_nano) AS nano
  FROM user_day_costs
 WHERE user_id = ANY ($1::text::text[]) AND day BETWEEN $2 AND $3 AND service <> ALL ($4::text::text[])
 GROUP BY user_id, day, service

-- name: found_on_day
-- What was found about the users $1 on the day $2: spikes of calls that stand, and all of the day.
SELECT user_id, kind, part, anomaly_id::text, resolved_at IS NULL AS is_open,
       (observed_nano - expected_nano) AS excess_nano
  FROM cost_anomalies
 WHERE user_id = ANY ($1::text::text[]) AND day = $2
   AND (kind = 'day_spike' OR kind = 'call_spike' AND resolved_at IS NULL)

-- name: take_turn
-- How far the sweep has come, locked to the end of the transaction; nothing where another process
-- has its turn.
SELECT swept_to, deep_to, closed_on, round_to, is_deep, user_id
  FROM anomaly_sweep
   FOR UPDATE SKIP LOCKED

-- name: note_sweep
-- Notes how far the sweep has come.
UPDATE anomaly_sweep
   SET swept_to = $1, deep_to = $2, closed_on = $3, round_to = $4, is_deep = $5, user_id = $6

-- name: next_users
-- Up to $3 users after $1 who had a call on the day $2 or later, in order.
SELECT user_id FROM user_activity
 WHERE user_id > $1 AND last_day >= $2
 ORDER BY user_id
 LIMIT $3

-- name: changed_calls
-- The calls of the users $1 that began at $2 or later and last changed after $3, up to $4.
SELECT c.call_id
  FROM unnest($1::text::text[]) AS asked (user_id),
       LATERAL (SELECT call_id FROM calls
                 WHERE user_id = asked.user_id AND first_at >= $2 AND updated_at > $3 AND updated_at <= $4
                OFFSET 0) AS c

-- name: changed_since_found
-- Calls with something that was found at $1 or later and stands, and that changed after $2; up to $3.
SELECT DISTINCT a.subject
  FROM cost_anomalies AS a JOIN calls AS c ON c.call_id = a.subject
 WHERE a.resolved_at IS NULL AND a.kind <> 'day_spike' AND a.detected_at >= $1 AND c.updated_at > $2
 LIMIT $3
