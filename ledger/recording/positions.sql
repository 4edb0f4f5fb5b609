-- Positions of partitions, and gaps.

-- name: read
-- The stored position of each partition of :topic on :cluster.
SELECT "partition", next_offset, incarnation, generation,
       confirmed_offset, last_record
FROM stream_offsets WHERE cluster = :cluster AND topic = :topic

-- name: begin
-- Stores first positions: :partitions from :first_offsets of :incarnation. Existing ones do not change.
INSERT INTO stream_offsets (cluster, topic, "partition", next_offset, incarnation, confirmed_offset)
SELECT :cluster, :topic, t."partition", t.first_offset, :incarnation, t.first_offset
FROM unnest(:partitions::integer[], :first_offsets::bigint[]) AS t ("partition", first_offset)
ON CONFLICT DO NOTHING

-- name: set
-- Sets the offset of :partition to :next_offset of :incarnation, if it still has :generation and
-- :stored_offset. Batches of the previous generation cannot move it any more.
UPDATE stream_offsets
SET next_offset = :next_offset, incarnation = :incarnation, generation = generation + 1,
    confirmed_offset = :next_offset, last_record = NULL, updated_at = now()
WHERE cluster = :cluster AND topic = :topic AND "partition" = :partition
  AND generation = :generation AND next_offset = :stored_offset
RETURNING generation

-- name: adopt
-- Stores the :incarnation of a stored offset of :partition that has none.
UPDATE stream_offsets SET incarnation = :incarnation
WHERE cluster = :cluster AND topic = :topic AND "partition" = :partition AND incarnation IS NULL
  AND generation = :generation

-- name: add_gap
-- Stores a gap of :partition: of :incarnation, from :from_offset to before :to_offset.
INSERT INTO stream_gaps (cluster, topic, "partition", incarnation, from_offset, to_offset, reason)
VALUES (:cluster, :topic, :partition, :incarnation, :from_offset, :to_offset, :reason)
RETURNING gap_id

-- name: confirm
-- Stores that :partitions are of their incarnation up to :offsets, if they still have :generations.
WITH counted AS (
    SELECT o."partition", t.confirmed_offset
    FROM unnest(:partitions::integer[], :generations::integer[], :offsets::bigint[])
         AS t ("partition", generation, confirmed_offset)
    JOIN stream_offsets AS o USING ("partition", generation)
    WHERE o.cluster = :cluster AND o.topic = :topic AND o.next_offset >= t.confirmed_offset
    ORDER BY o."partition"
    FOR UPDATE OF o
)
UPDATE stream_offsets AS o SET confirmed_offset = counted.confirmed_offset
FROM counted
WHERE o.cluster = :cluster AND o.topic = :topic AND o."partition" = counted."partition"
