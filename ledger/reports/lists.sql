-- Every statement checks the viewer (:viewer_id); :reads_all is true for an administrator. Row policies
-- hide other users' rows in addition.

-- name: calls
-- Up to :limit calls of :user_id, newest first, with a first event from :earliest to before :before, a
-- :persona_id and a :status (null for any), and after the call :after_key of :after_time. Calls without
-- a persona count as :unnamed_persona. The times limit the index scan; the rest is a filter.
SELECT call_id, user_id, persona_id, status, duration_ms, costs, charges,
       estimated_count > 0 AS estimated, first_at, started_at, ended_at, updated_at
  FROM calls
 WHERE user_id = :user_id
   AND (user_id = :viewer_id OR :reads_all)
   AND first_at >= coalesce(:earliest::timestamptz, '-infinity')
   AND first_at < coalesce(:before::timestamptz, 'infinity')
   AND first_at <= coalesce(:after_time::timestamptz, 'infinity')
   AND (:after_time::timestamptz IS NULL OR first_at < :after_time OR call_id > :after_key)
   AND (:persona_id::text IS NULL OR coalesce(persona_id, :unnamed_persona) = :persona_id)
   AND (:status::text IS NULL OR status = :status)
 ORDER BY first_at DESC, call_id
 LIMIT :limit

-- name: any_call
-- Whether the viewer (:viewer_id) may see any call; :reads_all is true for an administrator.
SELECT EXISTS (SELECT FROM calls WHERE user_id = :viewer_id OR :reads_all)

-- name: archived_events
-- The number of archived events of :call_id; null for a call that the viewer may not see.
SELECT (SELECT (SELECT coalesce(sum(event_count), 0)::bigint
                  FROM sealed_calls WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all))
          FROM calls WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all)
          AND user_id IS NOT NULL) AS archived_events

-- name: events
-- Up to :limit events of :call_id, in order of time, after the event :after_key of :after_time. Of
-- settlements only the last one is included, which replaces the others.

SELECT e.identity::text AS identity, e.source, e.event_id, e.type, e.time, e.recorded_at, e.service,
       e.operation, e.model, e.usage, e.unit, e.unit_cost, e.cost_nano, e.amount_nano, e.estimated,
       e.data,
       e.type = 'cost.recorded' AND (
           EXISTS (SELECT FROM call_cost_events AS v
                    WHERE v.call_id = :call_id
                      AND (v.user_id = :viewer_id OR :reads_all)
                      AND v.type = 'cost.voided'
                      AND v.voids = e.identity)
           OR EXISTS (SELECT FROM sealed_voids AS v WHERE v.call_id = :call_id AND v.voids = e.identity)
       ) AS voided,
       (SELECT coalesce(sum(event_count), 0)::bigint
          FROM sealed_calls WHERE call_id = :call_id
          AND (user_id = :viewer_id OR :reads_all)) AS archived_events
  FROM call_cost_events AS e
 WHERE e.call_id = :call_id
   AND (e.user_id = :viewer_id OR :reads_all)
   AND (:after_time::timestamptz IS NULL OR (e.time, e.identity) > (:after_time, :after_key::text::uuid))
   AND (e.type <> 'call.settled'
        OR (e.data::jsonb ->> 'version')::bigint = (
               SELECT max((s.data::jsonb ->> 'version')::bigint)
                 FROM call_cost_events AS s
                WHERE s.call_id = :call_id AND (s.user_id = :viewer_id OR :reads_all)
                  AND s.type = 'call.settled')
           AND NOT EXISTS (
               SELECT FROM sealed_decisions AS d
                WHERE d.call_id = :call_id AND (d.user_id = :viewer_id OR :reads_all)
                  AND d.version > (e.data::jsonb ->> 'version')::bigint))
 ORDER BY e.time, e.identity
 LIMIT :limit
