-- Records the batch in `incoming`: skips known events and adds the others to the totals.
WITH recorded AS (
    INSERT INTO cost_events
    SELECT * FROM incoming
    ON CONFLICT (source, event_id) DO NOTHING
    RETURNING call_id, user_id, (time AT TIME ZONE 'UTC')::date::text AS day, cost_nano
), calls AS (
    INSERT INTO call_totals
    SELECT call_id, count(*), sum(cost_nano) FROM recorded GROUP BY call_id ORDER BY call_id
    ON CONFLICT (call_id) DO UPDATE
    SET events = call_totals.events + excluded.events,
        cost_nano = call_totals.cost_nano + excluded.cost_nano
)
INSERT INTO user_totals
SELECT user_id, day, count(*), sum(cost_nano) FROM recorded GROUP BY user_id, day
ORDER BY user_id, day
ON CONFLICT (user_id, day) DO UPDATE
SET events = user_totals.events + excluded.events,
    cost_nano = user_totals.cost_nano + excluded.cost_nano
