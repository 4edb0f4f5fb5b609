-- Sealed months. The events of an old month move to a Parquet file; its seal keeps what totals,
-- voids and late prices still need of them. `verify` and `rebuild` start from the seals and add the
-- events that are still here. Events that arrive later for a sealed month are recorded as usual, in
-- a new partition; archiving again gives the month another part.

-- Seals ----------------------------------------------------------------------------------------

CREATE TABLE month_seals (
    seal_id          integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month            date        NOT NULL CHECK (extract(day FROM month) = 1),
    part             integer     NOT NULL CHECK (part > 0),
    file             text        NOT NULL,
    manifest         text        NOT NULL,
    events           bigint      NOT NULL,
    last_recorded_at timestamptz NOT NULL,
    sealed_at        timestamptz NOT NULL DEFAULT now(),
    costs_expired_at timestamptz,
    costs_removed_at timestamptz,
    UNIQUE (month, part)
);
COMMENT ON TABLE month_seals IS
    'One row for each file of archived events. Inserted by the transaction that drops the partition, so that each event is either in call_cost_events or in exactly one seal.';
COMMENT ON COLUMN month_seals.file IS 'Name of the Parquet file; it contains the beginning of the digest.';
COMMENT ON COLUMN month_seals.manifest IS 'The manifest as written beside the file, JSON.';
COMMENT ON COLUMN month_seals.events IS 'Archived events, without the decisions of the ledger.';
COMMENT ON COLUMN month_seals.costs_expired_at IS
    'When the details of its costs began to be removed. From then on a void of one of them is refused.';
COMMENT ON COLUMN month_seals.costs_removed_at IS 'When the last of them was removed; those that were voided stay.';

CREATE TABLE sealed_calls (
    call_id         text    COLLATE "C" NOT NULL,
    seal_id         integer NOT NULL REFERENCES month_seals ON DELETE CASCADE,
    user_id         text    COLLATE "C" NOT NULL,
    first_at        timestamptz,
    event_count     integer NOT NULL,
    charge_count    integer NOT NULL,
    estimated_count integer NOT NULL,
    facts           jsonb   NOT NULL,
    costs           jsonb   NOT NULL,
    charges         jsonb   NOT NULL,
    PRIMARY KEY (call_id, seal_id)
);
CREATE INDEX sealed_calls_user ON sealed_calls (user_id);
CREATE INDEX sealed_calls_seal ON sealed_calls (seal_id);
COMMENT ON TABLE sealed_calls IS 'What the archived events of one file say of each call.';
COMMENT ON COLUMN sealed_calls.first_at IS 'The earliest of its events; null where only decisions of the ledger are archived.';
COMMENT ON COLUMN sealed_calls.estimated_count IS 'Estimated costs, voided ones included.';
COMMENT ON COLUMN sealed_calls.facts IS
    'The events that win within the file: the first start, the first cost with a persona, the last end, the last decision.';
COMMENT ON COLUMN sealed_calls.costs IS
    'Nano-dollars by UTC day and service: recorded costs, voided ones included, and fees of charges. Decisions of the ledger are not in here.';
COMMENT ON COLUMN sealed_calls.charges IS 'By UTC day: [charged, refunded] nano-dollars, without default charges.';

CREATE TABLE sealed_spend (
    user_id       text        COLLATE "C" NOT NULL,
    quarter       timestamptz NOT NULL,
    seal_id       integer     NOT NULL REFERENCES month_seals ON DELETE CASCADE,
    cost_nano     bigint      NOT NULL,
    charged_nano  bigint      NOT NULL,
    refunded_nano bigint      NOT NULL,
    PRIMARY KEY (user_id, quarter, seal_id)
);
COMMENT ON TABLE sealed_spend IS
    'The same money by user and quarter of an hour, as in user_spend; voided costs included.';

CREATE TABLE sealed_voids (
    call_id text    COLLATE "C" NOT NULL,
    voids   uuid    NOT NULL,
    seal_id integer NOT NULL REFERENCES month_seals ON DELETE CASCADE,
    PRIMARY KEY (call_id, voids, seal_id)
);
COMMENT ON TABLE sealed_voids IS 'The identities that archived voids name, wherever the cost is, and also before it has arrived.';

