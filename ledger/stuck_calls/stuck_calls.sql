-- Reads of the detector of stuck calls, for all users.

-- name: lock
-- Locks the detection for this session; false if another session has the lock.
SELECT pg_try_advisory_lock(hashtext('cost-analytics stuck calls'))

-- name: active
-- The calls that have not ended, by their partial index.
SELECT call_id, first_at, updated_at FROM calls
WHERE status = 'active' AND user_id IS NOT NULL AND first_at IS NOT NULL

-- name: operations
-- The operations of each service whose cost depends on usage.
SELECT DISTINCT service, operation FROM service_prices WHERE class = 'api'

-- name: activities
-- The activity of those of :call_ids that are active. A turn is a counted cost with the operation :turn, or with one
-- that is not in :operations if it is of one of :turn_services or in a unit of tokens. The operation :speech shows a
-- conversation, too. Corrections by the ledger itself, with a source in :own_sources, are not new events.
WITH requested AS MATERIALIZED (
    SELECT c.call_id, c.user_id, c.version, c.first_at, coalesce(c.started_at, c.first_at) AS begun_at, c.updated_at, c.costs
    FROM unnest(:call_ids::text[]) AS t (call_id) JOIN calls AS c USING (call_id)
    WHERE c.status = 'active' AND c.user_id IS NOT NULL AND c.first_at IS NOT NULL
), event AS MATERIALIZED (
    SELECT e.call_id, e.type, e.time, e.recorded_at, e.cost_nano, e.source <> ALL (:own_sources::text[]) AS is_sent,
           e.type = 'cost.recorded' AND NOT EXISTS (
               SELECT FROM known_voids AS v WHERE v.call_id = e.call_id AND v.voids = e.identity) AS counts,
           coalesce(e.operation = :turn OR e.operation <> ALL (:operations::text[])
                    AND (e.service = ANY (:turn_services::text[]) OR e.unit LIKE '%tokens' OR e.usages::text LIKE '%tokens"%'),
                    false) AS is_turn,
           coalesce(e.operation = :speech, false) AS is_speech
    FROM requested AS r, LATERAL (
        SELECT * FROM call_cost_events AS e
        WHERE e.call_id = r.call_id AND e.time >= r.first_at AND e.type <> 'call.settled'
        OFFSET 0 -- call by call, through the index, whatever the planner believes
    ) AS e
), activity AS (
    SELECT r.*, a.last_at, a.cost_at, coalesce(a.turn_at, CASE WHEN a.has_speech THEN r.begun_at END) AS turn_at,
           coalesce(a.turn_recorded_at, CASE WHEN a.has_speech THEN a.recorded_at END) AS turn_recorded_at
    FROM requested AS r CROSS JOIN LATERAL (
        SELECT max(time) FILTER (WHERE is_sent) AS last_at,
               max(time) FILTER (WHERE counts) AS cost_at,
               max(time) FILTER (WHERE counts AND is_turn) AS turn_at,
               max(recorded_at) FILTER (WHERE is_sent AND counts AND is_turn) AS turn_recorded_at,
               min(recorded_at) AS recorded_at,
               bool_or(counts AND is_speech) AS has_speech
        FROM event WHERE event.call_id = r.call_id
    ) AS a
)
SELECT a.call_id, a.user_id, a.version, a.begun_at, a.updated_at,
       greatest(a.last_at, (SELECT max(o.time) FROM archived_costs AS o WHERE o.call_id = a.call_id), a.first_at) AS last_at,
       a.turn_at, greatest(a.turn_at, a.turn_recorded_at) AS turn_seen_at, a.cost_at,
       coalesce((SELECT sum(e.cost_nano) FROM event AS e
                 WHERE e.call_id = a.call_id AND e.counts AND e.time > a.turn_at), 0)::bigint AS turn_nano,
       (SELECT coalesce(sum(s.value::bigint), 0)
        FROM json_each(a.costs::json) AS d, json_each_text(d.value) AS s)::bigint AS total_nano
FROM activity AS a
ORDER BY a.call_id

-- name: open_silences
-- The open anomalies of those of :call_ids that were silent.
SELECT anomaly_id::text FROM cost_anomalies
WHERE subject = ANY (:call_ids::text[]) AND kind = 'silent_call' AND resolved_at IS NULL

-- name: reopened
-- The open anomalies of calls that are not abandoned any more, up to :limit.
SELECT a.anomaly_id::text
FROM cost_anomalies AS a JOIN calls AS c ON c.call_id = a.subject
WHERE a.kind = 'abandoned_call' AND a.resolved_at IS NULL AND c.status <> 'abandoned'
LIMIT :limit
