-- Finds voided costs of archived months by what voids name. Before, the planner could read the index of
-- a whole month for each call. Columns and rows of the view are as before.

CREATE OR REPLACE VIEW archived_lines WITH (security_invoker = true) AS
SELECT c.call_id, c.user_id, s.sealed_at, days.key::date AT TIME ZONE 'UTC' AS time, 'archived.costs' AS type,
       costs.key AS service, costs.value::bigint AS cost_nano, 0::bigint AS amount_nano,
       NULL::uuid AS identity, 'archive' AS source, s.file AS event_id, NULL::text AS data, NULL::bigint AS version
FROM sealed_calls AS c JOIN month_seals AS s USING (seal_id),
     jsonb_each(c.costs) AS days, jsonb_each_text(days.value) AS costs
UNION ALL
SELECT a.call_id, c.user_id, s.sealed_at, a.time, 'archived.voided', k.service, -a.cost_nano, 0, a.identity,
       k.source, a.event_id, NULL, NULL
FROM (
    SELECT call_id, voids FROM call_cost_events WHERE type = 'cost.voided'
    UNION
    SELECT call_id, voids FROM sealed_voids
) AS v
JOIN archived_costs AS a ON a.call_id = v.call_id AND a.identity = v.voids
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN month_seals AS s USING (seal_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
UNION ALL
SELECT c.call_id, c.user_id, s.sealed_at, days.key::date AT TIME ZONE 'UTC', 'archived.' || sums.kind, NULL, 0,
       (days.value ->> sums.place)::bigint, NULL, 'archive', s.file, NULL, NULL
FROM sealed_calls AS c JOIN month_seals AS s USING (seal_id),
     jsonb_each(c.charges) AS days, (VALUES ('charged', 0), ('refunded', 1)) AS sums (kind, place)
WHERE (days.value ->> sums.place)::bigint <> 0
UNION ALL
SELECT d.call_id, d.user_id, s.sealed_at, d.time, 'call.settled', NULL, 0, 0, d.identity,
       'ledger', d.call_id || '/' || d.version, d.data, d.version
FROM sealed_decisions AS d JOIN month_seals AS s USING (seal_id);
