-- Ends calls by hand.

-- name: lock
-- Lets one transaction at a time request the end of :call_id by hand.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics end call'), hashtext(:call_id))

-- name: call
-- The user, the status and the cost of :call_id, if the :viewer_id may read it.
SELECT user_id, status,
       (SELECT coalesce(sum(s.value::bigint), 0) FROM json_each(costs::json) AS d, json_each_text(d.value) AS s)::bigint AS nano
FROM calls WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all) AND user_id IS NOT NULL

-- name: current
-- A cutoff of :call_id that is not executed yet, or was executed in the last :seconds seconds.
SELECT command_id::text FROM call_commands
WHERE call_id = :call_id AND kind = 'cutoff'
  AND (state IN ('pending', 'executing') OR state = 'executed' AND ended_at > now() - make_interval(secs => :seconds))
ORDER BY seq DESC LIMIT 1

-- name: request
-- Inserts the command to end :call_id, and its message into the outbox.
WITH command AS (
    INSERT INTO call_commands (command_id, call_id, user_id, kind, cause, requested_by, reason, payload, requested_at)
    VALUES (:command_id::text::uuid, :call_id, :user_id, 'cutoff', 'hand', :requested_by, :reason, :payload, :requested_at)
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
VALUES (:command_id::text::uuid, :aggregate_type, :call_id, :event_type, :payload)
