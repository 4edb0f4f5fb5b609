-- Reads the stored state that a batch depends on, and writes its changes.

-- name: known_identities
-- The recorded ones among :identities: their index, from 1, and their fingerprint.
SELECT requested.ordinality, known.fingerprint
FROM unnest(:identities::uuid[]) WITH ORDINALITY AS requested (identity, ordinality)
JOIN event_identities AS known USING (identity)

-- fragment: requested_calls
-- The calls :call_ids with the columns that a batch reads.
SELECT call_id, user_id, persona_id, status, direction, expected_duration_ms, duration_ms,
       first_at, started_at, started_by, persona_at, persona_by, ended_at, ended_by,
       costs, charges::text, infrastructure::text, pending_voids::text,
       charge_count, default_charge_nano, default_fee_nano, charge_plan::text, rerated_nano,
       estimated_count, event_count, held_count, tags::text, tagged_by::text, roundings::text, version
FROM unnest(:call_ids::text[]) AS requested (call_id)
JOIN calls USING (call_id)

-- name: calls
-- The calls :call_ids as last committed. No lock: each update checks the version it read.
{{requested_calls}}

-- name: lock_calls
-- The same, locked in the order of their keys, if other writers change the same calls.
{{requested_calls}}
ORDER BY call_id COLLATE "C"
FOR NO KEY UPDATE OF calls

-- name: place_calls
-- Inserts missing calls with version 0, so that they can be locked.
INSERT INTO calls (call_id, version, updated_at)
SELECT call_id, 0, now() FROM unnest(:call_ids::text[]) AS requested (call_id)
ORDER BY call_id COLLATE "C"
ON CONFLICT DO NOTHING

-- name: drop_placed_calls
-- Deletes those of :call_ids that were inserted with version 0 and have no event.
DELETE FROM calls USING unnest(:call_ids::text[]) AS requested (call_id)
WHERE calls.call_id = requested.call_id AND calls.version = 0

-- name: held_events
-- The held events of the calls :call_ids.
SELECT call_id, event FROM unnest(:call_ids::text[]) AS requested (call_id) JOIN held_events USING (call_id)

-- name: voidable
-- The recorded costs among :identities, each of the call in :call_ids at the same index, and whether
-- they are voided. Archived costs are locked, so that their details do not expire meanwhile.
WITH requested AS MATERIALIZED (
    SELECT * FROM unnest(:identities::uuid[], :call_ids::text[]) AS requested (identity, call_id)
), archived AS MATERIALIZED (
    SELECT a.identity, a.call_id, a.time, a.kind_id, a.cost_nano, a.estimated, a.basis_nano
    FROM requested JOIN archived_costs AS a USING (call_id, identity)
    FOR SHARE OF a
), event AS MATERIALIZED (
    SELECT e.*
    FROM (SELECT DISTINCT call_id FROM requested) AS requested, LATERAL (
        SELECT identity, call_id, type, time, service, cost_nano, estimated, voids, source, data
        FROM call_cost_events AS e
        WHERE e.call_id = requested.call_id AND e.type IN ('cost.recorded', 'cost.voided')
        OFFSET 0 -- call by call, through the index, whatever the planner believes
    ) AS e
), found AS (
    SELECT cost.identity, cost.call_id, cost.time, cost.service, cost.cost_nano, cost.estimated,
           charge_basis_nano(cost.source, cost.data, cost.cost_nano) AS basis_nano
    FROM requested JOIN event AS cost USING (identity, call_id)
    WHERE cost.type = 'cost.recorded'
    UNION ALL
    SELECT a.identity, a.call_id, a.time, k.service, a.cost_nano, a.estimated, coalesce(a.basis_nano, a.cost_nano)
    FROM archived AS a JOIN archived_cost_kinds AS k USING (kind_id)
)
SELECT replace(identity::text, '-', '') AS identity, call_id, time, service, cost_nano, estimated, basis_nano,
       (call_id, identity) IN (SELECT call_id, voids FROM event WHERE voids IS NOT NULL)
       OR EXISTS (
           SELECT FROM sealed_voids AS void
           WHERE void.call_id = found.call_id AND void.voids = found.identity
       ) AS voided
