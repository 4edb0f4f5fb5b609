-- Every statement checks the viewer (:viewer_id); :reads_all is true for an administrator. Row policies
-- hide other users' rows in addition.

-- fragment: listed_call
-- What a list says about the call `c`.
{{reports/filters.listed_columns}},
       (SELECT count(*) FROM unpriced_events AS u
         WHERE u.call_id = c.call_id AND (u.user_id = :viewer_id OR :reads_all)) AS unpriced_events,
       {{reports/filters.ended_by_limit}} AS ended_by_limit

-- name: calls
-- Up to :limit calls of :user_id, newest first, with a first event from :earliest to before :before, and
-- after the call :after_key of :after_time, as far as they match the filters; null is any. The times limit
-- the index scan; the rest is a filter.
SELECT {{listed_call}}
  FROM calls AS c
 WHERE user_id = :user_id
   AND (user_id = :viewer_id OR :reads_all)
   AND first_at >= coalesce(:earliest::timestamptz, '-infinity')
   AND first_at < coalesce(:before::timestamptz, 'infinity')
   AND first_at <= coalesce(:after_time::timestamptz, 'infinity')
   AND (:after_time::timestamptz IS NULL OR first_at < :after_time OR call_id > :after_key)
   AND {{reports/filters.of_listed_call}}
   AND {{reports/filters.having_cost}}
 ORDER BY first_at DESC, call_id
 LIMIT :limit

-- name: ranked_calls
-- The calls of `calls` in another order: by :field, a field of a listed call, descending if :descending. All
-- matching calls are ranked, so their number and the times limit the work. `rank` and the id are the
-- position of a call: up to :limit are returned after :after_rank and :after_key (null for the first ones).
WITH ranked AS (
    SELECT c.*, CASE WHEN :descending::boolean THEN -1 ELSE 1 END * CASE :field::text
               WHEN 'createdAt' THEN extract(epoch FROM first_at) * 1000000
               WHEN 'duration_seconds' THEN duration_ms
               WHEN 'totalCost' THEN cost_nano
               WHEN 'chargedToUser' THEN charged_nano
               ELSE charged_nano - refunded_nano - cost_nano END AS rank
      FROM calls AS c,
           LATERAL (SELECT coalesce(sum(service.value::numeric), 0) AS cost_nano
                      FROM jsonb_each(c.costs::jsonb) AS day, jsonb_each_text(day.value) AS service
                     WHERE :field::text IN ('totalCost', 'grossProfit')) AS cost,
           LATERAL (SELECT coalesce(sum((day.value ->> 0)::numeric), 0) AS charged_nano,
                           coalesce(sum((day.value ->> 1)::numeric), 0) AS refunded_nano
                      FROM jsonb_each(c.charges::jsonb) AS day
                     WHERE :field::text IN ('chargedToUser', 'grossProfit')) AS charge
     WHERE user_id = :user_id
       AND (user_id = :viewer_id OR :reads_all)
       AND first_at >= coalesce(:earliest::timestamptz, '-infinity')
       AND first_at < coalesce(:before::timestamptz, 'infinity')
       AND {{reports/filters.of_listed_call}}
       AND {{reports/filters.having_cost}}
)
SELECT {{listed_call}},
       rank::numeric(40, 0) AS rank
  FROM ranked AS c
 WHERE :after_rank::numeric IS NULL OR (rank, call_id) > (:after_rank::numeric, :after_key::text)
 ORDER BY rank, call_id
 LIMIT :limit

-- name: any_call
-- Whether the viewer (:viewer_id) may see any call; :reads_all is true for an administrator.
SELECT EXISTS (SELECT FROM calls WHERE user_id = :viewer_id OR :reads_all)

-- name: archived_events
-- The number of archived events of :call_id; null for a call that the viewer may not see.
SELECT (SELECT (SELECT coalesce(sum(event_count), 0)::bigint
                  FROM sealed_calls WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all))
          FROM calls WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all)
          AND user_id IS NOT NULL) AS archived_events

-- fragment: first_at
-- The time of the first event of :call_id. Months before it need not be searched.
(SELECT first_at FROM calls WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all))

-- name: events
-- Up to :limit events of :call_id, in order of time, after the event :after_key of :after_time. Only the last
-- settlement is included: it replaces the earlier ones. Events are indexed by call and not by time, which every batch
-- would pay for: a page reads the events of the call twice, from the month of :after_time and, for `marks`, from that
-- of the first event. `marks` decide about other events, wherever they are in the call.
WITH marks AS MATERIALIZED (
    SELECT voids, CASE WHEN type = 'call.settled' THEN (data::jsonb ->> 'version')::bigint END AS version
      FROM call_cost_events
     WHERE call_id = :call_id
       AND (user_id = :viewer_id OR :reads_all)
       AND time >= {{first_at}}
       AND type IN ('cost.voided', 'call.settled')
)
SELECT e.identity::text AS identity, e.source, e.event_id, e.type, e.time, e.recorded_at, e.service,
       e.operation, e.model, e.usage, e.unit, e.unit_cost, e.cost_nano, e.amount_nano, e.estimated OR coalesce(e.price_id < 0, false) AS estimated,
       e.data, e.usages, e.tags, e.leg_id, e.list_cost_nano,
       e.type = 'cost.recorded' AND (
           e.identity IN (SELECT voids FROM marks WHERE voids IS NOT NULL)
           OR EXISTS (SELECT FROM sealed_voids AS v WHERE v.call_id = :call_id AND v.voids = e.identity)
       ) AS voided,
       e.price_id <= 0 AND EXISTS (
           SELECT FROM unpriced_events AS u
            WHERE u.identity = e.identity AND (u.user_id = :viewer_id OR :reads_all)) AS unpriced,
       (SELECT coalesce(sum(event_count), 0)::bigint
          FROM sealed_calls WHERE call_id = :call_id
          AND (user_id = :viewer_id OR :reads_all)) AS archived_events
  FROM call_cost_events AS e
 WHERE e.call_id = :call_id
   AND (e.user_id = :viewer_id OR :reads_all)
   AND e.time >= greatest({{first_at}}, :after_time::timestamptz)
   AND (:after_time::timestamptz IS NULL OR (e.time, e.identity) > (:after_time, :after_key::text::uuid))
   AND (e.type <> 'call.settled'
        OR (e.data::jsonb ->> 'version')::bigint = (SELECT max(version) FROM marks)
           AND NOT EXISTS (
               SELECT FROM sealed_decisions AS d
                WHERE d.call_id = :call_id AND (d.user_id = :viewer_id OR :reads_all)
                  AND d.version > (e.data::jsonb ->> 'version')::bigint))
 ORDER BY e.time, e.identity
 LIMIT :limit
