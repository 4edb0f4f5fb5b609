-- Gaps: ranges of the stream that were never counted.

-- fragment: gap_columns
-- The fields of a gap.
gap_id, cluster, topic, "partition", incarnation, from_offset, to_offset, reason, noticed_at,
(SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(counted) AS r) AS counted,
closed_at, closed_by, closed_why

-- name: list
-- Up to :limit gaps, newest first; closed ones only if :include_closed.
SELECT {{gap_columns}}
FROM stream_gaps
WHERE :include_closed OR closed_at IS NULL
ORDER BY gap_id DESC LIMIT :limit

-- name: find
-- The gap :gap_id.
SELECT {{gap_columns}}
FROM stream_gaps WHERE gap_id = :gap_id

-- name: close
-- Closes an open gap, in the name of :closed_by, for the :reason.
UPDATE stream_gaps SET closed_at = now(), closed_by = :closed_by, closed_why = :reason
WHERE gap_id = :gap_id AND closed_at IS NULL
RETURNING gap_id
