-- Charge plans: what users are charged for a call. Without a plan a completed call is charged the default
-- price, as before. The previous release knows no plans: it charges the default price.

CREATE TABLE charge_plans (
    plan_id           integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id           text        COLLATE "C" NOT NULL DEFAULT '',
    persona_id        text        COLLATE "C" NOT NULL DEFAULT '',
    tag_key           text        COLLATE "C" NOT NULL DEFAULT '',
    tag_value         text        COLLATE "C" NOT NULL DEFAULT '',
    effective_from    timestamptz NOT NULL,
    kind              text        NOT NULL CHECK (kind IN ('per_call', 'per_minute', 'cost_plus', 'default', 'ended')),
    amount_nano       bigint      NOT NULL DEFAULT 0 CHECK (amount_nano >= 0),
    minimum_seconds   integer     NOT NULL DEFAULT 0 CHECK (minimum_seconds >= 0),
    increment_seconds integer     NOT NULL DEFAULT 0 CHECK (increment_seconds >= 0),
    included_minutes  integer     NOT NULL DEFAULT 0 CHECK (included_minutes >= 0),
    markup_ppm        bigint      NOT NULL DEFAULT 0 CHECK (markup_ppm >= 0),
    source            text        NOT NULL,
    set_by            text        NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, persona_id, tag_key, tag_value, effective_from),
    CHECK ((tag_key = '') = (tag_value = ''))
);
COMMENT ON TABLE charge_plans IS
    'What users are charged for a call, from effective_from until the next row of the same scope. The scope is a user, a persona, a tag, or several of them; empty fields do not restrict it.';
COMMENT ON COLUMN charge_plans.kind IS
    'per_call; per_minute; cost_plus: the cost and a markup; default: the default price; ended: the scope has no plan any more.';
COMMENT ON COLUMN charge_plans.amount_nano IS 'Nano-dollars per call, per minute, or on top of the cost and its markup.';
COMMENT ON COLUMN charge_plans.markup_ppm IS 'Millionths of the cost that are added to it.';

CREATE FUNCTION keep_charge_plans() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'charge plans are added, never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_charge_plans BEFORE UPDATE OR DELETE ON charge_plans
    FOR EACH ROW EXECUTE FUNCTION keep_charge_plans();
COMMENT ON FUNCTION keep_charge_plans IS 'Calls point to the plan that they were charged by, so it stays as it was.';

-- Plans of other users are for administrators only.
ALTER TABLE charge_plans ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON charge_plans FOR SELECT TO cost_analytics_viewer
    USING (user_id IN ('', (SELECT viewer())) OR (SELECT reads_all()));
CREATE POLICY admins_add ON charge_plans FOR INSERT TO cost_analytics_viewer WITH CHECK ((SELECT reads_all()));

ALTER TABLE calls ADD COLUMN charge_plan jsonb, ADD COLUMN rerated_nano bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN calls.charge_plan IS
    'The plan that decided the default charge, with the figures that the charge follows from; null if there were no plans, or if no charge is due.';
COMMENT ON COLUMN calls.rerated_nano IS 'What later prices added to the costs; charges do not follow it.';
COMMENT ON COLUMN calls.default_charge_nano IS 'The charge of a completed call that no event charged: by its charge plan, or else by the default price.';

-- What a charge follows: costs at the prices when they were recorded.

