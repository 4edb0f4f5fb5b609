-- name: heartbeat
-- Says that a worker lives and which partitions it holds.
INSERT INTO stream_workers (worker_id, partitions) VALUES ($1, $2)
ON CONFLICT (worker_id) DO UPDATE SET partitions = excluded.partitions, heartbeat_at = now()

-- name: leave
-- A worker stops in order; those that died long ago go with it.
DELETE FROM stream_workers WHERE worker_id = $1 OR heartbeat_at < now() - interval '1 hour'

-- name: reading
-- Whether any living worker holds partitions.
SELECT EXISTS (
    SELECT FROM stream_workers
    WHERE cardinality(partitions) > 0 AND heartbeat_at > now() - interval '15 seconds'
)
