-- Running totals over all users: so that a view over everyone reads a few rows for each day, however
-- many users and calls there are.
--
-- Whatever moves a row of `user_days` or `user_day_costs` moves these too, in the same transaction,
-- by triggers: nothing that writes users' days can forget them. Writers of the same day would wait
-- for each other at its one row, so that each day has some rows, called slots, and a connection
-- writes to the slot of its own; a reader sums them.

CREATE TABLE everyone_days (
    day           date     NOT NULL,
    slot          smallint NOT NULL,
    calls         bigint   NOT NULL,
    duration_ms   numeric  NOT NULL,
    charged_nano  numeric  NOT NULL,
    refunded_nano numeric  NOT NULL,
    PRIMARY KEY (day, slot)
) WITH (fillfactor = 50);
COMMENT ON TABLE everyone_days IS
    'Running calls, call time and charges of all users on each UTC day: the sum over slots is the sum of user_days.';

CREATE TABLE everyone_day_costs (
    day       date     NOT NULL,
    service   text     COLLATE "C" NOT NULL,
    slot      smallint NOT NULL,
    cost_nano numeric  NOT NULL,
    PRIMARY KEY (day, service, slot)
) WITH (fillfactor = 50);
COMMENT ON TABLE everyone_day_costs IS
    'Running cost of all users on each UTC day by service: the sum over slots is the sum of user_day_costs.';

CREATE TABLE user_activity (
    user_id   text COLLATE "C" PRIMARY KEY,
    first_day date NOT NULL,
    last_day  date NOT NULL
);
COMMENT ON TABLE user_activity IS 'The first and the last UTC day with a call of each user who has any.';

CREATE FUNCTION writers_slot() RETURNS smallint
    LANGUAGE sql STABLE
    RETURN (pg_backend_pid() % 16)::smallint;

CREATE FUNCTION move_everyone_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO everyone_days AS d
        SELECT day, writers_slot(), sum(calls), sum(duration_ms), sum(charged_nano), sum(refunded_nano)
        FROM after GROUP BY day ORDER BY day
        ON CONFLICT (day, slot) DO UPDATE
        SET calls = d.calls + excluded.calls, duration_ms = d.duration_ms + excluded.duration_ms,
            charged_nano = d.charged_nano + excluded.charged_nano,
            refunded_nano = d.refunded_nano + excluded.refunded_nano;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO everyone_days AS d
        SELECT day, writers_slot(), sum(calls), sum(duration_ms), sum(charged_nano), sum(refunded_nano)
        FROM (SELECT day, calls, duration_ms, charged_nano, refunded_nano FROM after
              UNION ALL
              SELECT day, -calls, -duration_ms, -charged_nano, -refunded_nano FROM before) AS moved
        GROUP BY day ORDER BY day
        ON CONFLICT (day, slot) DO UPDATE
        SET calls = d.calls + excluded.calls, duration_ms = d.duration_ms + excluded.duration_ms,
            charged_nano = d.charged_nano + excluded.charged_nano,
            refunded_nano = d.refunded_nano + excluded.refunded_nano;
    ELSE
        INSERT INTO everyone_days AS d
        SELECT day, writers_slot(), -sum(calls), -sum(duration_ms), -sum(charged_nano), -sum(refunded_nano)
        FROM before GROUP BY day ORDER BY day
        ON CONFLICT (day, slot) DO UPDATE
        SET calls = d.calls + excluded.calls, duration_ms = d.duration_ms + excluded.duration_ms,
            charged_nano = d.charged_nano + excluded.charged_nano,
            refunded_nano = d.refunded_nano + excluded.refunded_nano;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION move_everyone_day_costs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO everyone_day_costs AS d
        SELECT day, service, writers_slot(), sum(cost_nano)
        FROM after GROUP BY day, service ORDER BY day, service
        ON CONFLICT (day, service, slot) DO UPDATE SET cost_nano = d.cost_nano + excluded.cost_nano;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO everyone_day_costs AS d
        SELECT day, service, writers_slot(), sum(cost_nano)
        FROM (SELECT day, service, cost_nano FROM after
              UNION ALL
              SELECT day, service, -cost_nano FROM before) AS moved
        GROUP BY day, service ORDER BY day, service
        ON CONFLICT (day, service, slot) DO UPDATE SET cost_nano = d.cost_nano + excluded.cost_nano;
    ELSE
        INSERT INTO everyone_day_costs AS d
        SELECT day, service, writers_slot(), -sum(cost_nano)
        FROM before GROUP BY day, service ORDER BY day, service
        ON CONFLICT (day, service, slot) DO UPDATE SET cost_nano = d.cost_nano + excluded.cost_nano;
    END IF;
    RETURN NULL;
