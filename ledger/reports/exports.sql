-- Every statement checks the viewer (:viewer_id) beside the requested user (:user_id); :reads_all is
-- true for an administrator. Row policies hide other users' rows in addition. The rows are read through
-- a cursor, and read in index order where possible instead of sorted, so that memory stays constant.

-- name: events
-- The events of :user_id's calls from :since to before :until, newest call first, in order of time
-- within a call. The archived events of a call are one line per day and service, so that column sums
-- still equal the totals. Walks the index of calls and looks up the events of each, with the voided ones
-- and the last settlement.
-- :status, :id_part, :personas and :tags select calls as in lists; null is any. With :services or :models
-- only costs of these are returned, and settlements, which contain costs of several services.
SELECT e.time, e.recorded_at, e.call_id, e.persona_id, e.type, e.service, e.operation,
       e.operation_sent, e.model, e.usage, e.unit, e.unit_cost, e.cost_nano, e.amount_nano,
       e.estimated,
       e.type = 'cost.recorded' AND (
           e.identity = ANY (of_call.voided)
           OR EXISTS (SELECT FROM sealed_voids AS v WHERE v.call_id = c.call_id AND v.voids = e.identity)) AS voided,
       e.source, e.event_id, e.data, e.usages, e.tags, e.leg_id
  FROM (SELECT call_id, first_at
          FROM calls AS c
         WHERE user_id = :user_id
           AND (user_id = :viewer_id OR :reads_all)
           AND first_at < :until
           AND {{reports/filters.of_listed_call}}
         ORDER BY first_at DESC, call_id) AS c
 CROSS JOIN LATERAL (
       SELECT coalesce(array_agg(voids) FILTER (WHERE type = 'cost.voided'), '{}') AS voided,
              greatest(max(CASE WHEN type = 'call.settled' THEN (data::jsonb ->> 'version')::bigint END),
                       (SELECT max(version) FROM sealed_decisions AS d
                         WHERE d.call_id = c.call_id
                           AND (d.user_id = :viewer_id OR :reads_all))) AS decision
         FROM call_cost_events
        WHERE call_id = c.call_id
          AND (user_id = :viewer_id OR :reads_all)
          AND time >= c.first_at
          AND type IN ('cost.voided', 'call.settled')) AS of_call
 CROSS JOIN LATERAL (
       SELECT time, recorded_at, call_id, persona_id, type, service, operation, operation_sent, model,
              usage, unit, unit_cost, cost_nano, amount_nano, estimated OR coalesce(price_id < 0, false) AS estimated,
              identity, source, event_id, data,
              usages, tags, leg_id
         FROM call_cost_events
        WHERE call_id = c.call_id
          AND (user_id = :viewer_id OR :reads_all)
          AND time >= greatest(c.first_at, :since)
          AND time < :until
          AND (type <> 'call.settled' OR (data::jsonb ->> 'version')::bigint = of_call.decision)
          AND (:services::text[] IS NULL OR service = ANY (:services::text[]) OR type = 'call.settled')
          AND (:models::text[] IS NULL OR type = 'call.settled'
               OR service IS NOT NULL AND coalesce(model, '') = ANY (:models::text[]))
        UNION ALL
       SELECT a.time, a.sealed_at, a.call_id, NULL, a.type, a.service, NULL, NULL, NULL,
              NULL, NULL, NULL, a.cost_nano, a.amount_nano, false, a.identity, a.source, a.event_id, a.data,
              NULL, NULL, NULL
         FROM archived_lines AS a
        WHERE a.call_id = c.call_id
          AND (a.user_id = :viewer_id OR :reads_all)
          AND a.time >= :since
          AND a.time < :until
          AND (a.version IS NULL OR a.version = of_call.decision)
          AND (:services::text[] IS NULL OR a.service = ANY (:services::text[]) OR a.type = 'call.settled')
          AND (:models::text[] IS NULL OR a.type = 'call.settled'
               OR a.service IS NOT NULL AND '' = ANY (:models::text[]))
        ORDER BY time, identity, type, service) AS e

-- name: calls
-- The calls of :user_id with a first event from :since to before :until, newest first, filtered as in lists.
SELECT {{reports/filters.listed_columns}}
  FROM calls AS c
 WHERE user_id = :user_id
   AND (user_id = :viewer_id OR :reads_all)
   AND first_at >= :since
   AND first_at < :until
   AND {{reports/filters.of_listed_call}}
   AND {{reports/filters.having_cost}}
 ORDER BY first_at DESC, call_id

-- name: daily
-- Each non-empty day of :user_id from :since to before :until, with its costs by service.
SELECT day, coalesce(calls, 0) AS calls, coalesce(duration_ms, 0) AS duration_ms,
       coalesce(charged_nano, 0) AS charged_nano, coalesce(refunded_nano, 0) AS refunded_nano,
       coalesce(costs, '{}')::text AS costs
  FROM (SELECT day, sum(calls) AS calls, sum(duration_ms) AS duration_ms,
               sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
          FROM user_days
         WHERE user_id = :user_id
           AND (user_id = :viewer_id OR :reads_all)
           AND day >= utc_day(:since)
           AND day < utc_day(:until)
         GROUP BY day) AS sums
  FULL JOIN (
       SELECT day, json_object_agg(service, cost_nano) AS costs
         FROM (SELECT day, service, sum(cost_nano) AS cost_nano
                 FROM user_day_costs
                WHERE user_id = :user_id
                  AND (user_id = :viewer_id OR :reads_all)
                  AND day >= utc_day(:since)
                  AND day < utc_day(:until)
                GROUP BY day, service) AS services
        GROUP BY day) AS by_day USING (day)
 ORDER BY day
