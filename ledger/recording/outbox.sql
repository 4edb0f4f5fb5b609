-- name: settle
-- The totals of these batches are known to be in Kafka.
DELETE FROM totals_outbox WHERE id = ANY (:ids::bigint[])

-- name: claim
-- Batches whose worker sends no heartbeat any more, and those of :worker_id that it does not know of
-- (:known), because the answer to their commit was lost; another relay's rows are passed over.
SELECT id, call_ids FROM totals_outbox AS o
WHERE created_at < now() - make_interval(secs => :age_seconds)
  AND (
      NOT EXISTS (
          SELECT FROM stream_workers AS w
          WHERE w.worker_id = o.worker_id AND w.heartbeat_at > now() - interval '15 seconds'
      )
      OR o.worker_id = :worker_id AND o.id <> ALL (:known::bigint[])
  )
ORDER BY id
LIMIT :most
FOR UPDATE SKIP LOCKED
