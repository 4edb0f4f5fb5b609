-- The statements check the viewer (:viewer_id); :reads_all is true for an administrator. Row policies hide
-- other users' rows in addition.

-- name: grouped
-- The spending of :user_id from :first_day to :last_day, both included, as far as it matches the filters, and
-- its groups. The columns of `spending`, and `groups`.
--
-- :personas and :tags select calls, :services and :models costs of these calls; null is any. An empty model
-- is a cost without one. :group_by is persona, service, model, tag (of :tag_key), or empty. A charge belongs
-- to a call, so groups by service or model have costs only.
--
-- Without tags and models the sums follow from the running totals of days, else (:reads_calls) from the
-- calls, whose `costs` and `charges` are what they contribute to these totals. A call that began before the
-- period counts if it has a day of :months, a regular expression of the period's months. Models
-- (:reads_models) are those of the recorded costs and roundings; what remains of a call's costs has no
-- model, so the sums by model equal the totals even if events were archived.
--
-- The groups with the highest costs are listed, up to :groups_max; `others` are all further ones, and
-- `without` is what has no value: calls without the tag or a persona, costs without a model.
WITH selected AS NOT MATERIALIZED (
    SELECT {{selected_columns}}
      FROM calls AS c
     WHERE :reads_calls AND user_id = :user_id::text AND (user_id = :viewer_id OR :reads_all)
       AND {{in_period}}
       AND {{reports/filters.of_call}}
), named AS NOT MATERIALIZED (
    {{named_costs}}
     WHERE :reads_models
), posted AS NOT MATERIALIZED (
    {{posted_costs}}
    UNION ALL
    SELECT persona_id, CASE WHEN :group_by = 'persona' THEN nullif(persona_id, '') END, day, service, NULL, cost_nano
      FROM user_day_costs AS c
     WHERE NOT :reads_calls AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
       AND day BETWEEN :first_day AND :last_day
), counted AS NOT MATERIALIZED (
    {{counted_calls}}
    UNION ALL
    SELECT persona_id, CASE WHEN :group_by = 'persona' THEN nullif(persona_id, '') END,
           day, calls, duration_ms, charged_nano, refunded_nano
      FROM user_days
     WHERE NOT :reads_calls AND user_id = :user_id AND (user_id = :viewer_id OR :reads_all)
       AND day BETWEEN :first_day AND :last_day
), {{groups}}

-- name: grouped_of_all
-- The same of all users, for an administrator; :user_id is null. The sums of the periods whose calls have not
-- changed since they were summed, if they distinguish the tags :tag_names, and the calls of all other times.
WITH changed AS MATERIALIZED (
    SELECT DISTINCT hour FROM changed_hours WHERE :reads_all
), periods AS MATERIALIZED (
    SELECT starts, ends,
           (tag_keys IS NULL OR :tag_names::text[] <@ tag_keys) AND NOT EXISTS (
               SELECT FROM changed AS h
                WHERE h.hour >= p.starts AND h.hour < p.ends OR h.hour = '-infinity') AS is_current
      FROM summed_periods AS p
     WHERE :reads_all
), others AS MATERIALIZED (
    SELECT starts, ends FROM periods WHERE NOT is_current
    UNION ALL
    SELECT after, starts
      FROM (SELECT lag(ends, 1, '-infinity') OVER (ORDER BY starts) AS after, starts FROM periods) AS gaps
     WHERE after < starts
    UNION ALL
    SELECT coalesce(max(ends), '-infinity'), 'infinity' FROM periods
), selected AS MATERIALIZED (
    SELECT c.*
      FROM others AS o CROSS JOIN LATERAL (
           SELECT {{selected_columns}}
             FROM calls AS c
            WHERE first_at >= o.starts AND first_at < o.ends AND :reads_all AND user_id IS NOT NULL
              AND {{in_period}}
              AND {{reports/filters.of_call}}
           OFFSET 0) AS c -- period by period, through the index, whatever the planner believes
), named AS NOT MATERIALIZED (
    {{named_costs}}
     WHERE :reads_models
), summed AS NOT MATERIALIZED (
    SELECT persona_id, {{group_value}} AS value, day, calls, duration_ms, charged_nano, refunded_nano,
           services, models, cost_nanos
      FROM period_sums AS c JOIN periods USING (starts)
     WHERE is_current AND :reads_all AND day BETWEEN :first_day AND :last_day
       AND {{reports/filters.of_call}}
), posted AS NOT MATERIALIZED (
    {{posted_costs}}
    UNION ALL
    SELECT persona_id, value, day, costs.service, costs.model, costs.nano
      FROM summed, unnest(services, models, cost_nanos) AS costs (service, model, nano)
), counted AS NOT MATERIALIZED (
    {{counted_calls}}
    UNION ALL
    SELECT persona_id, value, day, calls, duration_ms, charged_nano, refunded_nano
      FROM summed
     WHERE calls IS NOT NULL
), {{groups}}

