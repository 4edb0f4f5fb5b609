-- Sums of the calls of all users by persona and tags, for reports of many calls. A worker computes them in the
-- background, for periods of calls by the time of their first event. A change of a call marks the hour of its first
-- event in the transaction that changes it. A reader uses the sums of a period without such marks, and reads the calls
-- of all other periods: so the sums are never out of date, whatever is stored, and an empty table is correct.

CREATE TABLE summed_periods (
    starts   timestamptz PRIMARY KEY,
    ends     timestamptz NOT NULL CHECK (starts < ends),
    tag_keys text[]      COLLATE "C",
    EXCLUDE USING gist (tstzrange(starts, ends) WITH &&)
);
COMMENT ON TABLE summed_periods IS 'The periods whose calls are summed, by the time of their first event.';
COMMENT ON COLUMN summed_periods.tag_keys IS
    'The keys of the tags that the sums distinguish; null for all. Keys with too many values are left out.';

CREATE TABLE period_sums (
    starts        timestamptz NOT NULL REFERENCES summed_periods ON DELETE CASCADE,
    day           date        NOT NULL,
    persona_id    text        COLLATE "C" NOT NULL,
    tags          jsonb       NOT NULL,
    calls         bigint,
    duration_ms   numeric,
    charged_nano  numeric,
    refunded_nano numeric,
    services      text[]      COLLATE "C",
    models        text[]      COLLATE "C",
    cost_nanos    numeric[]
);
CREATE INDEX period_sums_key ON period_sums (starts, day);
COMMENT ON TABLE period_sums IS
    'What the calls of a period add to each UTC day, by persona (empty for none) and tags.';
COMMENT ON COLUMN period_sums.calls IS 'Calls with their first event on the day; null, as the next three, if only costs are of that day.';
COMMENT ON COLUMN period_sums.models IS
    'The models of the costs beside: of recorded costs that are not voided, and of roundings. Null for what remains of the costs of the service.';

CREATE TABLE changed_hours (
    hour       timestamptz NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE changed_hours IS
    'The hours (UTC) whose calls changed since they were summed; -infinity stands for all. Each batch adds its rows, so no writer waits for another, and the summing worker deletes those that it has read.';

ALTER TABLE totals_outbox ADD COLUMN hours timestamptz[];
COMMENT ON COLUMN totals_outbox.hours IS
    'The hours of the first events of the calls, empty if none changed; null if the writer, as the previous release, does not know them.';

CREATE FUNCTION mark_changed_calls() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.hours IS NOT NULL THEN
        INSERT INTO changed_hours (hour) SELECT unnest(NEW.hours);
    ELSE
        INSERT INTO changed_hours (hour)
        SELECT DISTINCT date_trunc('hour', first_at, 'UTC') FROM calls
        WHERE call_id = ANY (NEW.call_ids) AND first_at IS NOT NULL;
    END IF;
    IF NEW.worker_id = 'erasure' THEN  -- the former tags must not be kept
        DELETE FROM period_sums AS s USING summed_periods AS p, calls AS c
        WHERE s.starts = p.starts AND c.call_id = ANY (NEW.call_ids) AND c.first_at >= p.starts AND c.first_at < p.ends;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mark_changed_calls IS 'Every transaction that changes calls names them in totals_outbox, also of the previous release.';
CREATE TRIGGER mark_changed_calls AFTER INSERT ON totals_outbox
    FOR EACH ROW EXECUTE FUNCTION mark_changed_calls();

CREATE FUNCTION mark_former_hour() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO changed_hours (hour) VALUES (date_trunc('hour', OLD.first_at, 'UTC'));
    RETURN NULL;
END $$;
CREATE TRIGGER mark_former_hour AFTER UPDATE OF first_at ON calls
    FOR EACH ROW WHEN (OLD.first_at IS DISTINCT FROM NEW.first_at AND OLD.first_at IS NOT NULL)
    EXECUTE FUNCTION mark_former_hour();

CREATE FUNCTION mark_archived_calls() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO changed_hours (hour)
    SELECT DISTINCT date_trunc('hour', c.first_at, 'UTC') FROM changed JOIN calls AS c USING (call_id)
    WHERE c.first_at IS NOT NULL;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mark_archived_calls IS 'Archived costs have no model any more.';
CREATE TRIGGER mark_sealed_calls AFTER INSERT ON sealed_calls REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION mark_archived_calls();
CREATE TRIGGER mark_unsealed_calls AFTER DELETE ON sealed_calls REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION mark_archived_calls();

CREATE FUNCTION mark_all_hours() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO changed_hours (hour) VALUES ('-infinity');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mark_all_hours IS 'A restore or a rebuild may have changed every call.';
CREATE TRIGGER mark_all_hours AFTER INSERT ON ledger_epochs
    FOR EACH STATEMENT EXECUTE FUNCTION mark_all_hours();

-- Calls are inserted nearly in the order of their times: a block range index finds those of a period, and an update
-- that leaves the time as it is does not touch it.
CREATE INDEX calls_first ON calls USING brin (first_at) WITH (autosummarize = on);

ALTER TABLE summed_periods ENABLE ROW LEVEL SECURITY;
ALTER TABLE period_sums    ENABLE ROW LEVEL SECURITY;
ALTER TABLE changed_hours  ENABLE ROW LEVEL SECURITY;
CREATE POLICY administrators ON summed_periods FOR SELECT TO cost_analytics_viewer USING ((SELECT reads_all()));
CREATE POLICY administrators ON period_sums    FOR SELECT TO cost_analytics_viewer USING ((SELECT reads_all()));
CREATE POLICY administrators ON changed_hours  FOR SELECT TO cost_analytics_viewer USING ((SELECT reads_all()));
