-- Where each partition of a stream is read from, and what was skipped.

-- name: read
-- The stored position of each partition of topic $2 on cluster $1.
SELECT "partition", next_offset, incarnation, generation,
       confirmed_offset, last_record
FROM stream_offsets WHERE cluster = $1 AND topic = $2

-- name: begin
-- Stores where counting begins: partitions $3 from offsets $4 of incarnation $5. Stored ones stay.
INSERT INTO stream_offsets (cluster, topic, "partition", next_offset, incarnation, confirmed_offset)
SELECT $1, $2, t."partition", t.first_offset, $5, t.first_offset
FROM unnest($3::integer[], $4::bigint[]) AS t ("partition", first_offset)
ON CONFLICT DO NOTHING

-- name: set
-- Sets the offset of partition $3 to $4 of incarnation $5, where it still has generation $6 and
-- offset $7. Batches of the generation before move it no more.
UPDATE stream_offsets
SET next_offset = $4, incarnation = $5, generation = generation + 1, confirmed_offset = $4,
    last_record = NULL, updated_at = now()
WHERE cluster = $1 AND topic = $2 AND "partition" = $3 AND generation = $6 AND next_offset = $7
RETURNING generation

-- name: adopt
-- Notes the incarnation $4 of a stored offset of partition $3 that has none.
UPDATE stream_offsets SET incarnation = $4
WHERE cluster = $1 AND topic = $2 AND "partition" = $3 AND incarnation IS NULL AND generation = $5

-- name: add_gap
-- Keeps a range of partition $3 that was never counted: of incarnation $4, from $5 to before $6.
INSERT INTO stream_gaps (cluster, topic, "partition", incarnation, from_offset, to_offset, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING gap_id

-- name: confirm
-- Notes that partitions $3 are of their incarnation up to offsets $5, where they have generation $4.
WITH counted AS (
    SELECT o."partition", t.confirmed_offset
    FROM unnest($3::integer[], $4::integer[], $5::bigint[]) AS t ("partition", generation, confirmed_offset)
    JOIN stream_offsets AS o USING ("partition", generation)
    WHERE o.cluster = $1 AND o.topic = $2 AND o.next_offset >= t.confirmed_offset
    ORDER BY o."partition"
    FOR UPDATE OF o
)
UPDATE stream_offsets AS o SET confirmed_offset = counted.confirmed_offset
FROM counted
WHERE o.cluster = $1 AND o.topic = $2 AND o."partition" = counted."partition"
