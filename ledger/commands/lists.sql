-- Commands as people see them, and the mode in which processes execute them.

-- name: of_call
-- The latest 100 commands of :call_id, newest first, if the :viewer_id may read the call. No row for an unknown call; a row
-- without a command for a call without any.
SELECT k.user_id AS call_user_id, c.command_id::text, c.seq, c.call_id, c.user_id, c.kind, c.cause, c.state, c.reason,
       c.requested_by, c.requested_at, c.ended_at, c.target, c.outcome
FROM calls AS k LEFT JOIN call_commands AS c USING (call_id)
WHERE k.call_id = :call_id AND (k.user_id = :viewer_id OR :reads_all) AND k.user_id IS NOT NULL
ORDER BY c.seq DESC LIMIT 100

-- name: page
-- Up to :limit commands of all users before the number :before, newest first, only those in :state if it is given. Row
-- policies show them to administrators only.
SELECT c.command_id::text, c.seq, c.call_id, c.user_id, c.kind, c.cause, c.state, c.reason, c.requested_by, c.requested_at,
       c.ended_at, c.target, c.outcome
FROM call_commands AS c
WHERE (:before::bigint IS NULL OR c.seq < :before) AND (:state::text IS NULL OR c.state = :state)
ORDER BY c.seq DESC LIMIT :limit

-- name: attempts
-- All attempts of :command_ids, each command's first one first.
SELECT command_id::text, number, at, target, outcome, status, error, duration_ms
FROM call_command_attempts WHERE command_id = ANY (:command_ids::uuid[]) ORDER BY command_id, number

-- name: modes
-- The newest :limit modes; the first one is in force.
SELECT mode, reason, changed_by, changed_at FROM command_modes ORDER BY seq DESC LIMIT :limit

-- name: set_mode
-- Puts :mode in force for all processes, unless it is.
INSERT INTO command_modes (mode, reason, changed_by)
SELECT :mode, :reason, :changed_by
WHERE :mode::text IS DISTINCT FROM (SELECT mode FROM command_modes ORDER BY seq DESC LIMIT 1)

-- name: lock_modes
-- Lets one transaction at a time change the mode.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics command modes'))
