-- Figures for operators. None names a user, a call or an amount.

-- name: figures
-- The number of workers, and the size of backlogs. Nothing is counted beyond :limit, and every large
-- table is read along an index, so that a backlog does not make the query slow.
WITH totals AS MATERIALIZED (
    SELECT created_at FROM totals_outbox ORDER BY id LIMIT :limit
), messages AS MATERIALIZED (
    SELECT created_at FROM outbox ORDER BY seq LIMIT :limit
), held AS MATERIALIZED (
    SELECT identity FROM held_events ORDER BY identity LIMIT :limit
), unpriced AS MATERIALIZED (
    SELECT identity FROM unpriced_events ORDER BY identity LIMIT :limit
), notices AS MATERIALIZED (
    SELECT next_attempt_at FROM notice_deliveries WHERE state = 'pending' ORDER BY next_attempt_at LIMIT :limit
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
       (SELECT count(*) FROM unpriced) AS unpriced_events,
       (SELECT count(*) FROM stream_gaps WHERE closed_at IS NULL) AS open_gaps,
       (SELECT coalesce(sum(to_offset - from_offset), 0)::bigint FROM stream_gaps WHERE closed_at IS NULL) AS gap_records

-- name: positions
-- The positions of up to :limit partitions, most recently moved first.
SELECT cluster, topic, "partition", next_offset FROM stream_offsets
ORDER BY updated_at DESC, cluster, topic, "partition" LIMIT :limit

-- name: refusals
-- The number of refused records by code.
SELECT code, sum(letters)::bigint AS letters FROM dead_letter_counts GROUP BY code

-- name: retention
-- The number of rows removed by retention, and the seconds since its last run, by subject.
SELECT subject, removed, greatest(0, extract(epoch FROM now() - ran_at))::bigint AS seconds
FROM retention_progress
