-- Traces that emitters attached to a framework have declared.

-- name: find
-- Those of :trace_ids that are declared.
SELECT trace_id FROM attached_traces WHERE trace_id = ANY (:trace_ids::text[])
