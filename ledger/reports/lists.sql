-- Every statement names the viewer ($2) beside what is asked for; $3 is true for an administrator.
-- The row policies would hide other users' rows all the same.

-- name: calls
-- A page of the calls of user $1, newest first, with a first event from $4 to before $5, a persona
-- $6 and a status $7 (null for any), and after the call $9 of the time $8. A persona nobody named
-- is called $10. At most $11 calls. The times bound the walk along the index; the rest is a filter.
SELECT call_id, user_id, persona_id, status, duration_ms, costs, charges,
       estimated_count > 0 AS estimated, first_at, started_at, ended_at, updated_at
  FROM calls
 WHERE user_id = $1
   AND (user_id = $2 OR $3)
   AND first_at >= coalesce($4::timestamptz, '-infinity')
   AND first_at < coalesce($5::timestamptz, 'infinity')
   AND first_at <= coalesce($8::timestamptz, 'infinity')
   AND ($8::timestamptz IS NULL OR first_at < $8 OR call_id > $9)
   AND ($6::text IS NULL OR coalesce(persona_id, $10) = $6)
   AND ($7::text IS NULL OR status = $7)
 ORDER BY first_at DESC, call_id
 LIMIT $11

-- name: any_call
-- Whether there is any call that the viewer ($1) may see; $2 is true for an administrator.
SELECT EXISTS (SELECT FROM calls WHERE user_id = $1 OR $2)

-- name: archived_events
-- How many events of call $1 are in the archive; null for a call that the viewer may not see.
SELECT (SELECT (SELECT coalesce(sum(event_count), 0)::bigint
                  FROM sealed_calls WHERE call_id = $1 AND (user_id = $2 OR $3))
          FROM calls WHERE call_id = $1 AND (user_id = $2 OR $3) AND user_id IS NOT NULL) AS archived_events

-- name: events
-- A page of what happened to call $1, in order of time, after the event $5 of the time $4; at most
-- $6 of it. Of what the ledger decided only the last decision is shown, which replaced the others.

SELECT e.identity::text AS identity, e.source, e.event_id, e.type, e.time, e.recorded_at, e.service,
       e.operation, e.model, e.usage, e.unit, e.unit_cost, e.cost_nano, e.amount_nano, e.estimated,
       e.data,
       e.type = 'cost.recorded' AND (
           EXISTS (SELECT FROM call_cost_events AS v
                    WHERE v.call_id = $1
                      AND (v.user_id = $2 OR $3)
                      AND v.type = 'cost.voided'
                      AND v.voids = e.identity)
           OR EXISTS (SELECT FROM sealed_voids AS v WHERE v.call_id = $1 AND v.voids = e.identity)
       ) AS voided,
       (SELECT coalesce(sum(event_count), 0)::bigint
          FROM sealed_calls WHERE call_id = $1 AND (user_id = $2 OR $3)) AS archived_events
  FROM call_cost_events AS e
 WHERE e.call_id = $1
   AND (e.user_id = $2 OR $3)
   AND ($4::timestamptz IS NULL OR (e.time, e.identity) > ($4, $5::text::uuid))
   AND (e.type <> 'call.settled'
        OR (e.data::jsonb ->> 'version')::bigint = (
               SELECT max((s.data::jsonb ->> 'version')::bigint)
                 FROM call_cost_events AS s
                WHERE s.call_id = $1 AND (s.user_id = $2 OR $3) AND s.type = 'call.settled')
           AND NOT EXISTS (
               SELECT FROM sealed_decisions AS d
                WHERE d.call_id = $1 AND (d.user_id = $2 OR $3)
                  AND d.version > (e.data::jsonb ->> 'version')::bigint))
 ORDER BY e.time, e.identity
 LIMIT $6
