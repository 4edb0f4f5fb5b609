-- Calls with held events, which no user owns yet. For administrators only: held_calls() returns nothing to others.

-- name: list
-- Up to :limit calls with held events, by id, after the call :after.
SELECT call_id, events, types, sources, first_at, held_at FROM held_calls(:after, NULL, :limit)

-- name: find
-- The call :call_id, if it has held events.
SELECT call_id, events, types, sources, first_at, held_at FROM held_calls('', :call_id, 1)

-- name: list_as_operator
-- The same for an operator, who reads the table; only the call :call_id, if it is not null.
SELECT h.call_id, count(*) AS events, array_agg(DISTINCT e.type ORDER BY e.type) AS types,
       array_agg(DISTINCT e.source ORDER BY e.source) AS sources, min(e.time) AS first_at, min(h.held_at) AS held_at
  FROM held_events AS h, json_to_record(h.event::json) AS e (type text, source text, time timestamptz)
 WHERE :call_id::text IS NULL OR h.call_id = :call_id
 GROUP BY h.call_id ORDER BY h.call_id COLLATE "C" LIMIT :limit
