-- Abandoned calls: the ledger closes a call of which no event arrived for too long, as `abandoned` in the data of
-- `call.settled`. The previous release does not reopen them. It stores no progress of its partitions either, and while
-- some of them have none, no call is closed.

ALTER TABLE calls DROP CONSTRAINT calls_status_check;
ALTER TABLE calls ADD CONSTRAINT calls_status_check
    CHECK (status IN ('active', 'completed', 'failed', 'terminated', 'abandoned')) NOT VALID;
COMMENT ON COLUMN calls.status IS 'abandoned: closed by the ledger, with no event since; ended_at is the time of its last event.';

ALTER TABLE cost_anomalies DROP CONSTRAINT cost_anomalies_kind_check;
ALTER TABLE cost_anomalies ADD CONSTRAINT cost_anomalies_kind_check
    CHECK (kind IN ('call_spike', 'day_spike', 'missing_leg', 'silent_call', 'abandoned_call')) NOT VALID;
CREATE INDEX cost_anomalies_abandoned ON cost_anomalies (subject) WHERE kind = 'abandoned_call' AND resolved_at IS NULL;

CREATE TABLE stream_progress (
    cluster       text        NOT NULL,
    topic         text        NOT NULL,
    "partition"   integer     NOT NULL,
    counted_until timestamptz NOT NULL,
    PRIMARY KEY (cluster, topic, "partition")
);
COMMENT ON TABLE stream_progress IS
    'Until when a partition is counted: every record that was in Kafka at counted_until has been committed. Stored with the heartbeats of its worker.';

COMMENT ON COLUMN call_cutoffs.limit_version IS 'The version of the limit; 0 for a stuck call, which has no limit.';
COMMENT ON TABLE call_cutoffs IS 'Each request to end a call: once per call and limit version, and once for a stuck call.';

CREATE OR REPLACE VIEW call_facts AS
WITH seen AS (
    SELECT call_id, min(user_id) AS user_id, count(DISTINCT user_id) AS users, min(first_at) AS first_at,
           sum(event_count)::bigint AS event_count, sum(charge_count)::bigint AS charge_count
    FROM (
        SELECT call_id, user_id, min(time) AS first_at, count(*) AS event_count,
               count(*) FILTER (WHERE type = 'call.charged') AS charge_count
        FROM call_cost_events WHERE type <> 'call.settled' GROUP BY call_id, user_id
        UNION ALL
        SELECT call_id, user_id, first_at, event_count, charge_count FROM sealed_calls
    ) AS parts
    GROUP BY call_id
), started AS (
    SELECT DISTINCT ON (call_id) call_id, time, identity, persona_id, data::jsonb AS data
    FROM fact_events WHERE type = 'call.started'
    ORDER BY call_id, time, identity
), named AS (
    SELECT DISTINCT ON (call_id) call_id, time, identity, persona_id
    FROM fact_events WHERE type = 'cost.recorded'
    ORDER BY call_id, time, identity
), ended AS (
    SELECT DISTINCT ON (call_id) call_id, time, identity, data::jsonb AS data
    FROM fact_events WHERE type = 'call.ended'
    ORDER BY call_id, time DESC, identity DESC
), estimated AS (
    SELECT call_id, sum(estimated_count) AS estimated_count
    FROM (
        SELECT call_id, count(*) FILTER (WHERE estimated) AS estimated_count
        FROM counted_costs GROUP BY call_id
        UNION ALL
        SELECT call_id, estimated_count FROM sealed_calls
        UNION ALL
        SELECT call_id, -1 FROM revoked_costs WHERE estimated
    ) AS parts
    GROUP BY call_id
)
SELECT seen.call_id, seen.user_id, seen.users,
       coalesce(started.persona_id, named.persona_id) AS persona_id,
       coalesce(ended.data ->> 'status', CASE WHEN closed.is_abandoned THEN 'abandoned' ELSE 'active' END) AS status,
       started.data ->> 'direction' AS direction,
       round_half_even((started.data ->> 'expectedDuration_seconds')::numeric * 1000) AS expected_duration_ms,
       coalesce(round_half_even((ended.data ->> 'duration_seconds')::numeric * 1000),
                CASE WHEN closed.is_abandoned THEN (settled.decided -> 'abandoned' ->> 'durationMs')::bigint END, 0) AS duration_ms,
       seen.first_at,
       started.time AS started_at, replace(started.identity::text, '-', '') AS started_by,
       CASE WHEN started.call_id IS NULL THEN named.time END AS persona_at,
       CASE WHEN started.call_id IS NULL THEN replace(named.identity::text, '-', '') END AS persona_by,
       coalesce(ended.time, CASE WHEN closed.is_abandoned THEN (settled.decided -> 'abandoned' ->> 'at')::timestamptz END) AS ended_at,
       replace(ended.identity::text, '-', '') AS ended_by,
       coalesce(settled.decided -> 'infrastructure', '{}') AS infrastructure,
       seen.charge_count::integer AS charge_count,
       coalesce((settled.decided ->> 'defaultCharge')::bigint, 0) AS default_charge_nano,
       coalesce((settled.decided ->> 'defaultFee')::bigint, 0) AS default_fee_nano,
       coalesce(estimated.estimated_count, 0)::integer AS estimated_count,
       seen.event_count::integer AS event_count
FROM seen
LEFT JOIN started   USING (call_id)
LEFT JOIN named     USING (call_id)
LEFT JOIN ended     USING (call_id)
LEFT JOIN estimated USING (call_id)
LEFT JOIN settled_calls AS settled USING (call_id)
-- Closed when it had exactly the events that it has now.
CROSS JOIN LATERAL (
    SELECT ended.call_id IS NULL
           AND coalesce((settled.decided -> 'abandoned' ->> 'events')::bigint = seen.event_count, false) AS is_abandoned
) AS closed;
