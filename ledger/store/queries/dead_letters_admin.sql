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
-- A page of refused events before the place ($3 … $7), newest first; $1 a code, $2 replayed ones too.
SELECT cluster, topic, "partition", "offset", code, message,
       coalesce(octet_length(value), 0), coalesce(substring(value FOR 200), ''), refused_at, replayed_at
FROM dead_letters
WHERE ($1::text IS NULL OR code = $1)
  AND ($2 OR replayed_at IS NULL)
  AND ($3::timestamptz IS NULL
       OR (refused_at, cluster, topic, "partition", "offset") < ($3, $4::text, $5::text, $6::integer, $7::bigint))
ORDER BY refused_at DESC, cluster DESC, topic DESC, "partition" DESC, "offset" DESC
LIMIT $8

-- name: oldest_pending
-- A page of what waits to be sent again after the place ($3 … $7) and was refused by the time $2.
SELECT cluster, topic, "partition", "offset", refused_at, key, value, headers::text
FROM dead_letters
WHERE ($1::text IS NULL OR code = $1)
  AND replayed_at IS NULL
  AND refused_at <= $2
  AND ($3::timestamptz IS NULL
       OR (refused_at, cluster, topic, "partition", "offset") > ($3, $4::text, $5::text, $6::integer, $7::bigint))
ORDER BY refused_at, cluster, topic, "partition", "offset"
LIMIT $8

-- name: count_pending
-- How many events, of code $1 or of any, wait to be sent again.
SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL AND ($1::text IS NULL OR code = $1)

-- name: mark_replayed
-- Notes that these were sent again.
UPDATE dead_letters AS letter SET replayed_at = now()
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[]) AS sent (cluster, topic, "partition", "offset")
WHERE (letter.cluster, letter.topic, letter."partition", letter."offset")
    = (sent.cluster, sent.topic, sent."partition", sent."offset")
  AND letter.replayed_at IS NULL
