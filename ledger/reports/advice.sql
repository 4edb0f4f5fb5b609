-- Every statement checks the viewer (:viewer_id) beside the requested user (:user_id); :reads_all is
-- true for an administrator. Row policies hide other users' rows in addition.

-- name: calls
-- The number of calls of :user_id that began from :since to before :before, and the number of them that
-- recommendations are based on: the newest :calls_max.
SELECT count(*) AS calls, least(count(*), :calls_max::bigint) AS calls_read
  FROM calls
 WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND first_at >= :since
   AND first_at < :before

-- fragment: newest_calls
-- The newest :calls_max calls of :user_id that began from :since to before :before.
calls
     WHERE user_id = :user_id AND (user_id = :viewer_id OR :reads_all) AND first_at >= :since
       AND first_at < :before
     ORDER BY first_at DESC, call_id
     LIMIT :calls_max

-- name: usages
-- The usage of the newest :calls_max calls of :user_id that began from :since to before :before, by
-- service, operation, model and unit, in one pass over their events; without voided costs. A request
-- counts once for each of its units; its first unit has the cost that its emitter gave. Each call's
-- events are found by its id: LATERAL with OFFSET keeps the planner from reading whole months, and no
-- event is older than its call, which excludes earlier months. NOT IN is looked up in a hash, whatever
-- number of rows the planner expects. `phrase` is the metadata's phraseHash or phrase_hash; found by
-- pattern, because jsonb refuses some valid JSON strings. `slices` are parts of a usage that may have different
-- prices, as far as the catalogue distinguishes them: by context, by size of the request (the sum of :input_units),
-- by minute of the day, and by leg of an ended call where prices have billing increments. The roundings of ended calls' legs
-- are in the cost of one of the units of each leg.
WITH limits AS MATERIALIZED (
    SELECT coalesce(array_agg(DISTINCT bound ORDER BY bound) FILTER (WHERE bound IS NOT NULL), '{}') AS sizes,
           coalesce(bool_or(unit LIKE '% hours=%'), false) AS by_minute,
           coalesce(bool_or(minimum_seconds > 0 OR increment_seconds > 0), false) AS by_call
      FROM (SELECT *, substring(unit FROM ' input_size_above=(\d+)')::numeric + 1 AS bound
              FROM service_prices) AS p
), chosen AS MATERIALIZED (
    SELECT call_id, ended_at, roundings FROM {{newest_calls}}
), recorded AS MATERIALIZED (
    SELECT e.*
      FROM chosen AS c,
           LATERAL (SELECT type, service, operation, coalesce(model, '') AS model, q.unit, q.usage,
                           q.cost_nano, q.place, call_id, time, identity, source, event_id, voids,
                           CASE WHEN q.unit = 'characters'
                                THEN substring(data FROM '"phrase_?[Hh]ash"\s*:\s*"([^"\\]+)"')
                           END AS phrase,
                           CASE WHEN q.unit IN ('seconds', 'minutes', 'audio_seconds') THEN coalesce(leg_id, '') END AS leg_id,
                           c.ended_at IS NOT NULL AS has_ended, price_context::jsonb - 'inputSize' AS context,
                           coalesce((price_context::jsonb ->> 'inputSize')::numeric, (
                               SELECT ceil(sum(i.quantity))
                                 FROM jsonb_to_recordset(r.usages) AS i (unit text, quantity numeric)
                                WHERE i.unit = ANY (:input_units::text[]))) AS input_size
                      FROM call_cost_events AS r
                     CROSS JOIN LATERAL (
                           SELECT r.unit, r.usage, r.cost_nano, 1 AS place WHERE r.usages IS NULL
                            UNION ALL
                           SELECT u.unit, u.quantity,
                                  CASE WHEN u.cost_nano IS NULL AND u.place = 1 THEN r.cost_nano
                                       ELSE coalesce(u.cost_nano, 0) END,
                                  u.place
                             FROM ROWS FROM (jsonb_to_recordset(r.usages)
                                             AS (unit text, quantity numeric, cost_nano bigint))
                                  WITH ORDINALITY AS u (unit, quantity, cost_nano, place)) AS q
                     WHERE call_id = c.call_id
                       AND user_id = :user_id
                       AND (user_id = :viewer_id OR :reads_all)
                       AND time >= :since
                       AND type IN ('cost.recorded', 'cost.voided')
                    OFFSET 0) AS e
), lines AS MATERIALIZED (
    SELECT r.*,
           phrase IS NOT NULL AND row_number() OVER (
               PARTITION BY service, operation, model, unit, phrase
               ORDER BY time, identity) > 1 AS repeats,
           row_number() OVER (
               PARTITION BY service, operation, model, unit
               ORDER BY cost_nano DESC, time, identity) AS rank
      FROM recorded AS r
     WHERE type = 'cost.recorded'
       AND identity NOT IN (SELECT voids FROM recorded WHERE voids IS NOT NULL)
), medians AS (
    SELECT service, operation, model, unit,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY usage) AS median
      FROM lines
     GROUP BY service, operation, model, unit
), slices AS (
    SELECT service, operation, model, unit,
           json_agg(json_build_array(context, size, minute, leg, usage::text)) AS slices
      FROM (SELECT service, operation, model, unit, context, sizes[bucket] AS size,
                   CASE WHEN by_minute THEN extract(hour FROM time AT TIME ZONE 'UTC')::integer * 60
                                            + extract(minute FROM time)::integer END AS minute,
                   CASE WHEN by_call AND has_ended AND leg_id IS NOT NULL
                        THEN concat_ws(' ', call_id, nullif(leg_id, '')) END AS leg,
                   sum(usage) AS usage
              FROM lines, limits, LATERAL (SELECT width_bucket(input_size, sizes) AS bucket) AS sized
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) AS parts
     GROUP BY service, operation, model, unit
), legs AS (
    SELECT call_id, service, operation, model, leg_id, unit = 'audio_seconds' AS is_audio, min(unit) AS unit
      FROM lines
     WHERE leg_id IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6
), roundings AS (
    SELECT l.service, l.operation, l.model, l.unit, sum(r.nano) AS nano
      FROM chosen AS c
     CROSS JOIN jsonb_to_recordset(c.roundings) AS r (service text, operation text, model text, "legId" text,
                                                      "isAudio" boolean, nano bigint)
      JOIN legs AS l ON (l.call_id, l.service, l.operation, l.model, l.leg_id, l.is_audio)
                      = (c.call_id, r.service, r.operation, coalesce(r.model, ''), coalesce(r."legId", ''),
                         coalesce(r."isAudio", false))
     GROUP BY l.service, l.operation, l.model, l.unit
)
SELECT service, operation, model, unit, count(*) AS events,
       count(*) FILTER (WHERE place = 1) AS events_of_first_unit, count(DISTINCT call_id) AS calls,
       sum(usage) AS usage, sum(cost_nano) + coalesce(rounded.nano, 0) AS cost_nano, median,
       count(*) FILTER (WHERE usage > median) AS above_median_count,
       sum(greatest(usage - median, 0)) AS above_median,
       count(phrase) AS phrases, count(*) FILTER (WHERE repeats) AS repeats,
       coalesce(sum(usage) FILTER (WHERE repeats), 0) AS repeated_usage,
       coalesce(sum(cost_nano) FILTER (WHERE repeats), 0) AS repeated_cost_nano,
       json_agg(json_build_array(source, event_id, call_id) ORDER BY rank)
           FILTER (WHERE rank <= :examples_max) AS examples, slices::text AS slices
  FROM lines JOIN medians USING (service, operation, model, unit)
       JOIN slices USING (service, operation, model, unit)
       LEFT JOIN roundings AS rounded USING (service, operation, model, unit)
 GROUP BY service, operation, model, unit, median, slices::text, rounded.nano
 ORDER BY service COLLATE "C", operation COLLATE "C", model COLLATE "C", unit COLLATE "C"

-- name: charges
-- The charges of the calls of `usages` through each processor, and its fees. Only reported charges with a fee
-- count: the ledger's own default charges have none.
WITH chosen AS MATERIALIZED (
    SELECT call_id FROM {{newest_calls}}
), charged AS (
    SELECT e.*
      FROM chosen AS c,
           LATERAL (SELECT service, call_id, amount_nano, cost_nano, time, identity, source, event_id
                      FROM call_cost_events
                     WHERE call_id = c.call_id
                       AND user_id = :user_id
                       AND (user_id = :viewer_id OR :reads_all)
                       AND time >= :since
                       AND type = 'call.charged'
                    OFFSET 0) AS e
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY service ORDER BY cost_nano DESC, time, identity) AS rank
      FROM charged
     WHERE amount_nano > 0 AND cost_nano > 0
)
SELECT service AS processor, count(*) AS charges, count(DISTINCT call_id) AS calls,
       sum(amount_nano) AS amount_nano, sum(cost_nano) AS fee_nano,
       json_agg(json_build_array(source, event_id, call_id) ORDER BY rank)
           FILTER (WHERE rank <= :examples_max) AS examples
  FROM ranked
 GROUP BY service
 ORDER BY service COLLATE "C"
