-- name: settle
-- The totals of these batches are known to be in Kafka.
DELETE FROM totals_outbox WHERE id = ANY ($1::bigint[])

-- name: claim
-- Batches whose publisher seems to be gone; another relay's rows are passed over.
SELECT id, call_ids FROM totals_outbox
WHERE created_at < now() - make_interval(secs => $1)
ORDER BY id
LIMIT $2
FOR UPDATE SKIP LOCKED
