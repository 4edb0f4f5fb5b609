-- Heartbeats and progress of stream workers.

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

-- name: store_progress
-- Stores that :partitions are counted until :moments.
INSERT INTO stream_progress AS p (cluster, topic, "partition", counted_until)
SELECT :cluster, :topic, t."partition", t.counted_until
FROM unnest(:partitions::integer[], :moments::timestamptz[]) AS t ("partition", counted_until)
ORDER BY t."partition"
ON CONFLICT (cluster, topic, "partition")
DO UPDATE SET counted_until = greatest(p.counted_until, excluded.counted_until)

-- name: counted_until
-- The time up to which all partitions of :topic on :cluster with a position are counted; null if it is unknown for one
-- of them, or if there is none.
SELECT CASE WHEN count(*) = count(p.counted_until) THEN min(p.counted_until) END
FROM stream_offsets AS o LEFT JOIN stream_progress AS p USING (cluster, topic, "partition")
WHERE o.cluster = :cluster AND o.topic = :topic
