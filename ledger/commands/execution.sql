-- Statements of the processes that execute commands, for all users.

-- name: release
-- Releases commands whose claim has expired, and closes their attempts.
WITH dead AS (
    UPDATE call_commands SET state = 'pending', claimed_until = NULL, next_attempt_at = now()
    WHERE state = 'executing' AND claimed_until <= now()
    RETURNING command_id, attempts
)
UPDATE call_command_attempts AS a SET outcome = 'interrupted'
FROM dead WHERE a.command_id = dead.command_id AND a.number = dead.attempts AND a.outcome IS NULL

-- name: close_due
-- Closes commands that must not be executed any more: due ones of calls that have ended, due steps of calls whose cutoff
-- is requested or executed, and all that are older than :deadline_seconds seconds. Abandoned calls have not ended: no
-- event reported an end, and they may still cost.
UPDATE call_commands AS c
SET state = due.state, outcome = due.outcome, ended_at = now(), next_attempt_at = NULL
FROM (
    SELECT p.command_id,
           CASE WHEN k.has_ended OR k.is_cut_off THEN 'ended' ELSE 'expired' END AS state,
           CASE WHEN k.has_ended THEN 'The call had ended.'
                WHEN k.is_cut_off THEN 'The end of the call was requested.'
                ELSE 'No attempt succeeded in time.' END AS outcome
    FROM call_commands AS p
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM calls WHERE call_id = p.call_id AND status IN ('completed', 'failed', 'terminated')) AS has_ended,
               p.kind <> 'cutoff' AND EXISTS (
                   SELECT FROM call_commands AS e
                   WHERE e.call_id = p.call_id AND e.kind = 'cutoff' AND e.state IN ('pending', 'executing', 'executed')) AS is_cut_off
    ) AS k
    WHERE p.state = 'pending'
      AND (p.created_at < now() - make_interval(secs => :deadline_seconds)
           OR (k.has_ended OR k.is_cut_off) AND p.next_attempt_at <= now())
    FOR UPDATE OF p SKIP LOCKED
) AS due
WHERE c.command_id = due.command_id

-- name: claim
-- Claims up to :limit due commands for :lease_seconds seconds, cutoffs first, and stores the start of an attempt; none
-- while commands are stopped, or before a restored ledger has read the journal. Returns each with the vendor of its
-- call, by the call's latest events, and with the mode. Archived events are left out: such calls are long over.
WITH mode AS (
    SELECT mode FROM command_modes ORDER BY seq DESC LIMIT 1
), due AS (
    SELECT command_id FROM call_commands
    WHERE state = 'pending' AND next_attempt_at <= now()
      AND (SELECT mode FROM mode) <> 'stopped'
      AND EXISTS (SELECT FROM command_journal_reads WHERE epoch = (SELECT max(epoch) FROM ledger_epochs))
    ORDER BY kind <> 'cutoff', next_attempt_at, seq LIMIT :limit FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE call_commands AS c
    SET state = 'executing', attempts = attempts + 1, claimed_until = now() + make_interval(secs => :lease_seconds)
    FROM due WHERE c.command_id = due.command_id
    RETURNING c.*
), noted AS (
    INSERT INTO call_command_attempts (command_id, number, user_id, at)
    SELECT command_id, attempts, user_id, clock_timestamp() FROM taken
)
SELECT t.command_id::text, t.attempts AS number, t.call_id, t.user_id, t.kind, t.cause, t.requested_by, t.reason, t.payload,
       t.requested_at, v.provider, v.provider_call_id, v.control_url, (SELECT mode FROM mode) AS mode
FROM taken AS t
LEFT JOIN calls AS k ON k.call_id = t.call_id
CROSS JOIN LATERAL (
    SELECT (array_agg(f.provider ORDER BY f.time DESC, f.identity DESC) FILTER (WHERE f.provider IS NOT NULL))[1] AS provider,
           (array_agg(f.provider_call_id ORDER BY f.time DESC, f.identity DESC) FILTER (WHERE f.provider_call_id IS NOT NULL))[1]
               AS provider_call_id,
           (array_agg(f.control_url ORDER BY f.time DESC, f.identity DESC) FILTER (WHERE f.control_url IS NOT NULL))[1] AS control_url
    FROM (
        SELECT e.time, e.identity, e.data::jsonb ->> 'provider' AS provider, e.data::jsonb ->> 'providerCallId' AS provider_call_id,
               e.data::jsonb ->> 'controlUrl' AS control_url
        FROM call_cost_events AS e
        WHERE e.call_id = t.call_id AND e.time >= k.first_at AND e.type IN ('call.started', 'call.updated')
    ) AS f
) AS v

-- name: finish
-- Stores the end of :command_id in attempt :number: its :state and :outcome, at the receiver :target. A call that had
-- ended may have been ended by an earlier attempt whose answer was lost: then the command was executed. A success
-- overrides any other state, because the attempt may have lost its claim meanwhile.
UPDATE call_commands AS c
SET state = CASE WHEN :state = 'ended' AND EXISTS (
                         SELECT FROM call_command_attempts AS a
                         WHERE a.command_id = c.command_id AND a.number < :number AND a.status IS NULL
                           AND a.outcome IN ('temporary', 'interrupted'))
                THEN 'executed' ELSE :state END,
    outcome = :outcome, target = :target, ended_at = now(), claimed_until = NULL, next_attempt_at = NULL,
    journaled_at = CASE WHEN :is_journaled::boolean THEN now() END
WHERE command_id = :command_id::text::uuid AND state <> 'executed'
  AND (:state = 'executed' OR attempts = :number AND state = 'executing')

-- name: attempt_ended
-- Stores the result of attempt :number of :command_id after :duration_ms ms: its :outcome, the receiver :target, the
-- response's :status and the :error.
UPDATE call_command_attempts
SET outcome = :outcome, target = :target, status = :status, error = :error, duration_ms = :duration_ms
WHERE command_id = :command_id::text::uuid AND number = :number

-- name: postpone
-- Schedules the next attempt of :command_id in :delay_ms ms, if :number is still its last attempt.
UPDATE call_commands
SET state = 'pending', claimed_until = NULL, target = :target, next_attempt_at = now() + make_interval(secs => :delay_ms / 1000.0)
WHERE command_id = :command_id::text::uuid AND attempts = :number AND state = 'executing'

-- name: backlog
-- The number of due commands, and for how many seconds the first of them has been due.
SELECT count(*) AS waiting,
       coalesce(extract(epoch FROM now() - min(next_attempt_at)), 0)::integer AS overdue_seconds
FROM call_commands WHERE state = 'pending' AND next_attempt_at <= now()
