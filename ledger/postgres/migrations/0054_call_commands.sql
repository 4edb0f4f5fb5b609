-- Commands to vendors of calls, with every attempt: each cutoff request, and what was done about it. The previous
-- release still publishes its requests, but inserts no command.

CREATE TABLE call_commands (
    command_id      uuid        PRIMARY KEY,
    seq             bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    call_id         text        COLLATE "C" NOT NULL,
    user_id         text        COLLATE "C" NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('cutoff', 'warn', 'downgrade')),
    cause           text        NOT NULL CHECK (cause IN ('limit', 'stuck', 'hand')),
    requested_by    text,
    reason          text        NOT NULL,
    payload         text        NOT NULL,
    state           text        NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'executing', 'executed', 'dry_run', 'ended', 'unsupported', 'failed', 'expired')),
    outcome         text,
    target          text,
    attempts        integer     NOT NULL DEFAULT 0,
    requested_at    timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz DEFAULT now(),
    claimed_until   timestamptz,
    ended_at        timestamptz,
    journaled_at    timestamptz
);
CREATE INDEX call_commands_due ON call_commands (next_attempt_at) WHERE state IN ('pending', 'executing');
CREATE INDEX call_commands_of_call ON call_commands (call_id);
CREATE INDEX call_commands_of_user ON call_commands (user_id);
CREATE INDEX call_commands_unjournaled ON call_commands (ended_at) WHERE state = 'executed' AND journaled_at IS NULL;
COMMENT ON TABLE call_commands IS 'Commands to the vendor of a call or to the webhook of commands, each executed at most once.';
COMMENT ON COLUMN call_commands.cause IS 'limit: the cost reached the limit of the call; stuck: the call is stuck; hand: a person ends the call.';
COMMENT ON COLUMN call_commands.requested_by IS 'Who ends the call by hand, such as user alice; else null.';
COMMENT ON COLUMN call_commands.payload IS 'The CloudEvent, JSON, as the webhook of commands receives it.';
COMMENT ON COLUMN call_commands.state IS
    'executed: the receiver accepted it; dry_run: it was only recorded; ended: the call had ended; unsupported: nothing can execute it; failed: the receiver refused it; expired: no attempt succeeded in time.';
COMMENT ON COLUMN call_commands.outcome IS 'Why it ended so, a sentence; null if it was executed.';
COMMENT ON COLUMN call_commands.target IS 'The receiver of the last attempt: a vendor or webhook.';
COMMENT ON COLUMN call_commands.journaled_at IS 'When an executed command was known to be in the journal, outside of this database.';

CREATE TABLE call_command_attempts (
    command_id  uuid        NOT NULL REFERENCES call_commands ON DELETE CASCADE,
    number      integer     NOT NULL,
    user_id     text        COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    target      text,
    outcome     text        CHECK (outcome IN ('executed', 'dry_run', 'ended', 'unsupported', 'temporary', 'permanent', 'interrupted')),
    status      text,
    error       text,
    duration_ms bigint,
    PRIMARY KEY (command_id, number)
);
CREATE INDEX call_command_attempts_of_user ON call_command_attempts (user_id);
COMMENT ON TABLE call_command_attempts IS 'Every attempt to execute a command.';
COMMENT ON COLUMN call_command_attempts.outcome IS 'null while it is under way; interrupted: the process ended before the result was stored.';
COMMENT ON COLUMN call_command_attempts.status IS 'The status of the response, such as 204; null without one.';

CREATE TABLE command_modes (
    seq        integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode       text        NOT NULL CHECK (mode IN ('execute', 'dry_run', 'stopped')),
    reason     text        NOT NULL,
    changed_by text        NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO command_modes (mode, reason, changed_by) VALUES ('execute', 'The initial mode.', 'migrate');
COMMENT ON TABLE command_modes IS 'What processes do with commands; the newest row is in force, in all processes at once.';

CREATE TABLE command_journal_reads (
    epoch   bigint      PRIMARY KEY,
    read_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO command_journal_reads (epoch) SELECT epoch FROM ledger_epochs;
COMMENT ON TABLE command_journal_reads IS 'The epochs of the ledger for which the journal of executed commands was read. No command is executed before.';

ALTER TABLE call_commands         ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_command_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_modes         ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON call_commands FOR ALL TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
CREATE POLICY own_rows ON call_command_attempts FOR SELECT TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
CREATE POLICY admins_only ON command_modes FOR ALL TO cost_analytics_viewer
    USING ((SELECT reads_all())) WITH CHECK ((SELECT reads_all()));
