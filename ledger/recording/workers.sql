-- name: heartbeat
-- Stores that a worker is alive, its partitions, and by how many milliseconds its clock is ahead.
INSERT INTO stream_workers (worker_id, partitions, clock_skew_ms)
VALUES (:worker_id, :partitions, :clock_skew_ms)
ON CONFLICT (worker_id) DO UPDATE
SET partitions = excluded.partitions, clock_skew_ms = excluded.clock_skew_ms, heartbeat_at = now()

-- name: leave
-- Deletes the entry of a stopped worker, and those of workers that died long ago.
DELETE FROM stream_workers WHERE worker_id = :worker_id OR heartbeat_at < now() - interval '1 hour'

-- name: reading
-- Whether any live worker has partitions.
SELECT EXISTS (
    SELECT FROM stream_workers
    WHERE cardinality(partitions) > 0 AND heartbeat_at > now() - interval '15 seconds'
)
