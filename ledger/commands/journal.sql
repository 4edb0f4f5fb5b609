-- The journal keeps executed commands outside of the database, for a ledger that is restored.

-- name: epoch_to_read
-- The current epoch, and whether the journal was read for it. No row during a restore.
SELECT e.epoch, EXISTS (SELECT FROM command_journal_reads AS r WHERE r.epoch = e.epoch) AS is_read
FROM ledger_epochs AS e ORDER BY e.epoch DESC LIMIT 1

-- name: mark_executed
-- Inserts commands of the journal, or marks existing ones as executed.
INSERT INTO call_commands AS c (command_id, call_id, user_id, kind, cause, requested_by, reason, payload, state, target,
                                attempts, requested_at, next_attempt_at, ended_at, journaled_at)
SELECT command_id, call_id, user_id, kind, cause, requested_by, reason, payload, 'executed', target, 1, requested_at, NULL,
       executed_at, now()
FROM unnest(:command_ids::uuid[], :call_ids::text[], :user_ids::text[], :kinds::text[], :causes::text[],
            :requested_by::text[], :reasons::text[], :payloads::text[], :targets::text[], :requested_at::timestamptz[],
            :executed_at::timestamptz[])
     AS j (command_id, call_id, user_id, kind, cause, requested_by, reason, payload, target, requested_at, executed_at)
ON CONFLICT (command_id) DO UPDATE
SET state = 'executed', target = EXCLUDED.target, ended_at = EXCLUDED.ended_at, journaled_at = EXCLUDED.journaled_at,
    outcome = NULL, claimed_until = NULL, next_attempt_at = NULL
WHERE c.state <> 'executed'

-- name: mark_read
-- Stores that the journal was read for :epoch.
INSERT INTO command_journal_reads (epoch) VALUES (:epoch) ON CONFLICT DO NOTHING

-- name: unjournaled
-- Up to :limit executed commands that are not known to be in the journal, oldest first.
SELECT command_id::text, call_id, user_id, kind, cause, requested_by, reason, payload, coalesce(target, '') AS target,
       requested_at, ended_at AS executed_at
FROM call_commands WHERE state = 'executed' AND journaled_at IS NULL ORDER BY ended_at LIMIT :limit

-- name: mark_journaled
-- Stores that the commands :command_ids are in the journal.
UPDATE call_commands SET journaled_at = now() WHERE command_id = ANY (:command_ids::uuid[])
