-- Ranges of the stream that were never counted.

-- name: list
-- Gaps, the newest first, up to :most of them; closed ones only where :closed_too.
SELECT gap_id, cluster, topic, "partition", incarnation, from_offset, to_offset, reason, noticed_at,
       (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(counted) AS r) AS counted,
       closed_at, closed_by, closed_why
FROM stream_gaps
WHERE :closed_too OR closed_at IS NULL
ORDER BY gap_id DESC LIMIT :most

-- name: find
-- One gap.
SELECT gap_id, cluster, topic, "partition", incarnation, from_offset, to_offset, reason, noticed_at,
       (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(counted) AS r) AS counted,
       closed_at, closed_by, closed_why
FROM stream_gaps WHERE gap_id = :gap_id

-- name: close
-- Closes an open gap: :closed_by takes the responsibility, for the :reason.
UPDATE stream_gaps SET closed_at = now(), closed_by = :closed_by, closed_why = :reason
WHERE gap_id = :gap_id AND closed_at IS NULL
RETURNING gap_id

-- name: open
-- How many gaps are open, and how many records those with a known end hold.
SELECT count(*) AS gaps, coalesce(sum(to_offset - from_offset), 0)::bigint AS records
FROM stream_gaps WHERE closed_at IS NULL
