-- Every statement checks the viewer (:viewer_id); :reads_all is true for an administrator. Row policies
-- hide other users' rows in addition.

-- fragment: digest_of_call
-- A digest that changes with everything that the report of a call depends on: with the call `c`, whose
-- row changes with each of its events; with the execution of its `cutoff`; with the ledger's epoch, because a
-- restore sets rows back; with its archived events, which leave with the seal of their month; and with the
-- catalogue and the processors, which only grow, by one transaction at a time.
encode(sha256(convert_to(concat_ws(
           ' ', c::text, cutoff.ended_by_limit::text, (SELECT max(epoch) FROM ledger_epochs),
           (SELECT row(count(*), sum(event_count), max(seal_id)) FROM sealed_calls
             WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all)),
           (SELECT max(price_id) FROM service_prices),
           (SELECT count(*) FROM payment_processors)), 'UTF8')), 'hex')

-- fragment: visible_call
-- The call :call_id and its cutoff, for a viewer who may see it.
calls AS c
 CROSS JOIN LATERAL (SELECT {{reports/filters.ended_by_limit}} AS ended_by_limit OFFSET 0) AS cutoff
 WHERE c.call_id = :call_id
   AND (c.user_id = :viewer_id OR :reads_all)
   AND c.user_id IS NOT NULL

-- name: call_version
-- The version of a call's report, which is all that a revalidation needs.
SELECT {{digest_of_call}} AS version
  FROM {{visible_call}}

-- name: call
-- A call with the class of each of its services, its first :lines_max usage lines, and the number of all
-- lines. Voided lines are left out, so that the rest sums up to the totals, except for archived lines, of
-- which there is only a count. No event is older than the call's first one, which excludes earlier
-- partitions. Events are found by :call_id, not by c.call_id, whose collation differs from that of their
-- index. Money is nano-dollars.
SELECT {{digest_of_call}} AS version, c.call_id, c.user_id, c.persona_id, c.status, c.duration_ms, c.costs, c.charges,
       c.tags::text AS tags, c.charge_plan::text AS charge_plan, c.roundings::text AS roundings,
       c.estimated_count > 0 AS estimated, c.first_at, c.started_at, c.ended_at, c.updated_at,
       (SELECT coalesce(sum(event_count), 0)
          FROM sealed_calls WHERE call_id = :call_id
          AND (user_id = :viewer_id OR :reads_all)) AS archived_events,
       (SELECT count(*) FROM unpriced_events
         WHERE call_id = :call_id AND (user_id = :viewer_id OR :reads_all)) AS unpriced_events,
       cutoff.ended_by_limit,
       (SELECT json_object_agg(s.service, k.class)
          FROM (SELECT DISTINCT service
                  FROM jsonb_each(c.costs::jsonb) AS day (date, costs),
                       jsonb_object_keys(day.costs) AS service) AS s,
               cost_class_of(s.service) AS k) AS classes,
       (SELECT json_build_object(
                   'count', coalesce(max(e.line_count), 0),
                   'listed', coalesce(json_agg(json_build_object(
                       'service', e.service, 'operation', e.operation,
                       'usage', e.usage, 'unit', e.unit, 'costNano', e.cost_nano,
                       'unitCost', e.unit_cost, 'priceUsd', p.price_usd, 'perUnits', p.per_units,
                       'priceUnit', split_part(p.unit, ' ', 1), 'metadata', e.data,
                       'usages', (
                           SELECT json_agg(json_build_object(
                                      'unit', u.unit, 'quantity', u.quantity, 'costNano', u.cost_nano,
                                      'priceUsd', q.price_usd, 'perUnits', q.per_units,
                                      'priceUnit', split_part(q.unit, ' ', 1))
                                  ORDER BY u.unit COLLATE "C")
                             FROM jsonb_to_recordset(e.usages)
                                  AS u (unit text, quantity numeric, price_id integer, cost_nano bigint)
                             LEFT JOIN service_prices AS q ON q.price_id = abs(u.price_id)),
                       'unpriced', coalesce(e.price_id <= 0, false), 'legId', e.leg_id)
                   ORDER BY e.service, e.time, e.identity), '[]'))
          FROM (SELECT e.*, count(*) OVER () AS line_count
                  FROM call_cost_events AS e
                 WHERE e.call_id = :call_id
                   AND (e.user_id = :viewer_id OR :reads_all)
                   AND e.time >= c.first_at
                   AND e.type = 'cost.recorded'
                   AND e.identity NOT IN (SELECT v.voids
                                            FROM call_cost_events AS v
                                           WHERE v.call_id = :call_id
                                             AND (v.user_id = :viewer_id OR :reads_all)
                                             AND v.time >= c.first_at
                                             AND v.type = 'cost.voided'
                                             AND v.voids IS NOT NULL)
                   AND NOT EXISTS (SELECT
                                     FROM sealed_voids AS v
                                    WHERE v.call_id = :call_id AND v.voids = e.identity)
                 ORDER BY e.time, e.identity
                 LIMIT :lines_max) AS e
          LEFT JOIN service_prices AS p ON p.price_id = abs(e.price_id)) AS lines
  FROM {{visible_call}}

