-- name: now
-- The database's clock, by which refusals are dated.
SELECT clock_timestamp()

-- name: counts
-- How many events were refused with each code, and how many wait to be sent again.
SELECT code, count(*), count(*) FILTER (WHERE replayed_at IS NULL)
FROM dead_letters
GROUP BY code
ORDER BY count(*) DESC, code

-- name: newest
-- A page of refused events before the place ($3 … $8), newest first; $1 a code, $2 replayed ones too.
SELECT cluster, topic, "partition", "offset", digest, code, message,
       coalesce(octet_length(value), 0), coalesce(substring(value FOR 200), ''), refused_at, replayed_at
FROM dead_letters
WHERE ($1::text IS NULL OR code = $1)
  AND ($2 OR replayed_at IS NULL)
  AND ($3::timestamptz IS NULL
       OR (refused_at, cluster, topic, "partition", "offset", digest)
           < ($3, $4::text, $5::text, $6::integer, $7::bigint, $8::bytea))
ORDER BY refused_at DESC, cluster DESC, topic DESC, "partition" DESC, "offset" DESC, digest DESC
LIMIT $9

-- name: oldest_pending
-- A page of what waits to be sent again after the place ($3 … $8) and was refused by the time $2.
SELECT cluster, topic, "partition", "offset", digest, refused_at, key, value, headers::text
FROM dead_letters
WHERE ($1::text IS NULL OR code = $1)
  AND replayed_at IS NULL
  AND refused_at <= $2
  AND ($3::timestamptz IS NULL
       OR (refused_at, cluster, topic, "partition", "offset", digest)
           > ($3, $4::text, $5::text, $6::integer, $7::bigint, $8::bytea))
ORDER BY refused_at, cluster, topic, "partition", "offset", digest
LIMIT $9

-- name: count_pending
-- How many events, of code $1 or of any, wait to be sent again.
SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL AND ($1::text IS NULL OR code = $1)

-- name: mark_replayed
-- Notes that these were sent again.
UPDATE dead_letters AS letter SET replayed_at = now()
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::bytea[])
    AS sent (cluster, topic, "partition", "offset", digest)
WHERE (letter.cluster, letter.topic, letter."partition", letter."offset", letter.digest)
    = (sent.cluster, sent.topic, sent."partition", sent."offset", sent.digest)
  AND letter.replayed_at IS NULL
