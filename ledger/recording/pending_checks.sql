-- Checks for anomalies that wait for the grace period to pass.

-- name: add
-- Adds checks of :user_ids, :kinds and :subjects that changed at :changed_at, or restarts their
-- grace period. Rows are written in the order of their keys, so that two writers do not deadlock.
INSERT INTO pending_anomaly_checks (user_id, kind, subject, changed_at)
SELECT user_id, kind, subject, :changed_at::timestamptz
FROM unnest(:user_ids::text[], :kinds::text[], :subjects::text[]) AS requested (user_id, kind, subject)
ORDER BY user_id COLLATE "C", kind, subject COLLATE "C"
ON CONFLICT (user_id, kind, subject)
DO UPDATE SET changed_at = greatest(pending_anomaly_checks.changed_at, excluded.changed_at)

-- name: due
-- Up to :limit checks without a change after :before, oldest first. They are not locked: a change
-- that comes during a check must not wait for it.
SELECT user_id, kind, subject, changed_at
FROM pending_anomaly_checks
WHERE changed_at <= :before
ORDER BY changed_at
LIMIT :limit

-- name: remove
-- Removes the checks of :user_ids, :kinds and :subjects, except those that changed after the moments
-- in :moments.
DELETE FROM pending_anomaly_checks AS p
USING unnest(:user_ids::text[], :kinds::text[], :subjects::text[], :moments::timestamptz[])
      AS done (user_id, kind, subject, changed_at)
WHERE (p.user_id, p.kind, p.subject, p.changed_at)
    = (done.user_id, done.kind, done.subject, done.changed_at)
