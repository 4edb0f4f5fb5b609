-- Costs as rows for FinOps tools, each once. Reads the calls in any order and the costs of each by its index, so
-- that nothing is sorted and memory stays constant.

-- name: keep_partitions
-- Blocks archiving: the snapshot, which is taken after this, would miss an archived month's partition.
LOCK TABLE call_cost_events IN ACCESS SHARE MODE

-- name: no_time_limit
-- Removes the time limit: a whole ledger takes longer than a usual statement.
SET LOCAL statement_timeout = 0

-- name: no_idle_limit
-- Removes the limit of waiting for the file.
SET LOCAL idle_in_transaction_session_timeout = 0

-- name: costs
-- What makes up the totals from :since to before :until, of :user_id or (null) of all users: recorded costs without
-- voided ones, the fees of charges, a line for each day and service of archived events, what was voided of these, and
-- what the ledger added to a call: its infrastructure share, the roundings of legs and the fee of a default charge.
SELECT c.user_id, c.call_id, c.persona_id, c.tags::text AS tags, e.kind, e.row_id, e.time, e.service, e.operation,
       e.model, e.leg_id, e.usage, e.unit, e.usages, e.cost_nano, e.list_cost_nano, e.source, e.event_id, e.estimated
FROM calls AS c
CROSS JOIN LATERAL (
    SELECT array_agg(voids) AS identities FROM known_voids WHERE call_id = c.call_id
) AS voided
CROSS JOIN LATERAL (
    SELECT type AS kind, identity::text AS row_id, time, service, operation, model, leg_id, usage, unit, usages,
           cost_nano, list_cost_nano, source, event_id, estimated OR coalesce(price_id < 0, false) AS estimated
    FROM call_cost_events
    WHERE call_id = c.call_id AND time >= :since AND time < :until
      AND (type = 'cost.recorded' AND (identity = ANY (voided.identities)) IS NOT TRUE
           OR type = 'call.charged' AND cost_nano <> 0)
    UNION ALL
    SELECT type, concat_ws('/', coalesce(identity::text, call_id), event_id, utc_day(time), service), time, service,
           NULL, NULL, NULL, NULL, NULL, NULL, cost_nano, NULL, source, event_id, false
    FROM archived_lines
    WHERE call_id = c.call_id AND time >= :since AND time < :until
      AND type IN ('archived.costs', 'archived.voided')
    UNION ALL
    SELECT 'call.infrastructure', concat_ws('/', c.call_id, 'infrastructure', share.key), c.first_at, share.key,
           'share', NULL, NULL, NULL, NULL, NULL, share.value::bigint, NULL, 'ledger', NULL, false
    FROM jsonb_each_text(c.infrastructure) AS share
    WHERE c.first_at >= :since AND c.first_at < :until
    UNION ALL
    SELECT 'call.rounded', concat_ws('/', c.call_id, 'rounding', r.place), c.ended_at, r.leg ->> 'service',
           r.leg ->> 'operation', r.leg ->> 'model', r.leg ->> 'legId', NULL, NULL, NULL,
           (r.leg ->> 'nano')::bigint, NULL, 'ledger', NULL, false
    FROM jsonb_array_elements(c.roundings) WITH ORDINALITY AS r (leg, place)
    WHERE c.ended_at >= :since AND c.ended_at < :until AND (r.leg ->> 'nano')::bigint <> 0
    UNION ALL
    SELECT 'call.charged', concat_ws('/', c.call_id, 'default fee'), c.ended_at, :processor, NULL, NULL, NULL, NULL,
           NULL, NULL, c.default_fee_nano, NULL, 'ledger', NULL, false
    WHERE c.default_fee_nano <> 0 AND c.ended_at >= :since AND c.ended_at < :until
) AS e
WHERE c.user_id IS NOT NULL AND (:user_id::text IS NULL OR c.user_id = :user_id) AND c.first_at < :until

-- name: total
-- The total of the same costs, as the ledger keeps it for each user's day.
SELECT coalesce(sum(cost_nano), 0)::text AS nano
FROM user_day_costs
WHERE day >= utc_day(:since) AND day < utc_day(:until) AND (:user_id::text IS NULL OR user_id = :user_id)
