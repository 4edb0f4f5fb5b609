-- Filters of calls, one meaning for every report: `c` is the call. Null matches everything.

-- fragment: of_call
-- Calls with one of the :personas and with the :tags. Calls without a persona count as :unknown_persona.
-- :tags is a JSON object of keys and their permitted values; an empty value is a call without the tag.
(:personas::text[] IS NULL OR coalesce(nullif(c.persona_id, ''), :unknown_persona) = ANY (:personas::text[]))
       AND (:tags::text IS NULL OR NOT EXISTS (
               SELECT FROM jsonb_each(:tags::text::jsonb) AS wanted (key, permitted)
                WHERE NOT wanted.permitted ? coalesce(c.tags ->> wanted.key, '')))

-- fragment: of_listed_call
-- The same, and a :status, and :id_part in the id, in any case.
{{of_call}}
       AND (:status::text IS NULL OR c.status = :status)
       AND (:id_part::text IS NULL OR strpos(lower(c.call_id), lower(:id_part::text COLLATE "C")) > 0)

-- fragment: having_cost
-- Calls with a cost of one of the :services, and with a recorded cost of one of the :models; an empty
-- model is a cost without one. Voided costs do not count.
(:services::text[] IS NULL OR EXISTS (
               SELECT FROM jsonb_each(c.costs::jsonb) AS day, unnest(:services::text[]) AS wanted
                WHERE (day.value ->> wanted)::numeric <> 0))
       AND (:models::text[] IS NULL OR EXISTS (
               SELECT FROM call_cost_events AS e
                WHERE e.call_id = c.call_id
                  AND (e.user_id = :viewer_id OR :reads_all)
                  AND e.time >= c.first_at
                  AND e.type = 'cost.recorded'
                  AND coalesce(e.model, '') = ANY (:models::text[])
                  AND NOT EXISTS (SELECT FROM call_cost_events AS v
                                   WHERE v.call_id = c.call_id
                                     AND (v.user_id = :viewer_id OR :reads_all)
                                     AND v.time >= c.first_at
                                     AND v.type = 'cost.voided'
                                     AND v.voids = e.identity)))

-- fragment: listed_columns
-- What lists and exports say about a call.
c.call_id, c.user_id, c.persona_id, c.status, c.duration_ms, c.costs, c.charges, c.tags::text AS tags,
       c.charge_plan::text AS charge_plan, c.estimated_count > 0 AS estimated, c.first_at, c.started_at, c.ended_at,
       c.updated_at

-- fragment: ended_by_limit
-- The limit that ended the call, as JSON: its first executed cutoff, if the limit caused it; else null.
(SELECT CASE WHEN k.cause = 'limit' THEN json_build_object(
                   'limitNano', ((k.payload::json #>> '{data,limit_usd}')::numeric * 1000000000)::bigint,
                   'budgetId', k.payload::json #>> '{data,budgetId}',
                   'limitVersion', (k.payload::json #>> '{data,limitVersion}')::integer, 'executedAt', k.ended_at) END
          FROM call_commands AS k
         WHERE k.call_id = c.call_id
           AND (k.user_id = :viewer_id OR :reads_all)
           AND k.kind = 'cutoff'
           AND k.state = 'executed'
         ORDER BY k.ended_at, k.seq
         LIMIT 1)
