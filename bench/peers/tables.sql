-- The tables that each peer fills: every event's row, and the totals of calls and of users' days.
CREATE TABLE cost_events (
    source text,
    event_id text,
    type text NOT NULL,
    time timestamptz NOT NULL,
    user_id text NOT NULL,
    call_id text NOT NULL,
    service text NOT NULL,
    operation text NOT NULL,
    model text NOT NULL,
    usage bigint NOT NULL,
    unit text NOT NULL,
    metadata jsonb NOT NULL,
    cost_nano bigint NOT NULL,
    PRIMARY KEY (source, event_id)
);
CREATE TABLE call_totals (
    call_id text PRIMARY KEY,
    events bigint NOT NULL,
    cost_nano bigint NOT NULL
);
CREATE TABLE user_totals (
    user_id text,
    day text,
    events bigint NOT NULL,
    cost_nano bigint NOT NULL,
    PRIMARY KEY (user_id, day)
);
