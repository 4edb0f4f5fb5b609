-- What the totals must be, computed from the recorded events alone. `verify` compares, `rebuild`
-- copies. Written in SQL and set by set, so that it shares no code with the fold that it checks.

CREATE FUNCTION utc_day(moment timestamptz) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (moment AT TIME ZONE 'UTC')::date;

CREATE FUNCTION round_half_even(amount numeric) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN abs(amount - trunc(amount)) = 0.5 AND trunc(amount) % 2 = 0 THEN trunc(amount)
                ELSE round(amount) END;

CREATE VIEW counted_costs AS
SELECT e.*
FROM call_cost_events AS e
WHERE e.type = 'cost.recorded'
  AND NOT EXISTS (
      SELECT FROM call_cost_events AS v
      WHERE v.call_id = e.call_id AND v.type = 'cost.voided' AND v.voids = e.identity
  );
COMMENT ON VIEW counted_costs IS 'Recorded costs that no void has taken back.';

CREATE VIEW settled_calls AS
SELECT DISTINCT ON (call_id) call_id, data::jsonb AS decided
FROM call_cost_events
WHERE type = 'call.settled'
ORDER BY call_id, (data::jsonb ->> 'version')::bigint DESC;
COMMENT ON VIEW settled_calls IS 'What the ledger last decided about each call.';

CREATE VIEW call_facts AS
WITH seen AS (
    SELECT call_id, min(user_id) AS user_id, count(DISTINCT user_id) AS users,
           min(time) AS first_at, count(*) AS event_count
    FROM call_cost_events WHERE type <> 'call.settled' GROUP BY call_id
), started AS (
    SELECT DISTINCT ON (call_id) call_id, time, identity, persona_id, data::jsonb AS data
    FROM call_cost_events WHERE type = 'call.started'
    ORDER BY call_id, time, identity
), named AS (
    SELECT DISTINCT ON (call_id) call_id, time, identity, persona_id
    FROM call_cost_events WHERE type = 'cost.recorded' AND persona_id IS NOT NULL
    ORDER BY call_id, time, identity
), ended AS (
    SELECT DISTINCT ON (call_id) call_id, time, identity, data::jsonb AS data
    FROM call_cost_events WHERE type = 'call.ended'
    ORDER BY call_id, time DESC, identity DESC
), charged AS (
    SELECT call_id, count(*) AS charge_count
    FROM call_cost_events WHERE type = 'call.charged' GROUP BY call_id
), estimated AS (
    SELECT call_id, count(*) FILTER (WHERE estimated) AS estimated_count
    FROM counted_costs GROUP BY call_id
)
SELECT seen.call_id, seen.user_id, seen.users,
       coalesce(started.persona_id, named.persona_id) AS persona_id,
       coalesce(ended.data ->> 'status', 'active') AS status,
       started.data ->> 'direction' AS direction,
       round_half_even((started.data ->> 'expectedDuration_seconds')::numeric * 1000) AS expected_duration_ms,
       coalesce(round_half_even((ended.data ->> 'duration_seconds')::numeric * 1000), 0) AS duration_ms,
       seen.first_at,
       started.time AS started_at, replace(started.identity::text, '-', '') AS started_by,
       CASE WHEN started.call_id IS NULL THEN named.time END AS persona_at,
       CASE WHEN started.call_id IS NULL THEN replace(named.identity::text, '-', '') END AS persona_by,
       ended.time AS ended_at, replace(ended.identity::text, '-', '') AS ended_by,
       coalesce(settled.decided -> 'infrastructure', '{}') AS infrastructure,
       coalesce(charged.charge_count, 0)::integer AS charge_count,
       coalesce((settled.decided ->> 'defaultCharge')::bigint, 0) AS default_charge_nano,
       coalesce((settled.decided ->> 'defaultFee')::bigint, 0) AS default_fee_nano,
       coalesce(estimated.estimated_count, 0)::integer AS estimated_count,
       seen.event_count::integer AS event_count
FROM seen
LEFT JOIN started   USING (call_id)
LEFT JOIN named     USING (call_id)
LEFT JOIN ended     USING (call_id)
LEFT JOIN charged   USING (call_id)
LEFT JOIN estimated USING (call_id)
LEFT JOIN settled_calls AS settled USING (call_id);
COMMENT ON VIEW call_facts IS 'What each call''s events say of it: the facts that its row must hold.';

CREATE VIEW cost_postings AS
SELECT e.call_id, utc_day(e.time) AS day, e.service, e.cost_nano
FROM counted_costs AS e
UNION ALL
SELECT e.call_id, utc_day(e.time), e.service, e.cost_nano
FROM call_cost_events AS e WHERE e.type = 'call.charged'
UNION ALL
SELECT f.call_id, utc_day(f.first_at), share.key, share.value::bigint
FROM call_facts AS f, jsonb_each_text(f.infrastructure) AS share
UNION ALL
SELECT f.call_id, utc_day(f.ended_at), 'stripe', f.default_fee_nano
FROM call_facts AS f WHERE f.default_fee_nano <> 0;
COMMENT ON VIEW cost_postings IS 'Every cost that counts, with the UTC day it counts on.';

CREATE VIEW charge_postings AS
SELECT call_id, utc_day(time) AS day, amount_nano AS charged_nano, 0::bigint AS refunded_nano
FROM call_cost_events WHERE type = 'call.charged'
UNION ALL
SELECT call_id, utc_day(time), 0, amount_nano
FROM call_cost_events WHERE type = 'call.refunded'
UNION ALL
SELECT call_id, utc_day(ended_at), default_charge_nano, 0
FROM call_facts WHERE default_charge_nano <> 0;
COMMENT ON VIEW charge_postings IS 'Every charge and refund, with the UTC day it counts on.';