CREATE TABLE archived_cost_kinds (
    kind_id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source         text NOT NULL,
    service        text COLLATE "C" NOT NULL,
    operation      text NOT NULL,
    operation_sent text NOT NULL,
    model          text NOT NULL,
    unit           text NOT NULL,
    UNIQUE (source, service, operation, operation_sent, model, unit)
);
COMMENT ON TABLE archived_cost_kinds IS 'What many archived costs have in common; an empty text stands for null.';

CREATE TABLE archived_costs (
    call_id   text        COLLATE "C" NOT NULL,
    identity  uuid        NOT NULL,
    seal_id   integer     NOT NULL REFERENCES month_seals ON DELETE CASCADE,
    kind_id   integer     NOT NULL REFERENCES archived_cost_kinds,
    price_id  integer,
    time      timestamptz NOT NULL,
    cost_nano bigint      NOT NULL,
    estimated boolean     NOT NULL,
    usage     numeric     NOT NULL,
    unit_cost numeric,
    event_id  text        NOT NULL,
    PRIMARY KEY (call_id, identity)
);
CREATE INDEX archived_costs_seal ON archived_costs (seal_id);
CREATE INDEX archived_costs_time ON archived_costs USING brin (time);
COMMENT ON TABLE archived_costs IS
    'The costs of sealed months, as narrow as a void and a late price allow. Removed with the identities, but for voided ones, which the sums of the seal still contain.';

-- Archiving drops a partition in the transaction that seals it -----------------------------------

CREATE FUNCTION drop_event_partition(name text, expected bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    found bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_inherits
                    WHERE inhparent = 'call_cost_events'::regclass AND inhrelid = to_regclass(name)) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', name);
    EXECUTE format('SELECT count(*) FROM %I', name) INTO found;
    IF found = expected THEN
        EXECUTE format('ALTER TABLE call_cost_events DETACH PARTITION %I', name);
        EXECUTE format('DROP TABLE %I', name);
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION drop_event_partition IS
    'Drops a partition that holds as many rows as expected, and returns how many it holds; null where there is no such partition. Rows are only ever added, so an equal number means that nothing arrived.';

CREATE FUNCTION open_event_month(starts text, ends text) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TEMPORARY VIEW month_events AS SELECT * FROM call_cost_events WHERE time >= %L AND time < %L', starts, ends);
END $$;
COMMENT ON FUNCTION open_event_month IS
    'Makes the events of a month readable as month_events, which a file of the archive can stand for as well.';

REVOKE EXECUTE ON FUNCTION drop_event_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_event_partition TO cost_analytics_operator_rights;

-- What totals must be, from the seals and the events that are still here ---------------------------

CREATE VIEW known_voids AS
SELECT call_id, voids FROM call_cost_events WHERE type = 'cost.voided'
UNION ALL
SELECT call_id, voids FROM sealed_voids;
COMMENT ON VIEW known_voids IS 'What voids name, archived ones included.';

CREATE OR REPLACE VIEW counted_costs AS
SELECT e.*
FROM call_cost_events AS e
WHERE e.type = 'cost.recorded'
  AND NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = e.call_id AND v.voids = e.identity);
COMMENT ON VIEW counted_costs IS 'Recorded costs that are still here and that no void has taken back.';

CREATE VIEW revoked_costs AS
SELECT a.call_id, c.user_id, a.time, k.service, a.cost_nano, a.estimated
FROM (SELECT DISTINCT call_id, voids FROM known_voids) AS v
JOIN archived_costs AS a ON a.call_id = v.call_id AND a.identity = v.voids
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id;
COMMENT ON VIEW revoked_costs IS 'Archived costs that a void has taken back: their seal contains them, the totals do not.';

CREATE VIEW repriceable_costs AS
SELECT identity, time, user_id, call_id, service, operation, model, unit, usage, cost_nano, price_id
FROM counted_costs
UNION ALL
SELECT a.identity, a.time, c.user_id, a.call_id, k.service, k.operation, nullif(k.model, ''), k.unit,
       a.usage, a.cost_nano, a.price_id
FROM archived_costs AS a
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
WHERE NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity);
COMMENT ON VIEW repriceable_costs IS 'Costs that count, archived ones included while their details are kept.';

