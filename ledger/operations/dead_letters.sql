-- name: now
-- The current time of PostgreSQL, which dates refusals.
SELECT clock_timestamp()

-- name: counts
-- The number of refused events by code, and of those not replayed.
SELECT code, count(*), count(*) FILTER (WHERE replayed_at IS NULL)
FROM dead_letters
GROUP BY code
ORDER BY count(*) DESC, code

-- name: newest
-- A page of refused events before the position (:refused_at … :digest), newest first: with the :code,
-- null for any; replayed ones only if :include_replayed.
SELECT cluster, topic, "partition", "offset", digest, code, message,
       coalesce(octet_length(value), 0), coalesce(substring(value FOR 200), ''), refused_at, replayed_at
FROM dead_letters
WHERE (:code::text IS NULL OR code = :code)
  AND (:include_replayed OR replayed_at IS NULL)
  AND (:refused_at::timestamptz IS NULL
       OR (refused_at, cluster, topic, "partition", "offset", digest)
           < (:refused_at, :cluster::text, :topic::text, :partition::integer, :offset::bigint,
              :digest::bytea))
ORDER BY refused_at DESC, cluster DESC, topic DESC, "partition" DESC, "offset" DESC, digest DESC
LIMIT :limit

-- name: oldest_pending
-- A page of dead letters that are not replayed, after the position (:refused_at … :digest), refused until
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
LIMIT :limit

-- name: count_pending
-- The number of dead letters with the :code (null for any) that are not replayed.
SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL AND (:code::text IS NULL OR code = :code)

-- name: mark_replayed
-- Marks dead letters as replayed.
UPDATE dead_letters AS letter SET replayed_at = now()
FROM unnest(:clusters::text[], :topics::text[], :partitions::integer[], :offsets::bigint[],
            :digests::bytea[])
    AS sent (cluster, topic, "partition", "offset", digest)
WHERE (letter.cluster, letter.topic, letter."partition", letter."offset", letter.digest)
    = (sent.cluster, sent.topic, sent."partition", sent."offset", sent.digest)
  AND letter.replayed_at IS NULL
