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
-- A page of refused events before the place (:refused_at … :digest), newest first: with
-- the :code, or any where it is null; replayed ones only where :replayed_too.
SELECT cluster, topic, "partition", "offset", digest, code, message,
       coalesce(octet_length(value), 0), coalesce(substring(value FOR 200), ''), refused_at, replayed_at
FROM dead_letters
WHERE (:code::text IS NULL OR code = :code)
  AND (:replayed_too OR replayed_at IS NULL)
  AND (:refused_at::timestamptz IS NULL
       OR (refused_at, cluster, topic, "partition", "offset", digest)
           < (:refused_at, :cluster::text, :topic::text, :partition::integer, :offset::bigint,
              :digest::bytea))
ORDER BY refused_at DESC, cluster DESC, topic DESC, "partition" DESC, "offset" DESC, digest DESC
LIMIT :most

-- name: oldest_pending
-- A page of what waits to be sent again after the place (:refused_at … :digest) and was refused by
-- :until.
SELECT cluster, topic, "partition", "offset", digest, refused_at, key, value, headers::text
FROM dead_letters
WHERE (:code::text IS NULL OR code = :code)
  AND replayed_at IS NULL
  AND refused_at <= :until
  AND (:refused_at::timestamptz IS NULL
       OR (refused_at, cluster, topic, "partition", "offset", digest)
           > (:refused_at, :cluster::text, :topic::text, :partition::integer, :offset::bigint,
              :digest::bytea))
ORDER BY refused_at, cluster, topic, "partition", "offset", digest
LIMIT :most

-- name: count_pending
-- How many events, of :code or of any, wait to be sent again.
SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL AND (:code::text IS NULL OR code = :code)

-- name: mark_replayed
-- Notes that these were sent again.
UPDATE dead_letters AS letter SET replayed_at = now()
FROM unnest(:clusters::text[], :topics::text[], :partitions::integer[], :offsets::bigint[],
            :digests::bytea[])
    AS sent (cluster, topic, "partition", "offset", digest)
WHERE (letter.cluster, letter.topic, letter."partition", letter."offset", letter.digest)
    = (sent.cluster, sent.topic, sent."partition", sent."offset", sent.digest)
  AND letter.replayed_at IS NULL
