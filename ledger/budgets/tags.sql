-- Totals of tags over all users, which a worker keeps under the lock of the settings of global budgets.

-- name: lock
-- Locks the settings of global budgets, unless another session has them locked.
SELECT budgets::text AS budgets FROM user_budget_settings WHERE user_id = '' FOR NO KEY UPDATE SKIP LOCKED

-- name: scopes
-- The tags with totals, oldest first.
SELECT scope_id, tag_key, value, first_day, position, is_summed, has_ended,
       EXISTS (SELECT FROM tag_days AS t WHERE t.scope_id = s.scope_id AND t.day < s.first_day) AS has_old_days
  FROM tag_scopes AS s
 ORDER BY scope_id

-- name: summed
-- The tags whose totals are complete.
SELECT tag_key, value FROM tag_scopes WHERE is_summed AND NOT has_ended

-- name: calls_since
-- The calls of all users with the value :value of the tag :tag_key that have spend on the UTC day :first_day or later. Its
-- totals are up to date.
SELECT call_id, first_at, ended_at, infrastructure::text AS infrastructure, roundings::text AS roundings,
       default_charge_nano, default_fee_nano
  FROM calls
 WHERE call_id IN (
       SELECT t.call_id FROM tag_scopes AS s JOIN tag_call_days AS t USING (scope_id)
        WHERE s.tag_key = :tag_key AND s.value = :value AND NOT s.has_ended AND t.day >= :first_day)

-- name: add_scopes
-- Begins totals of tags, each from its first day.
INSERT INTO tag_scopes (tag_key, value, first_day)
SELECT * FROM unnest(:tag_keys::text[], :values::text[], :first_days::date[])

-- name: end_scopes
-- Ends totals: they are not used any more, and are deleted in parts.
UPDATE tag_scopes SET has_ended = true WHERE scope_id = ANY (:scope_ids::bigint[])

-- name: delete_part
-- Deletes up to :limit rows of :scope_id before :before; null for all.
DELETE FROM tag_call_days WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM tag_call_days
     WHERE scope_id = :scope_id AND (:before::date IS NULL OR day < :before) LIMIT :limit))

-- name: delete_scope
-- Deletes a tag whose parts are deleted, with its sums.
WITH days AS (DELETE FROM tag_days WHERE scope_id = :scope_id)
DELETE FROM tag_scopes WHERE scope_id = :scope_id

-- name: begin_later
-- Begins the totals of :scope_id on :first_day.
UPDATE tag_scopes SET first_day = :first_day WHERE scope_id = :scope_id

-- name: delete_days
-- Deletes the sums of :scope_id before :before.
DELETE FROM tag_days WHERE scope_id = :scope_id AND day < :before

-- name: has_passed_barrier
-- Whether all transactions have ended that may have changed calls without seeing the row of :scope_id. Their ids are
-- below the barrier: the id of the first transaction with this statement, which began after the row was committed. A
-- barrier of another server, after a restore, is set again.
UPDATE tag_scopes
   SET barrier = CASE WHEN barrier <= pg_current_xact_id() THEN barrier ELSE pg_current_xact_id() END
 WHERE scope_id = :scope_id
RETURNING barrier <= pg_snapshot_xmin(pg_current_snapshot())

-- name: next_calls
-- The next :limit calls after :after.
SELECT coalesce(array_agg(call_id ORDER BY call_id), '{}')
  FROM (SELECT call_id FROM calls WHERE call_id > :after ORDER BY call_id LIMIT :limit) AS next

-- name: store_position
-- Stores the last call of :scope_id that was summed, and whether it was the last of all.
UPDATE tag_scopes SET position = :position, is_summed = :is_summed WHERE scope_id = :scope_id

-- name: take_changes
-- Deletes the changed calls of up to :limit batches, and returns them.
DELETE FROM changed_calls WHERE id = ANY (ARRAY(SELECT id FROM changed_calls ORDER BY id LIMIT :limit))
RETURNING call_ids

-- name: apply
-- Brings what :call_ids add to the tags :scope_ids up to date, as the calls are now, and their sums.
WITH scopes AS MATERIALIZED (
    SELECT scope_id, tag_key, value, first_day FROM tag_scopes WHERE scope_id = ANY (:scope_ids::bigint[])
), changed AS MATERIALIZED (
    SELECT DISTINCT call_id COLLATE "C" AS call_id FROM unnest(:call_ids::text[]) AS t (call_id)
), tagged AS MATERIALIZED (
    SELECT s.scope_id, s.first_day, c.call_id, c.costs::jsonb AS costs, c.charges
      FROM changed
      JOIN calls AS c USING (call_id)
      JOIN scopes AS s ON c.tags ->> s.tag_key = s.value
     WHERE c.user_id IS NOT NULL
), now_added AS (
    SELECT scope_id, call_id, day, sum(cost)::bigint AS cost, sum(charged)::bigint AS charged, sum(refunded)::bigint AS refunded
      FROM (SELECT scope_id, first_day, call_id, days.key::date AS day,
                   cost.value::numeric AS cost, 0::numeric AS charged, 0::numeric AS refunded
              FROM tagged, jsonb_each(costs) AS days, jsonb_each_text(days.value) AS cost
             UNION ALL
            SELECT scope_id, first_day, call_id, days.key::date,
                   0, (days.value ->> 0)::numeric, (days.value ->> 1)::numeric
              FROM tagged, jsonb_each(charges) AS days) AS postings
     WHERE day >= first_day
     GROUP BY scope_id, call_id, day
), stored AS (
    SELECT t.* FROM scopes CROSS JOIN changed JOIN tag_call_days AS t USING (scope_id, call_id)
), difference AS MATERIALIZED (
    SELECT scope_id, call_id, day, n.scope_id IS NULL AS is_gone, n.cost, n.charged, n.refunded,
           coalesce(n.cost, 0) - coalesce(s.cost_nano, 0) AS cost_change,
           coalesce(n.charged, 0) - coalesce(s.charged_nano, 0) AS charged_change,
           coalesce(n.refunded, 0) - coalesce(s.refunded_nano, 0) AS refunded_change
      FROM now_added AS n FULL JOIN stored AS s USING (scope_id, call_id, day)
     WHERE (n.cost, n.charged, n.refunded) IS DISTINCT FROM (s.cost_nano, s.charged_nano, s.refunded_nano)
), removed AS (
    DELETE FROM tag_call_days AS t USING difference AS d
     WHERE d.is_gone AND t.scope_id = d.scope_id AND t.call_id = d.call_id AND t.day = d.day
), written AS (
    INSERT INTO tag_call_days (scope_id, call_id, day, cost_nano, charged_nano, refunded_nano)
    SELECT scope_id, call_id, day, cost, charged, refunded FROM difference WHERE NOT is_gone
    ON CONFLICT (scope_id, call_id, day)
    DO UPDATE SET cost_nano = excluded.cost_nano, charged_nano = excluded.charged_nano,
                  refunded_nano = excluded.refunded_nano
)
INSERT INTO tag_days AS t (scope_id, day, cost_nano, charged_nano, refunded_nano)
SELECT scope_id, day, sum(cost_change), sum(charged_change), sum(refunded_change)
  FROM difference JOIN scopes USING (scope_id)
 WHERE day >= first_day
 GROUP BY scope_id, day
ON CONFLICT (scope_id, day)
DO UPDATE SET cost_nano = t.cost_nano + excluded.cost_nano, charged_nano = t.charged_nano + excluded.charged_nano,
              refunded_nano = t.refunded_nano + excluded.refunded_nano
