-- What operators watch (`GET /metrics`) can be asked for every few seconds, however much there is, and by the
-- role that the API reads as. None of it is any user's.

-- Refused records by code: there may be millions, so they are counted as they come.
CREATE TABLE dead_letter_counts (
    "partition" integer NOT NULL,
    code        text    NOT NULL,
    letters     bigint  NOT NULL,
    PRIMARY KEY ("partition", code)
);
COMMENT ON TABLE dead_letter_counts IS
    'How many records were refused with each code, counted by a trigger on dead_letters. By partition, which has one writer at a time, so that no worker waits for another.';

CREATE FUNCTION count_dead_letters() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dead_letter_counts AS known ("partition", code, letters)
    SELECT "partition", code, count(*) FROM added GROUP BY "partition", code ORDER BY "partition", code
    ON CONFLICT ("partition", code) DO UPDATE SET letters = known.letters + excluded.letters;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_dead_letters IS
    'Adds the records that a statement refused to dead_letter_counts, in one order for everybody.';

-- The trigger comes first: making it waits for whoever writes, and keeps others waiting to the end of this step.
CREATE TRIGGER dead_letters_counted AFTER INSERT ON dead_letters REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_dead_letters();
INSERT INTO dead_letter_counts SELECT "partition", code, count(*) FROM dead_letters GROUP BY "partition", code;

-- Only the columns that are counted and dated: no message, no call, no event.
GRANT SELECT ON dead_letter_counts TO cost_analytics_reader;
GRANT SELECT (cluster, topic, "partition", next_offset, updated_at) ON stream_offsets TO cost_analytics_reader;
GRANT SELECT (partitions, heartbeat_at) ON stream_workers TO cost_analytics_reader;
GRANT SELECT (id, created_at) ON totals_outbox TO cost_analytics_reader;
GRANT SELECT (seq, created_at) ON outbox TO cost_analytics_reader;
GRANT SELECT (identity) ON held_events TO cost_analytics_reader;
