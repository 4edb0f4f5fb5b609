-- Everything about one user. A statement cannot take the name of a table as a parameter, so `tables` returns
-- statements.

-- fragment: letter_of_user
-- A dead letter is about :user_id: by its key, or by the user in its data.
key = convert_to(:user_id, 'UTF8')
OR position(convert_to('"userId":' || to_json(:user_id::text)::text, 'UTF8') IN value) > 0
OR position(convert_to('"userId": ' || to_json(:user_id::text)::text, 'UTF8') IN value) > 0

-- name: keep_partitions
-- Blocks archiving: the snapshot, which is taken after this, would miss an archived month's partition.
LOCK TABLE call_cost_events IN ACCESS SHARE MODE

-- name: begin
-- One snapshot for all tables, without a limit of time.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)

-- name: tables
-- For each table with rows of users, the statement that returns those of $1: by user_id, by the author of a row
-- (columns such as set_by), or by the calls of the user. Secrets are left out. Other tables with rows of users have
-- their own statements below.
SELECT name,
       format($$SELECT (to_jsonb(t) - '{secret,code,digest,ticket_hash,unsubscribe_token}'::text[])::text AS exported FROM %I AS t WHERE %s$$,
              name, coalesce(by_name, 'call_id IN (SELECT call_id FROM calls WHERE user_id = $1)')) AS command
FROM (
    SELECT c.relname::text AS name,
           string_agg(format('%I IN ($1, ''admin '' || $1, ''user '' || $1)', a.attname), ' OR ' ORDER BY a.attnum)
               FILTER (WHERE a.attname = 'user_id' OR a.attname LIKE '%\_by' AND c.relname <> 'calls' OR (c.relname, a.attname) = ('event_sources', 'subject')) AS by_name,
           bool_or(a.attname = 'call_id') AS is_of_calls
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'text'::regtype
      AND c.relname NOT IN ('call_cost_events', 'dead_letters', 'outbox', 'read_functions')
    GROUP BY c.relname
) AS listed
WHERE by_name IS NOT NULL OR is_of_calls
ORDER BY name

-- name: call_cost_events
-- The recorded events of :user_id, call by call.
SELECT to_jsonb(e)::text AS exported
FROM (SELECT call_id FROM calls WHERE user_id = :user_id) AS c
JOIN call_cost_events AS e ON e.call_id = c.call_id AND e.user_id = :user_id

-- name: dead_letters
-- Refused records of :user_id. Key and value are Base64.
SELECT (to_jsonb(d) - 'digest' || jsonb_build_object('key', encode(key, 'base64'), 'value', encode(value, 'base64')))::text AS exported
FROM dead_letters AS d
WHERE {{letter_of_user}}

-- name: outbox
-- Messages about :user_id that are not in Kafka yet.
SELECT to_jsonb(o)::text AS exported FROM outbox AS o WHERE aggregateid = :user_id

-- name: archives
-- The archive files with events of :user_id.
SELECT DISTINCT s.month, s.part, s.file
FROM sealed_calls JOIN month_seals AS s USING (seal_id) WHERE user_id = :user_id AND file <> 'none' ORDER BY 1, 2
