-- Trace contexts of alerts and commands, written only for events that their emitter samples.

-- name: note
-- Stores the trace contexts of messages; a message keeps its first.
INSERT INTO message_traces (id, traceparent)
SELECT id, context FROM unnest(:ids::uuid[], :contexts::text[]) AS t (id, context)
ON CONFLICT DO NOTHING

-- name: read
-- The trace contexts of :ids that have one.
SELECT id::text, traceparent FROM message_traces WHERE id = ANY (:ids::uuid[])

-- name: prune
-- Removes trace contexts of messages that are older than :days days.
DELETE FROM message_traces WHERE noted_at < now() - make_interval(days => :days)
