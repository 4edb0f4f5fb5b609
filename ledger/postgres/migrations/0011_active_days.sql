-- Each user's days with a call, as one value: who was active in a past period is then known from one
-- row for each user, and not from a look at the days of everybody.

ALTER TABLE user_activity ADD COLUMN days datemultirange;
UPDATE user_activity AS a SET days = d.days
FROM (SELECT user_id, range_agg(daterange(day, day, '[]')) AS days
      FROM user_days WHERE calls > 0 GROUP BY user_id) AS d
WHERE a.user_id = d.user_id;
ALTER TABLE user_activity ALTER COLUMN days SET NOT NULL;

COMMENT ON TABLE user_activity IS 'The UTC days with a call of each user who has any, and the first and the last of them.';
COMMENT ON COLUMN user_activity.days IS 'All of them; days in a row are one range.';

-- A user's days come to life one by one; a day dies only when a late event moves its only call to
-- another day, or when all is rebuilt. Only then is the user looked up anew, and locked before.
CREATE OR REPLACE FUNCTION note_user_activity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    dead text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO user_activity AS a (user_id, first_day, last_day, days)
        SELECT user_id, min(day), max(day), range_agg(daterange(day, day, '[]'))
        FROM after WHERE calls > 0 GROUP BY user_id ORDER BY user_id
        ON CONFLICT (user_id) DO UPDATE
        SET first_day = least(a.first_day, excluded.first_day),
            last_day = greatest(a.last_day, excluded.last_day),
            days = a.days + excluded.days
        WHERE NOT a.days @> excluded.days;
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO user_activity AS a (user_id, first_day, last_day, days)
        SELECT user_id, min(day), max(day), range_agg(daterange(day, day, '[]'))
        FROM after JOIN before USING (user_id, day, persona_id)
        WHERE after.calls > 0 AND before.calls <= 0 GROUP BY user_id ORDER BY user_id
        ON CONFLICT (user_id) DO UPDATE
        SET first_day = least(a.first_day, excluded.first_day),
            last_day = greatest(a.last_day, excluded.last_day),
            days = a.days + excluded.days
        WHERE NOT a.days @> excluded.days;
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
        UPDATE user_activity AS a SET first_day = d.first_day, last_day = d.last_day, days = d.days
        FROM (SELECT user_id, min(day) AS first_day, max(day) AS last_day,
                     range_agg(daterange(day, day, '[]')) AS days
              FROM user_days WHERE user_id = ANY (dead) AND calls > 0 GROUP BY user_id) AS d
        WHERE a.user_id = d.user_id;
    END IF;
    RETURN NULL;
END $$;