-- fragment: selected_columns
-- What the sums need of a call.
call_id, coalesce(persona_id, '') AS persona_id, {{group_value}} AS value,
           costs, charges, roundings, duration_ms, first_at, ended_at

-- fragment: group_value
-- The value that a call is grouped by; null without one, and for groups of costs.
CASE :group_by::text WHEN 'tag' THEN c.tags ->> :tag_key::text WHEN 'persona' THEN nullif(c.persona_id, '') END

-- fragment: in_period
-- Calls that may have costs or charges of the period.
first_at < (:last_day::date + 1)::timestamp AT TIME ZONE 'UTC'
       AND (first_at >= :first_day::date::timestamp AT TIME ZONE 'UTC'
            OR costs ~ :months::text OR charges::text ~ :months)

-- fragment: named_costs
-- The costs with a model of each selected call, by day and service.
SELECT c.*, named.day, named.service, named.model, named.nano
      FROM selected AS c
     CROSS JOIN LATERAL (
           SELECT utc_day(e.time) AS day, e.service, e.model, sum(e.cost_nano)::bigint AS nano
             FROM (SELECT coalesce(array_agg(v.voids), '{}')
                          || ARRAY (SELECT voids FROM sealed_voids AS s WHERE s.call_id = c.call_id)
                          AS identities
                     FROM call_cost_events AS v
                    WHERE v.call_id = c.call_id AND (v.user_id = :viewer_id OR :reads_all)
                      AND v.time >= c.first_at AND v.type = 'cost.voided' AND v.voids IS NOT NULL) AS voided,
                  LATERAL (SELECT time, service, model, cost_nano, identity
                             FROM call_cost_events AS r
                            WHERE r.call_id = c.call_id
                              AND (r.user_id = :viewer_id OR :reads_all)
                              AND r.time >= c.first_at
                              AND r.type = 'cost.recorded' AND r.model <> ''
                            OFFSET 0) AS e
            WHERE e.identity <> ALL (voided.identities)
            GROUP BY 1, 2, 3
            UNION ALL
           SELECT utc_day(c.ended_at), r.service, r.model, r.nano
             FROM jsonb_to_recordset(c.roundings) AS r (service text, model text, nano bigint)
            WHERE r.model <> '') AS named

-- fragment: posted_costs
-- The costs of the selected calls by day and service; `named` takes its share with a model from the rest.
SELECT c.persona_id, c.value, days.key::date AS day, costs.key AS service, NULL AS model,
           costs.value::numeric AS cost_nano
      FROM selected AS c, jsonb_each(c.costs::jsonb) AS days, jsonb_each_text(days.value) AS costs
    UNION ALL
    SELECT persona_id, value, day, service, CASE WHEN sign > 0 THEN model END, sign * nano
      FROM named, (VALUES (1), (-1)) AS both_signs (sign)

-- fragment: counted_calls
-- The selected calls, their durations, charges and refunds by day.
SELECT persona_id, value, utc_day(first_at) AS day, 1 AS calls, duration_ms,
           0::numeric AS charged_nano, 0::numeric AS refunded_nano
      FROM selected
    UNION ALL
    SELECT c.persona_id, c.value, days.key::date, 0, 0, (days.value ->> 0)::numeric, (days.value ->> 1)::numeric
      FROM selected AS c, jsonb_each(c.charges) AS days