FROM found

-- name: calls_without_details
-- Those of :call_ids that have archived costs whose details have expired.
SELECT DISTINCT call_id
FROM unnest(:call_ids::text[]) AS requested (call_id)
JOIN sealed_calls USING (call_id)
JOIN month_seals USING (seal_id)
WHERE costs_expired_at IS NOT NULL

-- fragment: leg_prices
-- The price `p` of a piece of a leg, and the price `b` that charges follow if it is another; null without one.
p.price_id, p.price_usd, p.per_units, split_part(p.unit, ' ', 1) AS price_unit,
       p.minimum_seconds, p.increment_seconds,
       b.price_id AS basis_price_id, b.price_usd AS basis_price_usd, b.per_units AS basis_per_units,
       split_part(b.unit, ' ', 1) AS basis_price_unit, b.minimum_seconds AS basis_minimum_seconds,
       b.increment_seconds AS basis_increment_seconds

-- name: leg_pieces
-- The priced quantities of time of the calls :call_ids that count, with their prices, and the prices that charges
-- follow if these are others. Archived costs are locked, so that their details do not expire meanwhile.
WITH requested AS MATERIALIZED (
    SELECT call_id FROM unnest(:call_ids::text[]) AS requested (call_id)
), archived AS MATERIALIZED (
    SELECT a.*
    FROM requested JOIN archived_costs AS a USING (call_id)
    FOR SHARE OF a
), event AS MATERIALIZED (
    SELECT e.*
    FROM requested, LATERAL (
        SELECT * FROM call_cost_events AS e
        WHERE e.call_id = requested.call_id AND e.type IN ('cost.recorded', 'cost.voided')
        OFFSET 0 -- call by call, through the index, whatever the planner believes
    ) AS e
), costs AS (
    SELECT e.identity, e.call_id, e.service, e.operation, e.model, e.leg_id, e.time, e.unit, e.usage, e.usages,
           e.price_id, e.cost_nano, charge_basis_prices(e.source, e.data, e.unit) AS basis_prices
    FROM event AS e
    WHERE e.type = 'cost.recorded'
    UNION ALL
    SELECT a.identity, a.call_id, k.service, k.operation, k.model, a.leg_id, a.time, k.unit, a.usage, a.usages,
           a.price_id, a.cost_nano, a.basis_prices
    FROM archived AS a JOIN archived_cost_kinds AS k USING (kind_id)
), quantities AS (
    SELECT identity, call_id, service, operation, model, leg_id, time, unit, usage AS quantity, price_id, cost_nano,
           basis_prices
    FROM costs WHERE usages IS NULL
    UNION ALL
    SELECT c.identity, c.call_id, c.service, c.operation, c.model, c.leg_id, c.time, u.unit, u.quantity,
           CASE WHEN c.price_id = 0 THEN 0 ELSE u.price_id END, coalesce(u.cost_nano, 0),
           c.basis_prices
    FROM costs AS c,
         jsonb_to_recordset(c.usages) AS u (unit text, quantity numeric, price_id integer, cost_nano bigint)
)
SELECT replace(q.identity::text, '-', '') AS identity, q.call_id, q.service, q.operation, q.model, q.leg_id, q.time,
       q.unit, q.quantity, q.cost_nano, {{leg_prices}}
FROM quantities AS q
LEFT JOIN service_prices AS p USING (price_id)
LEFT JOIN service_prices AS b ON b.price_id = nullif((q.basis_prices ->> q.unit)::integer, q.price_id)
WHERE q.unit IN ('seconds', 'minutes', 'audio_seconds') AND q.price_id IS NOT NULL
  AND (q.call_id, q.identity) NOT IN (SELECT call_id, voids FROM event WHERE voids IS NOT NULL)
  AND NOT EXISTS (
      SELECT FROM sealed_voids AS void
      WHERE void.call_id = q.call_id AND void.voids = q.identity)

