-- Checks for anomalies that wait for the grace period to pass. Arrays arrive as text, see
-- `ledger/postgres/arrays.py`.

-- name: add
-- Adds checks of the users $1, kinds $2 and subjects $3, which changed at $4, or restarts their grace
-- period. Rows are written in the order of their keys, so that two writers do not deadlock.
INSERT INTO pending_anomaly_checks (user_id, kind, subject, changed_at)
SELECT user_id, kind, subject, $4::timestamptz
FROM unnest(as_texts($1), as_texts($2), as_texts($3)) AS asked (user_id, kind, subject)
ORDER BY user_id COLLATE "C", kind, subject COLLATE "C"
ON CONFLICT (user_id, kind, subject)
DO UPDATE SET changed_at = greatest(pending_anomaly_checks.changed_at, excluded.changed_at)

-- name: due
-- Up to $2 checks without a change after $1, oldest first. They are not locked: a change that comes
-- during a check must not wait for it.
SELECT user_id, kind, subject, changed_at
FROM pending_anomaly_checks
WHERE changed_at <= $1
ORDER BY changed_at
LIMIT $2

-- name: remove
-- Removes the checks of the users $1, kinds $2 and subjects $3, except those that changed after the
-- moment in $4.
DELETE FROM pending_anomaly_checks AS p
USING unnest(as_texts($1), as_texts($2), as_texts($3), $4::text::timestamptz[])
      AS done (user_id, kind, subject, changed_at)
WHERE (p.user_id, p.kind, p.subject, p.changed_at)
    = (done.user_id, done.kind, done.subject, done.changed_at)
