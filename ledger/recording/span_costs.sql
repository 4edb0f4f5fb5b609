-- Costs that spans reported, and traces that attachments to frameworks report.

-- name: add
-- Adds the costs of :rows, and their traces to those to be compared.
WITH added AS (
    INSERT INTO span_costs (identity, trace_id, span_id, parent_id, scope, starts_ns, ends_ns, prompt, reply,
                            source, event_id, call_id, user_id, time)
    SELECT identity, trace_id, span_id, parent_id, scope, starts_ns, ends_ns, prompt, reply,
           source, event_id, call_id, user_id, time
    FROM json_populate_recordset(NULL::span_costs, :rows::text::json)
    ON CONFLICT (identity) DO NOTHING
    RETURNING trace_id
)
INSERT INTO span_checks (trace_id) SELECT DISTINCT trace_id FROM added

-- name: attach
-- Adds :trace_ids to the traces that attachments report, and the new ones to those to be compared.
WITH added AS (
    INSERT INTO attached_traces (trace_id) SELECT unnest(:trace_ids::text[])
    ON CONFLICT (trace_id) DO NOTHING
    RETURNING trace_id
)
INSERT INTO span_checks (trace_id) SELECT trace_id FROM added
