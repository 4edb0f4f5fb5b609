-- The vendor that carries a call, as its events report it.

-- name: of_call
-- The vendor of :call_id, its id of the call and its control address, each from the latest event that names it. No row
-- if the :viewer_id may read no event of the call. Archived events are left out: such calls are long over.
SELECT (array_agg(e.provider ORDER BY e.time DESC, e.identity DESC) FILTER (WHERE e.provider IS NOT NULL))[1] AS provider,
       (array_agg(e.provider_call_id ORDER BY e.time DESC, e.identity DESC) FILTER (WHERE e.provider_call_id IS NOT NULL))[1]
           AS provider_call_id,
       (array_agg(e.control_url ORDER BY e.time DESC, e.identity DESC) FILTER (WHERE e.control_url IS NOT NULL))[1] AS control_url
  FROM (SELECT time, identity, fact ->> 'provider' AS provider, fact ->> 'providerCallId' AS provider_call_id,
               fact ->> 'controlUrl' AS control_url
          FROM (SELECT time, identity, CASE WHEN type IN ('call.started', 'call.updated') THEN data::jsonb END AS fact
                  FROM call_cost_events
                 WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all)
                   AND time >= {{reports/lists.first_at}}) AS facts) AS e
HAVING count(*) > 0
