-- Offsets and dead letters of a stream.

-- name: read
-- The next offset of each partition of :topic on :cluster.
SELECT "partition", next_offset FROM stream_offsets WHERE cluster = :cluster AND topic = :topic

-- name: refuse
-- Stores the dead letters of :topic on :cluster, each once, also after retries; another record at the same offset is
-- stored too.
INSERT INTO dead_letters (cluster, topic, "partition", "offset", code, message, key, value, headers)
SELECT :cluster, :topic, t.* FROM unnest(:partitions::integer[], :offsets::bigint[], :codes::text[],
                                         :messages::text[], :keys::bytea[], :values::bytea[],
                                         :headers::jsonb[]) AS t
ON CONFLICT DO NOTHING

-- name: count_resent
-- Counts :offsets in :gap_ids, by index. A gap that is counted completely is closed.
UPDATE stream_gaps AS g
SET counted = g.counted + resent.offsets * int8multirange(int8range(g.from_offset, g.to_offset)),
    (closed_at, closed_by, closed_why) = (
        SELECT now(), 'ledger', 'Every record was counted after a resend.'
        WHERE g.counted + resent.offsets @> int8range(g.from_offset, g.to_offset)
    )
FROM (
    SELECT gap_id, range_agg(int8range("offset", "offset" + 1)) AS offsets
    FROM unnest(:gap_ids::bigint[], :offsets::bigint[]) AS t (gap_id, "offset")
    GROUP BY gap_id
) AS resent
WHERE g.gap_id = resent.gap_id AND g.closed_at IS NULL