CREATE VIEW fact_events AS
SELECT call_id, type, time, identity, persona_id, data
FROM call_cost_events
WHERE type IN ('call.started', 'call.ended', 'call.settled') OR type = 'cost.recorded' AND persona_id IS NOT NULL
UNION ALL
SELECT c.call_id, f.type, f.time, f.identity, f.persona_id COLLATE "C", f.data
FROM sealed_calls AS c,
     jsonb_to_recordset(c.facts) AS f (type text, time timestamptz, identity uuid, persona_id text, data text);
COMMENT ON VIEW fact_events IS 'The events that facts of calls follow from, archived ones included.';

CREATE OR REPLACE VIEW settled_calls AS
SELECT DISTINCT ON (call_id) call_id, data::jsonb AS decided
FROM fact_events
WHERE type = 'call.settled'
ORDER BY call_id, (data::jsonb ->> 'version')::bigint DESC;

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
LEFT JOIN settled_calls AS settled USING (call_id);

CREATE OR REPLACE VIEW cost_postings AS
SELECT e.call_id, utc_day(e.time) AS day, e.service, e.cost_nano
FROM counted_costs AS e
UNION ALL
SELECT e.call_id, utc_day(e.time), e.service, e.cost_nano
FROM call_cost_events AS e WHERE e.type = 'call.charged'
UNION ALL
SELECT c.call_id, days.key::date, costs.key, costs.value::bigint
FROM sealed_calls AS c, jsonb_each(c.costs) AS days, jsonb_each_text(days.value) AS costs
UNION ALL
SELECT r.call_id, utc_day(r.time), r.service, -r.cost_nano
FROM revoked_costs AS r
UNION ALL
SELECT f.call_id, utc_day(f.first_at), share.key, share.value::bigint
FROM call_facts AS f, jsonb_each_text(f.infrastructure) AS share
UNION ALL
SELECT f.call_id, utc_day(f.ended_at), 'stripe', f.default_fee_nano
FROM call_facts AS f WHERE f.default_fee_nano <> 0;

CREATE OR REPLACE VIEW charge_postings AS
SELECT call_id, utc_day(time) AS day, amount_nano AS charged_nano, 0::bigint AS refunded_nano
FROM call_cost_events WHERE type = 'call.charged'
UNION ALL
SELECT call_id, utc_day(time), 0, amount_nano
FROM call_cost_events WHERE type = 'call.refunded'
UNION ALL
SELECT c.call_id, days.key::date, (days.value ->> 0)::bigint, (days.value ->> 1)::bigint
FROM sealed_calls AS c, jsonb_each(c.charges) AS days
UNION ALL
SELECT call_id, utc_day(ended_at), default_charge_nano, 0
FROM call_facts WHERE default_charge_nano <> 0;

CREATE OR REPLACE VIEW spend_postings AS
SELECT e.user_id, e.time AS at, e.cost_nano, 0::bigint AS charged_nano, 0::bigint AS refunded_nano
FROM counted_costs AS e
UNION ALL
SELECT e.user_id, e.time, e.cost_nano, e.amount_nano, 0
FROM call_cost_events AS e WHERE e.type = 'call.charged'
UNION ALL
SELECT e.user_id, e.time, 0, 0, e.amount_nano
FROM call_cost_events AS e WHERE e.type = 'call.refunded'
UNION ALL
SELECT s.user_id, s.quarter, s.cost_nano, s.charged_nano, s.refunded_nano
FROM sealed_spend AS s
UNION ALL
SELECT r.user_id, r.time, -r.cost_nano, 0, 0
FROM revoked_costs AS r
UNION ALL
SELECT f.user_id, f.first_at, share.value::bigint, 0, 0
FROM call_facts AS f, jsonb_each_text(f.infrastructure) AS share
UNION ALL
SELECT f.user_id, f.ended_at, f.default_fee_nano, f.default_charge_nano, 0
FROM call_facts AS f WHERE f.default_charge_nano <> 0 OR f.default_fee_nano <> 0;

