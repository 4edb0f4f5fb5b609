-- Which service owns a source of events that come over HTTP.

-- name: owners
-- The owners of those of the sources :sources that have one.
SELECT source, subject FROM event_sources WHERE source = ANY (:sources::text[])

-- name: claim
-- Makes :subject the owner of those of :sources that have none, as long as it owns at most :most
-- then.
INSERT INTO event_sources (source, subject)
SELECT source, :subject FROM unnest(:sources::text[]) AS asked (source)
 WHERE (SELECT count(*) FROM event_sources WHERE subject = :subject)
       + cardinality(:sources::text[]) <= :most
 ORDER BY source
    ON CONFLICT (source) DO NOTHING

-- name: list
-- Sources and their owners, up to :most of them; those of one owner where :subject names it.
SELECT source, subject, owned_since FROM event_sources
 WHERE :subject::text IS NULL OR subject = :subject
 ORDER BY subject, source LIMIT :most

-- name: give
-- Makes :subject the owner of :source, also where another one owned it; returns the owner before, null for none.
WITH before AS (SELECT subject FROM event_sources WHERE source = :source),
     given AS (INSERT INTO event_sources (source, subject) VALUES (:source, :subject)
               ON CONFLICT (source) DO UPDATE SET subject = :subject, owned_since = now())
SELECT (SELECT subject FROM before)