-- fragment: rows_of_spending
-- The rows of :user_id from :first_day to :last_day that a report of spending sums up.
day_rows AS MATERIALIZED (
    SELECT day, coalesce(nullif(persona_id, ''), :unknown_persona) AS persona_id, calls, duration_ms,
           charged_nano, refunded_nano
      FROM user_days
     WHERE user_id = :user_id
       AND (user_id = :viewer_id OR :reads_all)
       AND day BETWEEN :first_day AND :last_day
), cost_rows AS MATERIALIZED (
    SELECT day, coalesce(nullif(persona_id, ''), :unknown_persona) AS persona_id, service, cost_nano
      FROM user_day_costs
     WHERE user_id = :user_id
       AND (user_id = :viewer_id OR :reads_all)
       AND day BETWEEN :first_day AND :last_day
), unpriced AS MATERIALIZED (
    SELECT count(*) AS events
      FROM unpriced_events
     WHERE user_id = :user_id
       AND (user_id = :viewer_id OR :reads_all)
       AND time >= :first_day::date::timestamp AT TIME ZONE 'UTC'
       AND time < (:last_day::date + 1)::timestamp AT TIME ZONE 'UTC'
)

-- fragment: digest_of_spending
-- A digest of the rows of spending and of what decides the class of a service.
(SELECT encode(sha256(convert_to(concat_ws(
            ' ', (SELECT string_agg(d::text, ' ' ORDER BY d) FROM day_rows AS d), '|',
            (SELECT string_agg(c::text, ' ' ORDER BY c) FROM cost_rows AS c),
            (SELECT max(epoch) FROM ledger_epochs), (SELECT max(price_id) FROM service_prices),
            (SELECT count(*) FROM payment_processors), (SELECT events FROM unpriced)), 'UTF8')), 'hex'))

-- name: spending_version
-- The version of a report of spending, which is all that a revalidation needs.
WITH {{rows_of_spending}}
SELECT {{digest_of_spending}} AS version

-- name: spending
-- The spending of :user_id from :first_day to :last_day, both included: sums, the cost and class of each
-- service, the :personas_max most expensive personas, and each day with anything on it, with the costs of
-- these personas, and the number of events without a price. A persona whose calls were all reassigned to
-- another is left out; calls without one count as :unknown_persona.
WITH {{rows_of_spending}}, day_costs AS (
    SELECT day, service, sum(cost_nano) AS cost_nano FROM cost_rows GROUP BY day, service
), services AS (
    SELECT service, sum(cost_nano) AS cost_nano FROM day_costs GROUP BY service
), personas AS (
    SELECT persona_id, sum(calls) AS calls, sum(cost_nano) AS cost_nano
      FROM (SELECT persona_id, calls, 0 AS cost_nano FROM day_rows
            UNION ALL
            SELECT persona_id, 0, cost_nano FROM cost_rows) AS parts
     GROUP BY persona_id
    HAVING sum(calls) <> 0 OR sum(cost_nano) <> 0
     ORDER BY cost_nano DESC, calls DESC, persona_id COLLATE "C"
     LIMIT :personas_max
), daily AS (
    SELECT day, coalesce(calls, 0) AS calls, coalesce(charged_nano, 0) AS charged_nano,
           coalesce(refunded_nano, 0) AS refunded_nano, coalesce(costs, '{}') AS costs,
           coalesce(by_persona, '{}') AS by_persona
      FROM (SELECT day, sum(calls) AS calls, sum(charged_nano) AS charged_nano,
                   sum(refunded_nano) AS refunded_nano
              FROM day_rows GROUP BY day) AS sums
      FULL JOIN (SELECT day, json_object_agg(service, cost_nano) AS costs
                   FROM day_costs GROUP BY day) AS costs USING (day)
      LEFT JOIN (SELECT day, json_object_agg(persona_id, cost_nano) AS by_persona
                   FROM (SELECT day, persona_id, sum(cost_nano) AS cost_nano
                           FROM cost_rows
                          WHERE persona_id IN (SELECT persona_id FROM personas)
                          GROUP BY day, persona_id) AS parts
                  GROUP BY day) AS of_personas USING (day)
)
SELECT coalesce(sum(calls), 0)::bigint AS calls,
       coalesce(sum(duration_ms), 0) AS duration_ms,
       coalesce(sum(charged_nano), 0) AS charged_nano,
       coalesce(sum(refunded_nano), 0) AS refunded_nano,
       {{digest_of_spending}} AS version,
       (SELECT events FROM unpriced) AS unpriced_events,
       (SELECT json_object_agg(service, cost_nano) FROM services) AS costs,
       (SELECT json_object_agg(s.service, k.class)
               FROM services AS s, cost_class_of(s.service) AS k) AS classes,
       (SELECT json_agg(json_build_object(
                        'personaId', persona_id, 'calls', calls, 'costNano', cost_nano))
               FROM personas) AS personas,
       (SELECT json_agg(json_build_object(
                        'day', day, 'calls', calls, 'chargedNano', charged_nano,
                        'refundedNano', refunded_nano, 'costs', costs, 'byPersona', by_persona)
                    ORDER BY day)
               FROM daily) AS daily
  FROM day_rows
