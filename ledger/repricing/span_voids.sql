-- Finds requests that were reported twice.

-- name: one_at_a_time
-- Locks the comparison until the transaction ends; false if another session has the lock.
SELECT pg_try_advisory_xact_lock(hashtext('cost-analytics spans'))

-- name: checks
-- The first :limit checks that are due.
SELECT check_id, trace_id FROM span_checks ORDER BY check_id LIMIT :limit

-- name: delete_checks
-- Deletes the checks :check_ids, which are complete.
DELETE FROM span_checks WHERE check_id = ANY (:check_ids::bigint[])

-- name: due
-- Up to :limit costs of :trace_ids that another report contains: the costs of :scopes in a trace that an attachment
-- reports; and a request within the time of another one with the same sums, if that is its parent or was traced by
-- another library.
SELECT replace(c.identity::text, '-', '') AS identity, c.source, c.event_id, c.call_id, c.user_id, c.time,
       a.trace_id IS NOT NULL AND c.scope = ANY (:scopes::text[]) AS is_attached
FROM span_costs AS c LEFT JOIN attached_traces AS a USING (trace_id)
WHERE c.trace_id = ANY (:trace_ids::text[]) AND NOT c.is_voided
  AND (a.trace_id IS NOT NULL AND c.scope = ANY (:scopes::text[]) OR EXISTS (
      SELECT FROM span_costs AS o
      WHERE o.trace_id = c.trace_id AND o.prompt = c.prompt AND o.reply = c.reply AND o.identity <> c.identity
        AND o.starts_ns <= c.starts_ns AND c.ends_ns <= o.ends_ns
        AND (o.span_id = c.parent_id OR o.scope <> c.scope
             AND ((o.starts_ns, o.ends_ns) <> (c.starts_ns, c.ends_ns) OR o.scope < c.scope))))
ORDER BY c.identity LIMIT :limit

-- name: mark_voided
-- Marks the costs :identities as voided.
UPDATE span_costs SET is_voided = true WHERE identity = ANY (:identities::uuid[])
