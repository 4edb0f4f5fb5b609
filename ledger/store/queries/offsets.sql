-- name: read
-- Where each partition of topic $2 on cluster $1 stands.
SELECT "partition", next_offset FROM stream_offsets WHERE cluster = $1 AND topic = $2

-- name: refuse
-- Keeps refused records once each, whoever retries; another record at the same place is one more.
INSERT INTO dead_letters (cluster, topic, "partition", "offset", code, message, key, value, headers)
SELECT $1, $2, t.* FROM unnest($3::integer[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::bytea[], $9::jsonb[]) AS t
ON CONFLICT DO NOTHING

-- name: rewind
-- Takes a partition back after its log was emptied or cut off before the stored offset.
UPDATE stream_offsets SET next_offset = $4, updated_at = now()
WHERE cluster = $1 AND topic = $2 AND "partition" = $3