-- fragment: call_columns
-- The columns of a call that a batch writes, except its id and the time.
user_id, persona_id, status, direction, expected_duration_ms, duration_ms,
     first_at, started_at, started_by, persona_at, persona_by, ended_at, ended_by,
     costs, charges, infrastructure, pending_voids,
     charge_count, default_charge_nano, default_fee_nano, charge_plan, rerated_nano,
     estimated_count, event_count, held_count, tags, tagged_by, roundings, version

-- name: put_calls
-- Inserts new calls and updates changed ones, if they still have the version that was read.
INSERT INTO calls AS c (call_id, {{call_columns}}, updated_at)
SELECT call_id, {{call_columns}}, :recorded_at::timestamptz
FROM json_populate_recordset(NULL::calls, :calls::text::json)
ON CONFLICT (call_id) DO UPDATE
SET ({{call_columns}}, updated_at)
  = (excluded.user_id, excluded.persona_id, excluded.status, excluded.direction, excluded.expected_duration_ms, excluded.duration_ms,
     excluded.first_at, excluded.started_at, excluded.started_by, excluded.persona_at, excluded.persona_by, excluded.ended_at, excluded.ended_by,
     excluded.costs, excluded.charges, excluded.infrastructure, excluded.pending_voids,
     excluded.charge_count, excluded.default_charge_nano, excluded.default_fee_nano, excluded.charge_plan, excluded.rerated_nano,
     excluded.estimated_count, excluded.event_count, excluded.held_count, excluded.tags, excluded.tagged_by, excluded.roundings, excluded.version, excluded.updated_at)
WHERE c.version = excluded.version - 1

-- name: log_no_repeat
-- Keeps errors out of the server's log, if this login may: a repeat among the copied identities raises one, which the
-- caller handles.
SELECT set_config('log_min_messages', 'fatal', true) WHERE has_parameter_privilege('log_min_messages', 'SET')

-- name: log_as_usual
-- Ends `log_no_repeat`.
SELECT set_config('log_min_messages', NULL, true) WHERE has_parameter_privilege('log_min_messages', 'SET')

-- name: update_call_costs
-- Updates calls that only grew: the same check of the version, with fewer columns.
UPDATE calls AS c
SET (costs, estimated_count, event_count, version, updated_at)
  = (t.costs, t.estimated_count, t.event_count, t.version, :recorded_at::timestamptz)
FROM unnest(:call_ids::text[], :costs::text[], :estimated_counts::integer[],
            :event_counts::integer[], :versions::bigint[])
    AS t (call_id, costs, estimated_count, event_count, version)
WHERE c.call_id = t.call_id AND c.version = t.version - 1

-- name: hold
-- Holds events whose call is not known yet. Fewer rows than events mean that another writer holds one.
INSERT INTO held_events (call_id, identity, event)
SELECT * FROM unnest(:call_ids::text[], :identities::uuid[], :events::text[]) AS held (call_id, identity, event)
ORDER BY identity
ON CONFLICT (identity) DO NOTHING

-- name: release
-- Deletes held events that are counted in this transaction.
DELETE FROM held_events WHERE identity = ANY (:identities::uuid[])

-- name: name_processors
-- Adds the payment processors :processors, which the catalogue does not have.
INSERT INTO payment_processors SELECT unnest(:processors::text[]) ON CONFLICT DO NOTHING

-- fragment: event_columns
-- The columns of an event that a batch writes.
identity, source, event_id, type, time, user_id, call_id, persona_id, service, operation,
        operation_sent, model, usage, unit, unit_cost, cost_nano, amount_nano, price_id, estimated,
        voids, data, tags, price_context, usages, leg_id, list_cost_nano

