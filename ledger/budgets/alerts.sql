-- name: lock_budgets
-- Locks the settings of :user_ids in the given order (sorted) to the end of the transaction, and returns those of users
-- with a limit or with prepaid credit. Users in :unknown get a row if they have none. There is at least one row, and
-- each has `locked_count`, which is too low if another transaction inserted settings at the same time. Each user is
-- looked up by key, whatever number of rows the planner expects.
WITH opened AS (
    INSERT INTO user_budget_settings (user_id)
    SELECT requested.user_id
    FROM unnest(:unknown::text[]) AS requested (user_id)
    LEFT JOIN LATERAL (
        SELECT b.user_id FROM user_budget_settings AS b WHERE b.user_id = requested.user_id LIMIT 1
    ) AS known ON true
    WHERE known.user_id IS NULL
    ON CONFLICT DO NOTHING
    RETURNING user_id
), locked AS MATERIALIZED (
    SELECT known.*
    FROM unnest(:user_ids::text[]) AS requested (user_id)
    CROSS JOIN LATERAL (
        SELECT * FROM user_budget_settings AS b WHERE b.user_id = requested.user_id FOR NO KEY UPDATE
    ) AS known
)
SELECT (SELECT count(*) FROM opened) + (SELECT count(*) FROM locked) AS locked_count,
       user_id, {{budgets/budgets.limit_columns}}
FROM (VALUES (true)) AS always (is_limited)
LEFT JOIN locked
       ON coalesce(daily_limit_nano, monthly_limit_nano, call_limit_nano) IS NOT NULL OR budgets IS NOT NULL
          OR credit_review_at IS NOT NULL

-- name: spend
-- The spend of each of :user_ids from :starts to before :ends, by index in :user_ids: by cost if
-- :by_cost, else by charge.
SELECT requested.ordinality,
       coalesce(sum(spend_nano(s, :by_cost)), 0) AS nano
FROM unnest(:user_ids::text[], :starts::timestamptz[], :ends::timestamptz[])
     WITH ORDINALITY AS requested (user_id, starts, ends, ordinality)
LEFT JOIN user_spend AS s ON s.user_id = requested.user_id AND s.quarter >= requested.starts AND s.quarter < requested.ends
GROUP BY requested.ordinality ORDER BY requested.ordinality

-- name: alert_contexts
-- The contexts of alerts of :user_ids, by index: the cost by service on the UTC days from
-- :first_days to :last_days, and without a service the spend since :since, by cost if :by_cost, else
-- by charge.
WITH requested AS (
    SELECT * FROM unnest(:user_ids::text[], :first_days::date[], :last_days::date[])
                  WITH ORDINALITY AS t (user_id, first, last, ordinality)
)
SELECT requested.ordinality, c.service, sum(c.cost_nano) AS nano
FROM requested
JOIN user_day_costs AS c ON c.user_id = requested.user_id AND c.day BETWEEN requested.first AND requested.last
GROUP BY requested.ordinality, c.service
UNION ALL
SELECT requested.ordinality, NULL, sum(spend_nano(s, :by_cost))
FROM requested JOIN user_spend AS s ON s.user_id = requested.user_id AND s.quarter >= :since
GROUP BY requested.ordinality

-- name: raise
-- Inserts alerts, and the messages of new alerts that have one into the outbox, in the order of
-- publication.
WITH requested AS (
    SELECT *
    FROM unnest(:alert_ids::uuid[], :user_ids::text[], :types::text[],
                :periods::text[], :thresholds::numeric[],
                :limit_versions::integer[], :late::boolean[],
                :triggered_at::timestamptz[], :data::text[], :payloads::text[])
         WITH ORDINALITY AS t (alert_id, user_id, type, period, threshold_percent,
                               limit_version, late, triggered_at, data, payload, ordinality)
), raised AS (
    INSERT INTO budget_alerts (alert_id, user_id, type, period, threshold_percent, limit_version, late, triggered_at, data)
    SELECT alert_id, user_id, type, period, threshold_percent, limit_version, late, triggered_at, data
    FROM requested ORDER BY ordinality
    ON CONFLICT (user_id, type, period, threshold_percent, limit_version) DO NOTHING
    RETURNING alert_id
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
SELECT alert_id, :aggregate_type, user_id, :event_type, payload
FROM requested JOIN raised USING (alert_id) WHERE payload IS NOT NULL ORDER BY ordinality

-- name: request_cutoff
-- Inserts the request to end :call_id at :limit_version, its message into the outbox, and the command to
-- execute; does nothing if the request exists. After a restore the command may be known as executed.
WITH requested AS (
    INSERT INTO call_cutoffs (call_id, limit_version, command_id, user_id, requested_at)
    VALUES (:call_id, :limit_version, :command_id::text::uuid, :user_id, :requested_at)
    ON CONFLICT (call_id, limit_version) DO NOTHING
    RETURNING command_id, call_id, user_id, requested_at
), command AS (
    INSERT INTO call_commands (command_id, call_id, user_id, kind, cause, reason, payload, requested_at)
    SELECT command_id, call_id, user_id, 'cutoff', :cause, :reason, :payload, requested_at FROM requested
    ON CONFLICT (command_id) DO NOTHING
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
SELECT command_id, :aggregate_type, call_id, :event_type, :payload FROM requested

-- name: begin_publishing
-- Begins a transaction and waits for the publishing lock: one relay at a time keeps the order of each
-- user's messages. Two statements in one round trip.
BEGIN;
SELECT pg_advisory_xact_lock(7201903)

-- name: end_publishing
-- Commits the transaction, which releases the lock.
COMMIT

-- name: take
-- The oldest :limit messages of the outbox; a separate statement, so that it sees what the previous
-- holder of the lock left.
SELECT seq, aggregatetype, aggregateid, payload, created_at FROM outbox ORDER BY seq LIMIT :limit

-- name: sent
-- Deletes messages that are confirmed in Kafka.
DELETE FROM outbox WHERE seq = ANY (:seqs::bigint[])

-- name: epoch
-- The ledger's epoch, which a restore raises; null during a restore.
SELECT max(epoch) FROM ledger_epochs
