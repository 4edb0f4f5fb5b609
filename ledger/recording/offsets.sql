-- name: read
-- Where each partition of topic $2 on cluster $1 stands.
SELECT "partition", next_offset FROM stream_offsets WHERE cluster = $1 AND topic = $2

-- name: refuse
-- Keeps refused records once each, whoever retries; another record at the same place is one more.
INSERT INTO dead_letters (cluster, topic, "partition", "offset", code, message, key, value, headers)
SELECT $1, $2, t.* FROM unnest($3::integer[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::bytea[], $9::jsonb[]) AS t
ON CONFLICT DO NOTHING

-- name: count_resent
-- Counts the offsets $2 off against the gaps $1, in parallel. A gap of which all is counted is closed.
UPDATE stream_gaps AS g
SET counted = g.counted + resent.offsets * int8multirange(int8range(g.from_offset, g.to_offset)),
    (closed_at, closed_by, closed_why) = (
        SELECT now(), 'ledger', 'Every record was counted after a resend.'
        WHERE g.counted + resent.offsets @> int8range(g.from_offset, g.to_offset)
    )
FROM (
    SELECT gap_id, range_agg(int8range("offset", "offset" + 1)) AS offsets
    FROM unnest($1::bigint[], $2::bigint[]) AS t (gap_id, "offset")
    GROUP BY gap_id
) AS resent
WHERE g.gap_id = resent.gap_id AND g.closed_at IS NULL
