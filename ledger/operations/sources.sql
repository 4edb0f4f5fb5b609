-- Which service owns a source of events that come over HTTP.

-- name: owners
-- The owners of those of the sources $1 that have one.
SELECT source, subject FROM event_sources WHERE source = ANY ($1::text[])

-- name: claim
-- Makes $1 the owner of those of the sources $2 that have none, as long as it owns at most $3 then.
INSERT INTO event_sources (source, subject)
SELECT source, $1 FROM unnest($2::text[]) AS asked (source)
 WHERE (SELECT count(*) FROM event_sources WHERE subject = $1) + cardinality($2::text[]) <= $3
 ORDER BY source
    ON CONFLICT (source) DO NOTHING

-- name: list
-- Sources and their owners, up to $2 of them; those of one owner where $1 names it.
SELECT source, subject, owned_since FROM event_sources
 WHERE $1::text IS NULL OR subject = $1
 ORDER BY subject, source LIMIT $2

-- name: give
-- Makes $2 the owner of the source $1, whoever owned it; returns the owner before, null for none.
WITH before AS (SELECT subject FROM event_sources WHERE source = $1),
     given AS (INSERT INTO event_sources (source, subject) VALUES ($1, $2)
               ON CONFLICT (source) DO UPDATE SET subject = $2, owned_since = now())
SELECT (SELECT subject FROM before)
