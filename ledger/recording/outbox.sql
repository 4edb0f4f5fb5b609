-- The totals outbox.

-- name: delete_published
-- Deletes the rows of batches whose totals are in Kafka.
DELETE FROM totals_outbox WHERE id = ANY (:ids::bigint[])

-- name: claim
-- Up to :limit rows older than :age_seconds: of workers without a heartbeat, and of :worker_id except :known,
-- because the answer to their commit was lost. Rows that another relay has locked are skipped. Those of an erasure
-- wait until all totals committed before it are published: the topic keeps the last total of each call, which must
-- not name the user.
SELECT id, call_ids FROM totals_outbox AS o
WHERE created_at < now() - make_interval(secs => :age_seconds)
  AND (
      NOT EXISTS (
          SELECT FROM stream_workers AS w
          WHERE w.worker_id = o.worker_id AND w.heartbeat_at > now() - interval '15 seconds'
      )
      OR o.worker_id = :worker_id AND o.id <> ALL (:known::bigint[])
  )
  AND (
      o.worker_id <> 'erasure'
      OR NOT EXISTS (SELECT FROM totals_outbox AS e WHERE e.id < o.id AND e.worker_id <> 'erasure')
  )
ORDER BY id
LIMIT :limit
FOR UPDATE SKIP LOCKED
