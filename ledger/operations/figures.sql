-- What operators watch. None of it names a user, a call or an amount.

-- name: figures
-- Who works, and how much waits. Nothing is counted beyond :most, and all that may be large is read
-- along an index, so a backlog does not make the question dear.
WITH totals AS MATERIALIZED (
    SELECT created_at FROM totals_outbox ORDER BY id LIMIT :most
), messages AS MATERIALIZED (
    SELECT created_at FROM outbox ORDER BY seq LIMIT :most
), held AS MATERIALIZED (
    SELECT identity FROM held_events ORDER BY identity LIMIT :most
), notices AS MATERIALIZED (
    SELECT next_attempt_at FROM notice_deliveries WHERE state = 'pending' ORDER BY next_attempt_at LIMIT :most
), workers AS MATERIALIZED (
    SELECT partitions, clock_skew_ms FROM stream_workers WHERE heartbeat_at > now() - interval '15 seconds'
)
SELECT (SELECT count(*) FROM workers) AS workers,
       (SELECT coalesce(sum(cardinality(partitions)), 0) FROM workers) AS partitions_held,
       (SELECT coalesce((array_agg(clock_skew_ms ORDER BY abs(clock_skew_ms) DESC))[1], 0) FROM workers) AS clock_skew_ms,
       (SELECT count(*) FROM totals) AS totals,
       (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::bigint FROM totals) AS totals_seconds,
       (SELECT count(*) FROM messages) AS messages,
       (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::bigint FROM messages) AS messages_seconds,
       (SELECT count(*) FROM notices) AS notices,
       (SELECT coalesce(extract(epoch FROM now() - min(next_attempt_at)), 0)::bigint FROM notices) AS notices_seconds,
       (SELECT count(*) FROM held) AS held_events,
       (SELECT count(*) FROM stream_gaps WHERE closed_at IS NULL) AS open_gaps,
       (SELECT coalesce(sum(to_offset - from_offset), 0)::bigint FROM stream_gaps WHERE closed_at IS NULL) AS gap_records

-- name: positions
-- Where each partition stands, those that moved last first, up to :most of them.
SELECT cluster, topic, "partition", next_offset FROM stream_offsets
ORDER BY updated_at DESC, cluster, topic, "partition" LIMIT :most

-- name: refusals
-- How many records were ever refused with each code.
SELECT code, sum(letters)::bigint AS letters FROM dead_letter_counts GROUP BY code

-- name: retention
-- How much retention has removed of what, and how many seconds ago its last run for it ended.
SELECT subject, removed, greatest(0, extract(epoch FROM now() - ran_at))::bigint AS seconds
FROM retention_progress