END $$;

-- A user's days come to life one by one; a day dies only when a late event moves its only call to
-- another day, or when all is rebuilt. Only then is the user looked up anew, and locked before.
CREATE FUNCTION note_user_activity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    dead text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO user_activity AS a
        SELECT user_id, min(day), max(day) FROM after WHERE calls > 0 GROUP BY user_id ORDER BY user_id
        ON CONFLICT (user_id) DO UPDATE
        SET first_day = least(a.first_day, excluded.first_day), last_day = greatest(a.last_day, excluded.last_day)
        WHERE excluded.first_day < a.first_day OR excluded.last_day > a.last_day;
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO user_activity AS a
        SELECT user_id, min(day), max(day) FROM after JOIN before USING (user_id, day, persona_id)
        WHERE after.calls > 0 AND before.calls <= 0 GROUP BY user_id ORDER BY user_id
        ON CONFLICT (user_id) DO UPDATE
        SET first_day = least(a.first_day, excluded.first_day), last_day = greatest(a.last_day, excluded.last_day)
        WHERE excluded.first_day < a.first_day OR excluded.last_day > a.last_day;
        dead := ARRAY(SELECT DISTINCT user_id FROM after JOIN before USING (user_id, day, persona_id)
                      WHERE after.calls <= 0 AND before.calls > 0);
    ELSE
        dead := ARRAY(SELECT DISTINCT user_id FROM before WHERE calls > 0);
    END IF;
    IF dead <> '{}' THEN
        PERFORM FROM user_activity WHERE user_id = ANY (dead) ORDER BY user_id FOR UPDATE;
        DELETE FROM user_activity AS a
        WHERE user_id = ANY (dead)
          AND NOT EXISTS (SELECT FROM user_days AS d WHERE d.user_id = a.user_id AND d.calls > 0);
        UPDATE user_activity AS a SET first_day = d.first_day, last_day = d.last_day
        FROM (SELECT user_id, min(day) AS first_day, max(day) AS last_day
              FROM user_days WHERE user_id = ANY (dead) AND calls > 0 GROUP BY user_id) AS d
        WHERE a.user_id = d.user_id;
    END IF;
    RETURN NULL;
END $$;

INSERT INTO everyone_days
SELECT day, 0, sum(calls), sum(duration_ms), sum(charged_nano), sum(refunded_nano) FROM user_days GROUP BY day;
INSERT INTO everyone_day_costs SELECT day, service, 0, sum(cost_nano) FROM user_day_costs GROUP BY day, service;
INSERT INTO user_activity SELECT user_id, min(day), max(day) FROM user_days WHERE calls > 0 GROUP BY user_id;

CREATE TRIGGER everyone_gained AFTER INSERT ON user_days REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION move_everyone_days();
CREATE TRIGGER everyone_moved AFTER UPDATE ON user_days REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION move_everyone_days();
CREATE TRIGGER everyone_lost AFTER DELETE ON user_days REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION move_everyone_days();
CREATE TRIGGER everyone_gained AFTER INSERT ON user_day_costs REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION move_everyone_day_costs();
CREATE TRIGGER everyone_moved AFTER UPDATE ON user_day_costs REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION move_everyone_day_costs();
CREATE TRIGGER everyone_lost AFTER DELETE ON user_day_costs REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION move_everyone_day_costs();
CREATE TRIGGER user_gained AFTER INSERT ON user_days REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION note_user_activity();
CREATE TRIGGER user_moved AFTER UPDATE ON user_days REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION note_user_activity();
CREATE TRIGGER user_lost AFTER DELETE ON user_days REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION note_user_activity();

-- Only whoever reads all may read what is about all.
CREATE FUNCTION may_read_all() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('cost_analytics.reads_all', true) = 'on';
COMMENT ON FUNCTION may_read_all IS 'Whether the present transaction reads on behalf of an administrator.';

ALTER TABLE everyone_days      ENABLE ROW LEVEL SECURITY;
ALTER TABLE everyone_day_costs ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_activity      ENABLE ROW LEVEL SECURITY;
CREATE POLICY administrators ON everyone_days      FOR SELECT TO cost_analytics_reader USING (may_read_all());
CREATE POLICY administrators ON everyone_day_costs FOR SELECT TO cost_analytics_reader USING (may_read_all());
CREATE POLICY administrators ON user_activity      FOR SELECT TO cost_analytics_reader USING (may_read_all());
GRANT SELECT ON everyone_days, everyone_day_costs, user_activity TO cost_analytics_reader;
