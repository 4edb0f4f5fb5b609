-- Totals of tags over all users, for budgets of administrators. A worker keeps them beside the stream: what each call
-- adds to a tag is stored, so a changed call adds the difference. Without such a budget nothing is written.

CREATE TABLE tag_scopes (
    scope_id  bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tag_key   text    COLLATE "C" NOT NULL,
    value     text    COLLATE "C" NOT NULL,
    first_day date    NOT NULL,
    barrier   xid8,
    position  text    COLLATE "C" NOT NULL DEFAULT '',
    is_summed boolean NOT NULL DEFAULT false,
    has_ended boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX tag_scopes_current ON tag_scopes (tag_key, value) WHERE NOT has_ended;
COMMENT ON TABLE tag_scopes IS 'The tags with a budget of all users, and how far their calls are summed.';
COMMENT ON COLUMN tag_scopes.barrier IS
    'Calls are read once all earlier transactions have ended: those may have changed calls without seeing this row.';
COMMENT ON COLUMN tag_scopes.position IS 'The last call that was summed.';
COMMENT ON COLUMN tag_scopes.has_ended IS 'Its totals are not used any more, and are deleted in parts.';

CREATE TABLE tag_call_days (
    scope_id      bigint NOT NULL,
    call_id       text   COLLATE "C" NOT NULL,
    day           date   NOT NULL,
    cost_nano     bigint NOT NULL,
    charged_nano  bigint NOT NULL,
    refunded_nano bigint NOT NULL,
    PRIMARY KEY (scope_id, call_id, day)
);
COMMENT ON TABLE tag_call_days IS 'What each call adds to the total of a tag, by UTC day.';

CREATE TABLE tag_days (
    scope_id      bigint NOT NULL,
    day           date   NOT NULL,
    cost_nano     bigint NOT NULL,
    charged_nano  bigint NOT NULL,
    refunded_nano bigint NOT NULL,
    PRIMARY KEY (scope_id, day)
) WITH (fillfactor = 80);
COMMENT ON TABLE tag_days IS 'The sums of tag_call_days.';

CREATE TABLE changed_calls (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_ids text[] COLLATE "C" NOT NULL
);
COMMENT ON TABLE changed_calls IS
    'The calls of each batch that changed since the totals of tags were last brought up to date. Empty without budgets of a tag over all users.';

CREATE OR REPLACE FUNCTION mark_changed_calls() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.hours IS NOT NULL THEN
        INSERT INTO changed_hours (hour) SELECT unnest(NEW.hours);
    ELSE
        INSERT INTO changed_hours (hour)
        SELECT DISTINCT date_trunc('hour', first_at, 'UTC') FROM calls
        WHERE call_id = ANY (NEW.call_ids) AND first_at IS NOT NULL;
    END IF;
    IF NEW.hours IS DISTINCT FROM '{}' AND EXISTS (SELECT FROM tag_scopes WHERE NOT has_ended) THEN
        INSERT INTO changed_calls (call_ids) VALUES (NEW.call_ids);
    END IF;
    IF NEW.worker_id = 'erasure' THEN  -- the former tags must not be kept
        DELETE FROM period_sums AS s USING summed_periods AS p, calls AS c
        WHERE s.starts = p.starts AND c.call_id = ANY (NEW.call_ids) AND c.first_at >= p.starts AND c.first_at < p.ends;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION restart_tag_scopes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE tag_scopes SET has_ended = true WHERE NOT has_ended;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION restart_tag_scopes IS 'A restore or a rebuild may have changed every call: tags are summed again.';
CREATE TRIGGER restart_tag_scopes AFTER INSERT ON ledger_epochs
    FOR EACH STATEMENT EXECUTE FUNCTION restart_tag_scopes();

ALTER TABLE tag_scopes    ENABLE ROW LEVEL SECURITY;
ALTER TABLE tag_call_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE tag_days      ENABLE ROW LEVEL SECURITY;
ALTER TABLE changed_calls ENABLE ROW LEVEL SECURITY;
CREATE POLICY administrators ON tag_scopes    FOR SELECT TO cost_analytics_viewer USING ((SELECT reads_all()));
CREATE POLICY administrators ON tag_call_days FOR SELECT TO cost_analytics_viewer USING ((SELECT reads_all()));
CREATE POLICY administrators ON tag_days      FOR SELECT TO cost_analytics_viewer USING ((SELECT reads_all()));
CREATE POLICY administrators ON changed_calls FOR SELECT TO cost_analytics_viewer USING ((SELECT reads_all()));

-- Totals of scopes by the quarter of an hour are those of users' budgets only.
CREATE OR REPLACE VIEW budget_scopes AS
SELECT s.user_id, b.dimension COLLATE "C" AS dimension, b.value COLLATE "C" AS value, min(b."countsFrom") AS counts_from
FROM user_budget_settings AS s,
     jsonb_to_recordset(s.budgets) AS b (dimension text, value text, "countsFrom" timestamptz)
WHERE (b.dimension = 'persona' OR b.dimension LIKE 'tag.%') AND s.user_id <> ''
GROUP BY s.user_id, b.dimension, b.value;

CREATE VIEW expected_tag_call_days AS
SELECT s.scope_id, t.call_id, utc_day(p.at) AS day, sum(p.cost_nano) AS cost_nano,
       sum(p.charged_nano) AS charged_nano, sum(p.refunded_nano) AS refunded_nano
FROM tag_scopes AS s
JOIN call_tags AS t ON t.tags ->> s.tag_key = s.value
JOIN call_facts AS f ON f.call_id = t.call_id AND f.user_id IS NOT NULL
JOIN call_postings AS p ON p.call_id = t.call_id AND utc_day(p.at) >= s.first_day
WHERE s.is_summed AND NOT s.has_ended AND EXISTS (SELECT FROM tag_scopes)
GROUP BY s.scope_id, t.call_id, utc_day(p.at);
COMMENT ON VIEW expected_tag_call_days IS 'What tag_call_days must contain of tags that are summed, apart from changed_calls.';

-- Erasing a user replaces the identity in tags of the user's calls. Budgets of all users on such a tag follow; their
-- calls are summed again, because those of other users keep the tag.

ALTER FUNCTION erase_rows(text, text) RENAME TO erase_rows_of_user;

CREATE FUNCTION erase_rows(of_user text, as_user text) RETURNS jsonb
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    counts jsonb := erase_rows_of_user(of_user, as_user);
    number bigint;
    quoted text := substr(to_json(of_user)::text, 2, length(to_json(of_user)::text) - 2);
BEGIN
    UPDATE user_budget_settings SET budgets = erased_json(budgets, of_user, as_user)
    WHERE user_id = '' AND (strpos(budgets::text, of_user) > 0 OR strpos(budgets::text, quoted) > 0);
    UPDATE budget_alerts SET data = erased_json(data::jsonb, of_user, as_user)::text
    WHERE user_id = '' AND (strpos(data, of_user) > 0 OR strpos(data, quoted) > 0);
    UPDATE tag_scopes SET has_ended = true, value = erased_words(value, of_user, as_user)
    WHERE value <> erased_words(value, of_user, as_user);
    GET DIAGNOSTICS number = ROW_COUNT;
    RETURN CASE WHEN number > 0 THEN counts || jsonb_build_object('tag_scopes', number) ELSE counts END;
END $$;
COMMENT ON FUNCTION erase_rows IS 'Erases a user from all tables but the totals; a part of erase_user.';
REVOKE EXECUTE ON FUNCTION erase_rows FROM PUBLIC;