-- fragment: groups
-- The result, from `posted` costs and `counted` calls. In `costs` and `days`, `kind` tells which columns a row is
-- grouped by: 3 by the first one beside the day, 5 by the persona, 6 by the value.
costs AS MATERIALIZED (
    SELECT grouping(service, persona_id, value) AS kind, day, service, persona_id, value,
           sum(cost_nano) AS cost_nano
      FROM (SELECT day, service, persona_id, value, sum(cost_nano) AS cost_nano
              FROM (SELECT coalesce(nullif(persona_id, ''), :unknown_persona) AS persona_id, day, service, cost_nano, model,
                           CASE :group_by WHEN 'service' THEN service WHEN 'model' THEN model ELSE value END AS value
                      FROM posted) AS named
             WHERE day BETWEEN :first_day AND :last_day
               AND (:personas::text[] IS NULL OR persona_id = ANY (:personas::text[]))
               AND (:services::text[] IS NULL OR service = ANY (:services::text[]))
               AND (:models::text[] IS NULL OR coalesce(model, '') = ANY (:models::text[]))
             GROUP BY day, service, persona_id, value) AS matching
     GROUP BY GROUPING SETS ((day, service), (day, persona_id), (day, value))
), days AS MATERIALIZED (
    SELECT grouping(day, persona_id, value) AS kind, day, persona_id, value, sum(calls) AS calls,
           sum(duration_ms) AS duration_ms, sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano
      FROM (SELECT coalesce(nullif(persona_id, ''), :unknown_persona) AS persona_id, value, day, calls, duration_ms,
                   charged_nano, refunded_nano
              FROM counted) AS parts
     WHERE day BETWEEN :first_day AND :last_day
       AND (:personas::text[] IS NULL OR persona_id = ANY (:personas::text[]))
     GROUP BY GROUPING SETS ((day), (persona_id), (value))
), ranked AS (
    SELECT *, row_number() OVER (
               ORDER BY value IS NULL, cost_nano DESC, calls DESC, charged_nano DESC, value COLLATE "C") AS place
      FROM (SELECT value, sum(cost_nano) AS cost_nano, sum(charged_nano) AS charged_nano,
                   sum(refunded_nano) AS refunded_nano, sum(calls) AS calls, sum(duration_ms) AS duration_ms
              FROM (SELECT value, cost_nano, 0 AS charged_nano, 0 AS refunded_nano, 0 AS calls, 0 AS duration_ms
                      FROM costs WHERE kind = 6
                    UNION ALL
                    SELECT value, 0, charged_nano, refunded_nano, calls, duration_ms
                      FROM days WHERE kind = 6 AND :group_by NOT IN ('service', 'model')) AS parts
             WHERE :group_by <> ''
             GROUP BY value) AS of_values
     WHERE value IS NULL OR cost_nano <> 0 OR charged_nano <> 0 OR refunded_nano <> 0 OR calls <> 0
        OR duration_ms <> 0
), parts AS MATERIALIZED (
    SELECT CASE WHEN value IS NULL THEN 'without' WHEN place <= :groups_max THEN 'group' ELSE 'others' END AS part,
           CASE WHEN place <= :groups_max THEN value END AS value, min(place) AS place, count(*) AS number,
           sum(cost_nano) AS cost_nano, sum(charged_nano) AS charged_nano, sum(refunded_nano) AS refunded_nano,
           sum(calls) AS calls, sum(duration_ms) AS duration_ms
      FROM ranked
     GROUP BY 1, 2
), personas AS MATERIALIZED (
    SELECT persona_id, sum(calls) AS calls, sum(cost_nano) AS cost_nano
      FROM (SELECT persona_id, 0 AS calls, cost_nano FROM costs WHERE kind = 5
            UNION ALL
            SELECT persona_id, calls, 0 FROM days WHERE kind = 5) AS parts
     GROUP BY persona_id
    HAVING sum(calls) <> 0 OR sum(cost_nano) <> 0
     ORDER BY cost_nano DESC, calls DESC, persona_id COLLATE "C"
     LIMIT :personas_max
), services AS (
    SELECT service, sum(cost_nano) AS cost_nano FROM costs WHERE kind = 3 GROUP BY service
), daily AS (
    SELECT day, coalesce(calls, 0) AS calls, coalesce(duration_ms, 0) AS duration_ms,
           coalesce(charged_nano, 0) AS charged_nano, coalesce(refunded_nano, 0) AS refunded_nano,
           coalesce(by_service, '{}') AS costs, coalesce(by_persona, '{}') AS by_persona,
           coalesce(by_group, '{}') AS by_group
      FROM (SELECT day, calls, duration_ms, charged_nano, refunded_nano FROM days WHERE kind = 3) AS totals
      FULL JOIN (SELECT day,
                        json_object_agg(service, cost_nano ORDER BY service)
                            FILTER (WHERE kind = 3) AS by_service,
                        json_object_agg(persona_id, cost_nano ORDER BY persona_id)
                            FILTER (WHERE kind = 5 AND persona_id IN (SELECT persona_id FROM personas))
                            AS by_persona,
                        json_object_agg(value, cost_nano ORDER BY value)
                            FILTER (WHERE kind = 6 AND value IN (SELECT value FROM parts WHERE part = 'group'))
                            AS by_group
                   FROM costs GROUP BY day) AS of_costs USING (day)
)
SELECT coalesce(sum(calls), 0)::bigint AS calls, coalesce(sum(duration_ms), 0) AS duration_ms,
       coalesce(sum(charged_nano), 0) AS charged_nano, coalesce(sum(refunded_nano), 0) AS refunded_nano,
       (SELECT json_object_agg(service, cost_nano ORDER BY service) FROM services) AS costs,
       (SELECT json_object_agg(s.service, k.class ORDER BY s.service)
          FROM services AS s, cost_class_of(s.service) AS k) AS classes,
       (SELECT json_agg(json_build_object('personaId', persona_id, 'calls', calls, 'costNano', cost_nano)
                        ORDER BY cost_nano DESC, calls DESC, persona_id COLLATE "C")
          FROM personas) AS personas,
       (SELECT json_agg(json_build_object(
                   'day', day, 'calls', calls, 'durationMs', duration_ms, 'chargedNano', charged_nano,
                   'refundedNano', refunded_nano, 'costs', costs, 'byPersona', by_persona, 'byGroup', by_group)
               ORDER BY day)
          FROM daily) AS daily,
       (SELECT json_agg(json_build_object(
                   'part', part, 'value', value, 'number', number, 'costNano', cost_nano,
                   'chargedNano', charged_nano, 'refundedNano', refunded_nano, 'calls', calls,
                   'durationMs', duration_ms)
               ORDER BY place)
          FROM parts) AS groups,
       (SELECT count(*)
          FROM unpriced_events AS u
         WHERE (u.user_id = :user_id OR :user_id IS NULL AND :reads_all)
           AND (u.user_id = :viewer_id OR :reads_all)
           AND u.time >= :first_day::date::timestamp AT TIME ZONE 'UTC'
           AND u.time < (:last_day::date + 1)::timestamp AT TIME ZONE 'UTC'
           AND (:services::text[] IS NULL OR u.service = ANY (:services::text[]))
           AND (:models::text[] IS NULL OR u.model = ANY (:models::text[]))
           AND (:personas::text[] IS NULL AND :tags::text IS NULL OR EXISTS (
                   SELECT FROM calls AS c
                    WHERE c.call_id = u.call_id
                      AND (c.user_id = :viewer_id OR :reads_all)
                      AND {{reports/filters.of_call}}))
       ) AS unpriced_events,
       (SELECT json_build_array(
                   count(*), count(*) FILTER (WHERE first_day >= :first_day),
                   count(*) FILTER (WHERE days && daterange(:first_day::date, :last_day::date, '[]')))
          FROM user_activity
         WHERE :user_id IS NULL AND :reads_all AND first_day <= :last_day) AS users
  FROM daily
