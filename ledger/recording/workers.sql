-- name: heartbeat
-- Says that a worker lives, which partitions it holds, and by how many milliseconds its clock is fast.
INSERT INTO stream_workers (worker_id, partitions, clock_skew_ms)
VALUES (:worker_id, :partitions, :clock_skew_ms)
ON CONFLICT (worker_id) DO UPDATE
SET partitions = excluded.partitions, clock_skew_ms = excluded.clock_skew_ms, heartbeat_at = now()

-- name: leave
-- A worker stops in order; those that died long ago go with it.
DELETE FROM stream_workers WHERE worker_id = :worker_id OR heartbeat_at < now() - interval '1 hour'

-- name: reading
-- Whether any living worker holds partitions.
SELECT EXISTS (
    SELECT FROM stream_workers
    WHERE cardinality(partitions) > 0 AND heartbeat_at > now() - interval '15 seconds'
)
