-- name: settle
-- The totals of these batches are known to be in Kafka.
DELETE FROM totals_outbox WHERE id = ANY ($1::bigint[])

-- name: claim
-- Batches whose worker is not heard of any more, and those of the worker $3 that it does not know
-- of ($4), because it never heard that they were committed; another relay's rows are passed over.
SELECT id, call_ids FROM totals_outbox AS o
WHERE created_at < now() - make_interval(secs => $1)
  AND (
      NOT EXISTS (
          SELECT FROM stream_workers AS w
          WHERE w.worker_id = o.worker_id AND w.heartbeat_at > now() - interval '15 seconds'
      )
      OR o.worker_id = $3 AND o.id <> ALL ($4::bigint[])
  )
ORDER BY id
LIMIT $2
FOR UPDATE SKIP LOCKED
