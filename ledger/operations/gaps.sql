-- Ranges of the stream that were never counted.

-- name: list
-- Gaps, the newest first, up to $2 of them; closed ones only where $1 is true.
SELECT gap_id, cluster, topic, "partition", incarnation, from_offset, to_offset, reason, noticed_at,
       (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(counted) AS r) AS counted,
       closed_at, closed_by, closed_why
FROM stream_gaps
WHERE $1 OR closed_at IS NULL
ORDER BY gap_id DESC LIMIT $2

-- name: find
-- One gap.
SELECT gap_id, cluster, topic, "partition", incarnation, from_offset, to_offset, reason, noticed_at,
       (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(counted) AS r) AS counted,
       closed_at, closed_by, closed_why
FROM stream_gaps WHERE gap_id = $1

-- name: close
-- Closes an open gap: $2 takes the responsibility, for the reason $3.
UPDATE stream_gaps SET closed_at = now(), closed_by = $2, closed_why = $3
WHERE gap_id = $1 AND closed_at IS NULL
RETURNING gap_id

-- name: open
-- How many gaps are open, and how many records those with a known end hold.
SELECT count(*) AS gaps, coalesce(sum(to_offset - from_offset), 0)::bigint AS records
FROM stream_gaps WHERE closed_at IS NULL
