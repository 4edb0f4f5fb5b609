-- The owners of sources of events sent over HTTP.

-- name: owners
-- The owners of those of :sources that have one.
SELECT source, subject FROM event_sources WHERE source = ANY (:sources::text[])

-- name: claim
-- Makes :subject the owner of those of :sources without one, as long as it then owns at most :limit.
INSERT INTO event_sources (source, subject)
SELECT source, :subject FROM unnest(:sources::text[]) AS requested (source)
 WHERE (SELECT count(*) FROM event_sources WHERE subject = :subject)
       + cardinality(:sources::text[]) <= :limit
 ORDER BY source
    ON CONFLICT (source) DO NOTHING

-- name: list
-- Up to :limit sources with their owners; those of :subject if it is not null.
SELECT source, subject, owned_since FROM event_sources
 WHERE :subject::text IS NULL OR subject = :subject
 ORDER BY subject, source LIMIT :limit

-- name: give
-- Makes :subject the owner of :source; returns the previous owner, or null.
WITH before AS (SELECT subject FROM event_sources WHERE source = :source),
     given AS (INSERT INTO event_sources (source, subject) VALUES (:source, :subject)
               ON CONFLICT (source) DO UPDATE SET subject = :subject, owned_since = now())
SELECT (SELECT subject FROM before)
