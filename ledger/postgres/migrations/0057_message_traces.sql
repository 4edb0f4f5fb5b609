-- Trace contexts of alerts and commands, from the transaction that decides them to their delivery. The previous
-- release writes none.

CREATE TABLE message_traces (
    id          uuid        PRIMARY KEY,
    traceparent text        NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX message_traces_by_age ON message_traces (noted_at);
COMMENT ON TABLE message_traces IS 'The W3C trace context of the sampled event that caused an alert or a command, for a few days.';
COMMENT ON COLUMN message_traces.id IS 'The id of the alert or the command.';