CREATE OR REPLACE VIEW waiting_voids AS
SELECT v.call_id, jsonb_agg(DISTINCT replace(v.voids::text, '-', '')) AS identities
FROM known_voids AS v
WHERE NOT EXISTS (SELECT FROM call_cost_events AS e
                   WHERE e.call_id = v.call_id AND e.identity = v.voids AND e.type = 'cost.recorded')
  AND NOT EXISTS (SELECT FROM archived_costs AS a
                   WHERE a.call_id = v.call_id AND a.identity = v.voids)
GROUP BY v.call_id;

-- What the API shows of archived events -------------------------------------------------------

CREATE VIEW sealed_decisions WITH (security_invoker = true) AS
SELECT c.call_id, c.user_id, c.seal_id, f.time, f.identity, f.data, (f.data::jsonb ->> 'version')::bigint AS version
FROM sealed_calls AS c,
     jsonb_to_recordset(c.facts) AS f (type text, time timestamptz, identity uuid, data text)
WHERE f.type = 'call.settled';
COMMENT ON VIEW sealed_decisions IS 'The last decision about a call in each file of the archive that has one.';

CREATE VIEW archived_lines WITH (security_invoker = true) AS
SELECT c.call_id, c.user_id, s.sealed_at, days.key::date AT TIME ZONE 'UTC' AS time, 'archived.costs' AS type,
       costs.key AS service, costs.value::bigint AS cost_nano, 0::bigint AS amount_nano,
       NULL::uuid AS identity, 'archive' AS source, s.file AS event_id, NULL::text AS data, NULL::bigint AS version
FROM sealed_calls AS c JOIN month_seals AS s USING (seal_id),
     jsonb_each(c.costs) AS days, jsonb_each_text(days.value) AS costs
UNION ALL
SELECT a.call_id, c.user_id, s.sealed_at, a.time, 'archived.voided', k.service, -a.cost_nano, 0, a.identity,
       k.source, a.event_id, NULL, NULL
FROM archived_costs AS a
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN month_seals AS s USING (seal_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
WHERE EXISTS (SELECT FROM call_cost_events AS v
               WHERE v.call_id = a.call_id AND v.type = 'cost.voided' AND v.voids = a.identity)
   OR EXISTS (SELECT FROM sealed_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity)
UNION ALL
SELECT c.call_id, c.user_id, s.sealed_at, days.key::date AT TIME ZONE 'UTC', 'archived.' || sums.kind, NULL, 0,
       (days.value ->> sums.place)::bigint, NULL, 'archive', s.file, NULL, NULL
FROM sealed_calls AS c JOIN month_seals AS s USING (seal_id),
     jsonb_each(c.charges) AS days, (VALUES ('charged', 0), ('refunded', 1)) AS sums (kind, place)
WHERE (days.value ->> sums.place)::bigint <> 0
UNION ALL
SELECT d.call_id, d.user_id, s.sealed_at, d.time, 'call.settled', NULL, 0, 0, d.identity,
       'ledger', d.call_id || '/' || d.version, d.data, d.version
FROM sealed_decisions AS d JOIN month_seals AS s USING (seal_id);
COMMENT ON VIEW archived_lines IS
    'Archived events in an export: a line for each day and service of a call, what was voided of it, what was charged and refunded, and the last decision of the ledger.';

-- Readers --------------------------------------------------------------------------------------

ALTER TABLE month_seals    ENABLE ROW LEVEL SECURITY;
ALTER TABLE sealed_calls   ENABLE ROW LEVEL SECURITY;
ALTER TABLE sealed_voids   ENABLE ROW LEVEL SECURITY;
ALTER TABLE archived_costs ENABLE ROW LEVEL SECURITY;

CREATE POLICY anyone_reads ON month_seals  FOR SELECT TO cost_analytics_viewer USING (true);
CREATE POLICY own_rows ON sealed_calls FOR SELECT TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
CREATE POLICY own_rows ON sealed_voids FOR SELECT TO cost_analytics_viewer
    USING (EXISTS (SELECT FROM sealed_calls AS c
                    WHERE c.call_id = sealed_voids.call_id AND c.seal_id = sealed_voids.seal_id));
CREATE POLICY own_rows ON archived_costs FOR SELECT TO cost_analytics_viewer
    USING (EXISTS (SELECT FROM sealed_calls AS c
                    WHERE c.call_id = archived_costs.call_id AND c.seal_id = archived_costs.seal_id));
