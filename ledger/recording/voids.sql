-- Corrections that replaced the costs which voids name.

-- name: newest_replacements
-- The corrected costs among :identities, each of the call in :call_ids at the same index, with the id of the newest
-- correction. The id of a correction begins with the identity that it replaced.
WITH RECURSIVE chain AS (
    SELECT requested.identity AS first, requested.call_id, requested.identity, NULL::text AS event_id, 0 AS depth
    FROM unnest(:identities::uuid[], :call_ids::text[]) AS requested (identity, call_id)
    UNION ALL
    SELECT chain.first, chain.call_id, e.identity, e.event_id, chain.depth + 1
    FROM chain, LATERAL (
        SELECT identity, event_id
        FROM call_cost_events AS e
        WHERE e.call_id = chain.call_id AND e.type = 'cost.recorded' AND e.source = :source
          AND starts_with(e.event_id, replace(chain.identity::text, '-', '') || '/')
        UNION ALL
        SELECT a.identity, a.event_id
        FROM archived_costs AS a JOIN archived_cost_kinds AS k USING (kind_id)
        WHERE a.call_id = chain.call_id AND k.source = :source
          AND starts_with(a.event_id, replace(chain.identity::text, '-', '') || '/')
        OFFSET 0 -- call by call, through the index, whatever the planner believes
    ) AS e
    WHERE chain.depth < 1000
)
SELECT DISTINCT ON (first) replace(first::text, '-', '') AS identity, event_id
FROM chain WHERE event_id IS NOT NULL
ORDER BY first, depth DESC
