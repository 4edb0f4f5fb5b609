-- What `verify` compares waiting voids with is what `rebuild` makes them of.

CREATE VIEW waiting_voids AS
SELECT v.call_id, jsonb_agg(DISTINCT replace(v.voids::text, '-', '')) AS identities
FROM call_cost_events AS v
WHERE v.type = 'cost.voided' AND NOT EXISTS (
    SELECT FROM call_cost_events AS e
    WHERE e.call_id = v.call_id AND e.identity = v.voids AND e.type = 'cost.recorded'
)
GROUP BY v.call_id;
COMMENT ON VIEW waiting_voids IS
    'The calls with voids whose cost has not arrived, and the identities of these costs: what their rows must hold.';