CREATE FUNCTION charge_basis_nano(source text, data text, cost_nano bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN source = '/cost-analytics/rerate'
                THEN coalesce((data::jsonb ->> 'chargeBasisNano')::bigint, cost_nano) ELSE cost_nano END;
COMMENT ON FUNCTION charge_basis_nano IS
    'The part of a recorded cost that charges follow: a correcting cost states the cost that it replaces.';

ALTER TABLE sealed_calls ADD COLUMN rerated_nano bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN sealed_calls.rerated_nano IS 'As in calls, voided costs included.';
ALTER TABLE archived_costs ADD COLUMN basis_nano bigint;
COMMENT ON COLUMN archived_costs.basis_nano IS 'What charges follow, null if that is the cost.';

CREATE VIEW rerated_calls AS
SELECT call_id, sum(nano)::bigint AS rerated_nano
FROM (
    SELECT call_id, cost_nano - charge_basis_nano(source, data, cost_nano) AS nano
    FROM counted_costs WHERE source = '/cost-analytics/rerate'
    UNION ALL
    SELECT call_id, rerated_nano FROM sealed_calls WHERE rerated_nano <> 0
    UNION ALL
    SELECT a.call_id, a.basis_nano - a.cost_nano
    FROM (SELECT DISTINCT call_id, voids FROM known_voids) AS v
    JOIN archived_costs AS a ON a.call_id = v.call_id AND a.identity = v.voids
    WHERE a.basis_nano IS NOT NULL
) AS changes
GROUP BY call_id;
COMMENT ON VIEW rerated_calls IS 'What later prices added to the costs of calls, archived ones included.';

-- Repeats the decision about a charge, for verify.

CREATE FUNCTION chosen_plan_id(
    call_user text, call_persona text, call_tags jsonb, ended_at timestamptz, known_plans integer
) RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT plan_id
    FROM (
        SELECT DISTINCT ON (p.user_id, p.persona_id, p.tag_key, p.tag_value) p.*
        FROM (SELECT DISTINCT unnest(ARRAY['', call_user]) AS user_id) AS u,
             (SELECT DISTINCT unnest(ARRAY['', coalesce(call_persona, '')]) AS persona_id) AS s,
             (SELECT '' AS tag_key, '' AS tag_value
              UNION ALL SELECT key, value FROM jsonb_each_text(coalesce(call_tags, '{}'))) AS t
        JOIN charge_plans AS p ON p.tag_key = t.tag_key AND p.tag_value = t.tag_value
        WHERE p.user_id = u.user_id AND p.persona_id = s.persona_id
          AND p.effective_from <= chosen_plan_id.ended_at AND p.plan_id <= known_plans
        ORDER BY p.user_id, p.persona_id, p.tag_key, p.tag_value, p.effective_from DESC
    ) AS newest
    WHERE kind <> 'ended'
    ORDER BY user_id = '', persona_id = '', tag_key = '', tag_key
    LIMIT 1
$$;
COMMENT ON FUNCTION chosen_plan_id IS
    'The charge plan of a call among those with an id up to known_plans; null if none applies. See ledger/charge_plans/plans.py.';

CREATE FUNCTION half_even(dividend numeric, divisor numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT whole + CASE WHEN 2 * rest > divisor OR 2 * rest = divisor AND whole % 2 = 1 THEN 1 ELSE 0 END
    FROM (SELECT div(dividend, divisor) AS whole) AS w, LATERAL (SELECT dividend - whole * divisor AS rest) AS r
$$;
COMMENT ON FUNCTION half_even IS 'The quotient of numbers that are not negative, rounded half-even without an inexact division.';

CREATE FUNCTION plan_charge_nano(decided jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN decided ->> 'kind' <> 'default' THEN least(1000000000000000000, CASE decided ->> 'kind'
               WHEN 'per_call' THEN amount
               WHEN 'per_minute' THEN half_even(greatest(0, billed_ms - included_ms) * amount, 60000)
               WHEN 'cost_plus' THEN half_even(basis * (1000000 + markup), 1000000) + amount END) END
    FROM (
        SELECT coalesce((decided ->> 'amountNano')::numeric, 0) AS amount,
               coalesce((decided ->> 'durationMs')::numeric, 0) AS duration_ms,
               coalesce((decided ->> 'minimumSeconds')::numeric, 0) * 1000 AS minimum_ms,
               nullif((decided ->> 'incrementSeconds')::numeric, 0) * 1000 AS increment_ms,
               coalesce((decided ->> 'includedMinutes')::numeric, 0) * 60000 AS included_ms,
               coalesce((decided ->> 'basisNano')::numeric, 0) AS basis,
               coalesce((decided ->> 'markupPpm')::numeric, 0) AS markup
    ) AS f,
    LATERAL (SELECT CASE WHEN duration_ms = 0 THEN 0
                         ELSE greatest(minimum_ms, coalesce(div(duration_ms + increment_ms - 1, increment_ms) * increment_ms, duration_ms))
                    END AS billed_ms) AS b
$$;
COMMENT ON FUNCTION plan_charge_nano IS
    'The charge in nano-dollars of a decision by a plan; null for the default charge. See ledger/charge_plans/terms.py.';
