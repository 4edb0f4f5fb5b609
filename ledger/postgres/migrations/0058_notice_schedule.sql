-- When digests, forecasts and usage without a price are looked at next, for each user whose channels want them.

CREATE TABLE notice_schedule (
    kind    text        NOT NULL,
    user_id text        COLLATE "C" NOT NULL,
    due_at  timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (kind, user_id)
);
CREATE INDEX notice_schedule_due ON notice_schedule (due_at);
COMMENT ON TABLE notice_schedule IS
    'Each kind of scheduled message of each user that a verified channel gets. Several processes take due rows side by side.';
COMMENT ON COLUMN notice_schedule.due_at IS '-infinity before the first time is decided.';
COMMENT ON COLUMN notice_schedule.user_id IS 'Empty for administrators.';

ALTER TABLE notice_schedule ENABLE ROW LEVEL SECURITY;