-- name: move
-- Moves totals and offsets in one round trip. Inserts the identities and events of a small batch; adds to the costs,
-- days and spend of users, in the given order, which is sorted by key; releases the holds of finished calls. Offsets
-- move forwards only and within their generation, so that a worker that lost a partition, or read another incarnation
-- of the topic, cannot move them. Returns the row of the totals outbox; the spend of each of :window_users from
-- :window_starts to before :window_ends, as it was before this batch, by cost if :by_cost and else by charge; the
-- ledger's epoch, null during a restore; the number of new identities; and the newest erasure of a user.
WITH identities AS (
    INSERT INTO event_identities (identity, fingerprint)
    SELECT identity, fingerprint
    FROM json_populate_recordset(NULL::event_identities, :identities::text::json)
    ON CONFLICT DO NOTHING
    RETURNING identity
), events AS (
    INSERT INTO call_cost_events ({{event_columns}})
    SELECT {{event_columns}}
    FROM json_populate_recordset(NULL::call_cost_events, :entries::text::json)
), moved_costs AS (
    INSERT INTO user_day_costs AS d (user_id, day, persona_id, service, cost_nano)
    SELECT * FROM unnest(:cost_users::text[], :cost_days::date[], :cost_personas::text[],
                         :cost_services::text[], :cost_sums::bigint[])
    ON CONFLICT (user_id, day, persona_id, service)
    DO UPDATE SET cost_nano = d.cost_nano + excluded.cost_nano
), moved_days AS (
    INSERT INTO user_days AS d (user_id, day, persona_id, calls, duration_ms, charged_nano, refunded_nano)
    SELECT * FROM unnest(:day_users::text[], :days::date[], :day_personas::text[],
                         :day_calls::integer[], :day_durations::bigint[],
                         :day_charges::bigint[], :day_refunds::bigint[])
    ON CONFLICT (user_id, day, persona_id)
    DO UPDATE SET calls = d.calls + excluded.calls,
                  duration_ms = d.duration_ms + excluded.duration_ms,
                  charged_nano = d.charged_nano + excluded.charged_nano,
                  refunded_nano = d.refunded_nano + excluded.refunded_nano
), moved_spend AS (
    INSERT INTO user_spend AS s (user_id, quarter, cost_nano, charged_nano, refunded_nano)
    SELECT * FROM unnest(:spend_users::text[], :spend_quarters::timestamptz[],
                         :spend_costs::bigint[], :spend_charges::bigint[],
                         :spend_refunds::bigint[])
    ON CONFLICT (user_id, quarter)
    DO UPDATE SET cost_nano = s.cost_nano + excluded.cost_nano,
                  charged_nano = s.charged_nano + excluded.charged_nano,
                  refunded_nano = s.refunded_nano + excluded.refunded_nano
), released_holds AS (
    DELETE FROM budget_holds AS h
    USING unnest(:hold_users::text[], :hold_calls::text[]) AS released (user_id, call_id)
    WHERE h.user_id = released.user_id AND h.call_id = released.call_id
), moved_offsets AS (
    INSERT INTO stream_offsets AS o (cluster, topic, "partition", next_offset, generation, last_record)
    SELECT :cluster, :topic, t."partition", t.next_offset, t.generation, nullif(t.last_record, '')
    FROM unnest(:partitions::integer[], :next_offsets::bigint[],
                :generations::integer[], :last_records::text[])
         AS t ("partition", next_offset, generation, last_record)
    ON CONFLICT (cluster, topic, "partition")
    DO UPDATE SET next_offset = excluded.next_offset, last_record = excluded.last_record, updated_at = now()
    WHERE o.generation = excluded.generation AND o.next_offset < excluded.next_offset
), to_publish AS (
    INSERT INTO totals_outbox (worker_id, call_ids, hours)
    SELECT :worker_id, call_ids, :changed_hours::timestamptz[]
    FROM (SELECT :changed_calls::text[] AS call_ids OFFSET 0) AS changed
    WHERE call_ids <> '{}'
    RETURNING id
), spent AS (
    SELECT requested.ordinality, s.nano
    FROM unnest(:window_users::text[], :window_starts::timestamptz[],
                :window_ends::timestamptz[])
         WITH ORDINALITY AS requested (user_id, starts, ends, ordinality)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(spend_nano(u, :by_cost)), 0) AS nano
        FROM user_spend AS u
        WHERE user_id = requested.user_id AND quarter >= requested.starts AND quarter < requested.ends
    ) AS s
)
SELECT (SELECT id FROM to_publish), (SELECT array_agg(nano ORDER BY ordinality) FROM spent),
       (SELECT max(epoch) FROM ledger_epochs), (SELECT count(*) FROM identities), erasure_generation()
