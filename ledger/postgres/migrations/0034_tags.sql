-- Tags of calls. An event may set some; of each key the earliest event by (time, identity) counts. A call
-- keeps the ten keys whose events are the earliest, by (time, identity, key). The previous release ignores
-- tags and writes none of these columns.

ALTER TABLE call_cost_events ADD COLUMN tags text;
COMMENT ON COLUMN call_cost_events.tags IS 'The tags of the call that the event sets, as a JSON object; null for none.';

ALTER TABLE calls ADD COLUMN tags jsonb, ADD COLUMN tagged_by jsonb;
COMMENT ON COLUMN calls.tags IS 'Tags by key; null for none.';
COMMENT ON COLUMN calls.tagged_by IS
    'The event that set each tag: [microseconds since 1970, identity], which later events are compared with.';

ALTER TABLE sealed_calls ADD COLUMN tags jsonb;
COMMENT ON COLUMN sealed_calls.tags IS
    'The tags that win within the file: [value, microseconds since 1970, identity] by key; null for none.';

CREATE FUNCTION epoch_us(moment timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (extract(epoch FROM moment) * 1000000)::bigint;

CREATE VIEW call_tags AS
WITH candidates AS (
    SELECT e.call_id, t.key, t.value, epoch_us(e.time) AS time_us, replace(e.identity::text, '-', '') AS identity
    FROM call_cost_events AS e, json_each_text(e.tags::json) AS t
    WHERE e.tags IS NOT NULL
    UNION ALL
    SELECT c.call_id, t.key, t.value ->> 0, (t.value ->> 1)::bigint, t.value ->> 2
    FROM sealed_calls AS c, jsonb_each(c.tags) AS t
), earliest AS (
    SELECT DISTINCT ON (call_id, key) call_id, key, value, time_us, identity
    FROM candidates
    ORDER BY call_id, key, time_us, identity COLLATE "C"
), ranked AS (
    SELECT *, row_number() OVER (
               PARTITION BY call_id ORDER BY time_us, identity COLLATE "C", key COLLATE "C") AS place
    FROM earliest
)
SELECT call_id, jsonb_object_agg(key, value) AS tags,
       jsonb_object_agg(key, jsonb_build_array(time_us, identity)) AS tagged_by
FROM ranked
WHERE place <= 10
GROUP BY call_id;
COMMENT ON VIEW call_tags IS 'The tags of each call that follow from its events, archived ones included.';
