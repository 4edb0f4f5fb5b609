-- A ranking of all users reads the users' days of a period. Days are written nearly in order, so a small
-- block range index finds them; it needs no update when a day's sums change.

CREATE INDEX user_days_day ON user_days USING brin (day) WITH (autosummarize = on);
CREATE INDEX user_day_costs_day ON user_day_costs USING brin (day) WITH (autosummarize = on);
