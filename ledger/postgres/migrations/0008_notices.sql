-- Notices: where users want to be told of their alerts, and what became of telling them.

-- Channels -------------------------------------------------------------------------------------

CREATE TABLE notice_channels (
    channel_id   uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      text        COLLATE "C" NOT NULL,
    type         text        NOT NULL CHECK (type IN ('email', 'sms', 'webhook')),
    address      text        NOT NULL,
    state        text        NOT NULL DEFAULT 'unverified' CHECK (state IN ('unverified', 'verified', 'disabled')),
    reason       text,
    secret       text        CHECK ((type = 'webhook') = (secret IS NOT NULL)),
    created_at   timestamptz NOT NULL DEFAULT now(),
    verified_at  timestamptz CHECK (verified_at IS NOT NULL OR state <> 'verified'),
    delivered_at timestamptz,
    failures     integer     NOT NULL DEFAULT 0,
    paused_until timestamptz,
    UNIQUE (user_id, type, address)
);
COMMENT ON TABLE notice_channels IS
    'Where a user wants to be told: an address is used for alerts only once its owner has proved to receive what is sent there.';
COMMENT ON COLUMN notice_channels.secret IS 'What webhooks are signed with. The API may write it and never read it back.';
COMMENT ON COLUMN notice_channels.reason IS 'Why it is disabled, a sentence.';
COMMENT ON COLUMN notice_channels.verified_at IS 'Alerts raised from then on are delivered here.';
COMMENT ON COLUMN notice_channels.failures IS 'Attempts that failed since the last success.';
COMMENT ON COLUMN notice_channels.paused_until IS 'After a failure nothing is tried here until then, so that a dead receiver costs one attempt at a time.';

CREATE TABLE notice_codes (
    channel_id uuid        PRIMARY KEY REFERENCES notice_channels ON DELETE CASCADE,
    user_id    text        COLLATE "C" NOT NULL,
    digest     bytea       NOT NULL,
    guesses    integer     NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE notice_codes IS 'The code that verifies a channel, as a salted slow hash.';
COMMENT ON COLUMN notice_codes.guesses IS 'Wrong codes that were tried.';

-- Deliveries -----------------------------------------------------------------------------------

CREATE TABLE notice_deliveries (
    delivery_id     uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    seq             bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    channel_id      uuid        NOT NULL,
    user_id         text        COLLATE "C" NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('alert', 'verification', 'test')),
    subject_id      uuid        NOT NULL DEFAULT gen_random_uuid(),
    code            text        CHECK (code IS NULL OR kind = 'verification'),
    state           text        NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'delivering', 'delivered', 'failed', 'skipped')),
    reason          text,
    attempts        integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz DEFAULT now(),
    claimed_until   timestamptz CHECK ((claimed_until IS NOT NULL) = (state = 'delivering')),
    delivered_at    timestamptz CHECK ((delivered_at IS NOT NULL) = (state = 'delivered')),
    UNIQUE (channel_id, kind, subject_id)
);
CREATE UNIQUE INDEX notice_deliveries_one_at_a_time ON notice_deliveries (channel_id) WHERE state = 'delivering';
CREATE INDEX notice_deliveries_open ON notice_deliveries (next_attempt_at) WHERE state IN ('pending', 'delivering');
CREATE INDEX notice_deliveries_channel ON notice_deliveries (channel_id, seq DESC);
CREATE INDEX notice_deliveries_user ON notice_deliveries (user_id, created_at DESC);
COMMENT ON TABLE notice_deliveries IS
    'Each notice to each channel once: the unique key is what keeps an alert from being delivered twice, however often it is heard. Kept when its channel is removed.';
COMMENT ON COLUMN notice_deliveries.delivery_id IS 'Stable over all attempts: the webhook-id, the Message-ID, the idempotency key.';
COMMENT ON COLUMN notice_deliveries.subject_id IS 'The alert''s id; of verifications and tests an id of their own.';
COMMENT ON COLUMN notice_deliveries.code IS 'What a verification has to tell; forgotten once it is told or given up.';
COMMENT ON COLUMN notice_deliveries.claimed_until IS 'A worker that has not said what became of it by then is taken for dead.';
COMMENT ON INDEX notice_deliveries_one_at_a_time IS 'One attempt at a time for each channel, over all workers.';

CREATE TABLE notice_attempts (
    delivery_id uuid        NOT NULL REFERENCES notice_deliveries ON DELETE CASCADE,
    number      integer     NOT NULL,
    user_id     text        COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    duration_ms integer,
    outcome     text        CHECK (outcome IN ('delivered', 'temporary', 'permanent', 'gone', 'interrupted')),
    status      text,
    error       text        CHECK (length(error) <= 500),
    PRIMARY KEY (delivery_id, number)
);
COMMENT ON TABLE notice_attempts IS
    'Every attempt to deliver a notice, written before it begins; no outcome yet means that it is under way.';
COMMENT ON COLUMN notice_attempts.outcome IS 'interrupted: the worker died, and nobody knows whether the receiver got it.';
COMMENT ON COLUMN notice_attempts.status IS 'The HTTP status, or the server''s SMTP reply.';

-- The safety net looks for alerts that nobody has heard.
CREATE INDEX budget_alerts_notices ON budget_alerts (triggered_at) WHERE NOT late;

-- Readers --------------------------------------------------------------------------------------

ALTER TABLE notice_channels   ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice_codes      ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice_attempts   ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON notice_channels   FOR ALL    TO cost_analytics_reader USING (may_read(user_id)) WITH CHECK (may_read(user_id));
CREATE POLICY own_rows ON notice_codes      FOR ALL    TO cost_analytics_reader USING (may_read(user_id)) WITH CHECK (may_read(user_id));
CREATE POLICY own_rows ON notice_deliveries FOR ALL    TO cost_analytics_reader USING (may_read(user_id)) WITH CHECK (may_read(user_id));
CREATE POLICY own_rows ON notice_attempts   FOR SELECT TO cost_analytics_reader USING (may_read(user_id));

GRANT SELECT (channel_id, user_id, type, address, state, reason, created_at, verified_at, delivered_at, failures, paused_until),
      INSERT (user_id, type, address, secret),
      UPDATE (state, reason, verified_at, failures, paused_until),
      DELETE ON notice_channels TO cost_analytics_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON notice_codes TO cost_analytics_reader;
GRANT SELECT (delivery_id, seq, channel_id, user_id, kind, subject_id, state, reason, attempts, created_at, next_attempt_at, delivered_at),
      INSERT (channel_id, user_id, kind, code),
      UPDATE (state, reason, code, next_attempt_at) ON notice_deliveries TO cost_analytics_reader;
GRANT SELECT ON notice_attempts TO cost_analytics_reader;
