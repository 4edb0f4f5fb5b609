-- The ledger: what was recorded, the exact totals that follow from it, and where each reader stands.
--
-- Money is a bigint of nano-dollars (1e-9 USD) everywhere; times are timestamptz; days are UTC.
-- Text keys compare byte by byte (collation "C"), which is what the writers sort by.

-- Recorded events ------------------------------------------------------------------------------

CREATE TABLE event_identities (
    identity    uuid   PRIMARY KEY,
    fingerprint bigint NOT NULL
);
COMMENT ON TABLE event_identities IS
    'Every event ever counted or held, once: its key is what makes a repeat harmless, in whatever month it claims to have happened.';
COMMENT ON COLUMN event_identities.fingerprint IS 'Digest of the content: tells a repeat from a conflict.';

CREATE TABLE call_cost_events (
    identity       uuid        NOT NULL,
    source         text        NOT NULL,
    event_id       text        NOT NULL,
    type           text        NOT NULL,
    time           timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    user_id        text COLLATE "C" NOT NULL,
    call_id        text COLLATE "C" NOT NULL,
    persona_id     text COLLATE "C",
    service        text COLLATE "C",
    operation      text,
    operation_sent text,
    model          text,
    usage          numeric,
    unit           text,
    unit_cost      numeric,
    cost_nano      bigint      NOT NULL DEFAULT 0,
    amount_nano    bigint      NOT NULL DEFAULT 0,
    price_id       integer,
    estimated      boolean     NOT NULL DEFAULT false,
    voids          uuid,
    data           text
) PARTITION BY RANGE (time);
CREATE INDEX call_cost_events_call ON call_cost_events (call_id);
COMMENT ON TABLE call_cost_events IS
    'Everything that happened to the cost of a call, append only, partitioned by the month of `time`. Every total can be recomputed from here.';
COMMENT ON COLUMN call_cost_events.recorded_at IS 'When the transaction began that recorded it.';
COMMENT ON COLUMN call_cost_events.operation_sent IS 'The operation as the emitter named it, where that differs from its standard name.';
COMMENT ON COLUMN call_cost_events.unit_cost IS 'USD per unit: as the emitter gave it, else null (see price_id).';
COMMENT ON COLUMN call_cost_events.cost_nano IS 'What this event adds to the cost of the call: a priced usage, or a processor''s fee.';
COMMENT ON COLUMN call_cost_events.amount_nano IS 'What the user was charged (call.charged) or given back (call.refunded).';
COMMENT ON COLUMN call_cost_events.price_id IS 'The catalogue row that priced it; null where the emitter gave the cost.';
COMMENT ON COLUMN call_cost_events.data IS
    'cost.recorded: its metadata; call.settled: what the ledger itself decided (infrastructure share, default charge); others: their data, as JSON.';

CREATE FUNCTION create_event_partition(name text, starts text, ends text) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE call_cost_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE call_cost_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, starts, ends);
END $$;
COMMENT ON FUNCTION create_event_partition IS
    'Builds a partition of call_cost_events beside it and attaches it, which does not block writers.';

CREATE TABLE held_events (
    call_id   text        COLLATE "C" NOT NULL,
    identity  uuid        PRIMARY KEY,
    event     text        NOT NULL,
    held_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX held_events_call ON held_events (call_id);
COMMENT ON TABLE held_events IS
    'Events of a call that nobody has announced and that name no user: counted as soon as the call is known.';

-- Totals ---------------------------------------------------------------------------------------

CREATE TABLE calls (
    call_id             text COLLATE "C" PRIMARY KEY,
    user_id             text COLLATE "C",
    persona_id          text COLLATE "C",
    status              text        NOT NULL DEFAULT 'active'
                        CHECK (status IN ('active', 'completed', 'failed', 'terminated')),
    direction           text,
    expected_duration_ms bigint,
    duration_ms         bigint      NOT NULL DEFAULT 0,
    first_at            timestamptz,
    started_at          timestamptz,
    started_by          text,
    persona_at          timestamptz,
    persona_by          text,
    ended_at            timestamptz,
    ended_by            text,
    costs               jsonb       NOT NULL DEFAULT '{}',
    charges             jsonb       NOT NULL DEFAULT '{}',
    infrastructure      jsonb       NOT NULL DEFAULT '{}',
    pending_voids       jsonb       NOT NULL DEFAULT '[]',
    charge_count        integer     NOT NULL DEFAULT 0,
    default_charge_nano bigint      NOT NULL DEFAULT 0,
    default_fee_nano    bigint      NOT NULL DEFAULT 0,
    estimated_count     integer     NOT NULL DEFAULT 0,
    event_count         integer     NOT NULL DEFAULT 0,
    held_count          integer     NOT NULL DEFAULT 0,
    version             bigint      NOT NULL DEFAULT 1,
    updated_at          timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX calls_user ON calls (user_id, first_at DESC, call_id);
COMMENT ON TABLE calls IS
    'The running total of each call. `version` rises by one with every commit that changes it and guards each update.';
COMMENT ON COLUMN calls.user_id IS 'The owner; null only while all that is known of the call is held.';
COMMENT ON COLUMN calls.first_at IS 'The earliest time of any of its events: the day the call counts on.';
COMMENT ON COLUMN calls.costs IS 'Nano-dollars by UTC day and service, the call''s own contribution to user_day_costs.';
COMMENT ON COLUMN calls.charges IS 'By UTC day: [charged, refunded] nano-dollars, its contribution to user_days.';
COMMENT ON COLUMN calls.infrastructure IS 'The infrastructure share taken for this call: nano-dollars by service, on the day of first_at.';
COMMENT ON COLUMN calls.pending_voids IS 'Identities of costs that were voided before they arrived.';

CREATE TABLE user_day_costs (
    user_id    text   COLLATE "C" NOT NULL,
    day        date   NOT NULL,
    persona_id text   COLLATE "C" NOT NULL,
    service    text   COLLATE "C" NOT NULL,
    cost_nano  bigint NOT NULL,
    PRIMARY KEY (user_id, day, persona_id, service)
) WITH (fillfactor = 80);
COMMENT ON TABLE user_day_costs IS
    'Running cost of each user and UTC day by persona and service. persona_id is empty where nobody named one.';

CREATE TABLE user_days (
    user_id       text    COLLATE "C" NOT NULL,
    day           date    NOT NULL,
    persona_id    text    COLLATE "C" NOT NULL,
    calls         integer NOT NULL,
    duration_ms   bigint  NOT NULL,
    charged_nano  bigint  NOT NULL,
    refunded_nano bigint  NOT NULL,
    PRIMARY KEY (user_id, day, persona_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE user_days IS
    'Running calls, call time and charges of each user and UTC day by persona. A call and its duration count on the day of its first event.';

-- Prices ---------------------------------------------------------------------------------------

CREATE TABLE service_prices (
    price_id       integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service        text        NOT NULL,
    class          text        NOT NULL CHECK (class IN ('api', 'infrastructure', 'transaction', 'revenue')),
    operation      text        NOT NULL,
    model          text        NOT NULL DEFAULT '*',
    unit           text        NOT NULL,
    price_usd      numeric     NOT NULL CHECK (price_usd >= 0),
    per_units      bigint      NOT NULL DEFAULT 1 CHECK (per_units > 0),
    effective_from timestamptz NOT NULL,
    source         text        NOT NULL,
    set_by         text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (service, operation, model, unit, effective_from)
);
COMMENT ON TABLE service_prices IS
    'The price catalogue: price_usd for per_units of unit, in force from effective_from until the next row of the same key.';
COMMENT ON COLUMN service_prices.model IS '* stands for any model; an empty model for none named.';
COMMENT ON COLUMN service_prices.source IS 'Provenance: where the figure was published.';

INSERT INTO service_prices (service, class, operation, model, unit, price_usd, per_units, effective_from, source, set_by) VALUES
    ('twilio',     'api', 'outbound_call',    '*',                 'minutes',       0.014,  1,       '2020-01-01Z', 'built-in default', 'migration'),
    ('twilio',     'api', 'inbound_call',     '*',                 'minutes',       0.0085, 1,       '2020-01-01Z', 'built-in default', 'migration'),
    ('deepgram',   'api', 'streaming_stt',    'nova-2',            'minutes',       0.0059, 1,       '2020-01-01Z', 'built-in default', 'migration'),
    ('deepgram',   'api', 'streaming_stt',    '',                  'minutes',       0.0059, 1,       '2020-01-01Z', 'built-in default', 'migration'),
    ('deepgram',   'api', 'prerecorded_stt',  'nova-2',            'minutes',       0.0043, 1,       '2020-01-01Z', 'built-in default', 'migration'),
    ('deepgram',   'api', 'prerecorded_stt',  '',                  'minutes',       0.0043, 1,       '2020-01-01Z', 'built-in default', 'migration'),
    ('cerebras',   'api', 'inference',        'llama3.1-8b',       'tokens',        0.10,   1000000, '2020-01-01Z', 'built-in default', 'migration'),
    ('cerebras',   'api', 'inference',        'llama3.1-70b',      'tokens',        0.60,   1000000, '2020-01-01Z', 'built-in default', 'migration'),
    ('cerebras',   'api', 'inference',        'llama3.1-405b',     'input_tokens',  6.00,   1000000, '2020-01-01Z', 'built-in default', 'migration'),
    ('cerebras',   'api', 'inference',        'llama3.1-405b',     'output_tokens', 12.00,  1000000, '2020-01-01Z', 'built-in default', 'migration'),
    ('elevenlabs', 'api', 'tts',              'eleven_turbo_v2_5', 'characters',    0.15,   1000,    '2020-01-01Z', 'built-in default', 'migration'),
    ('elevenlabs', 'api', 'tts',              '*',                 'characters',    0.30,   1000,    '2020-01-01Z', 'built-in default', 'migration'),
    ('openai',     'api', 'inference',        'gpt-4-turbo',       'input_tokens',  10.00,  1000000, '2020-01-01Z', 'built-in default', 'migration'),
    ('openai',     'api', 'inference',        'gpt-4-turbo',       'output_tokens', 30.00,  1000000, '2020-01-01Z', 'built-in default', 'migration'),
    ('raindrop',   'infrastructure', 'share', '*',                 'calls',         20,     1000,    '2020-01-01Z', 'built-in default', 'migration'),
    ('vultr',      'infrastructure', 'share', '*',                 'calls',         10,     1000,    '2020-01-01Z', 'built-in default', 'migration'),
    ('vercel',     'infrastructure', 'share', '*',                 'calls',         5,      1000,    '2020-01-01Z', 'built-in default', 'migration'),
    ('stripe',     'transaction', 'fee',      '*',                 'usd',           2.9,    100,     '2020-01-01Z', 'built-in default', 'migration'),
    ('stripe',     'transaction', 'fee',      '*',                 'charges',       0.30,   1,       '2020-01-01Z', 'built-in default', 'migration'),
    ('call',       'revenue', 'charge',       '*',                 'calls',         4.99,   1,       '2020-01-01Z', 'built-in default', 'migration');

-- Budgets --------------------------------------------------------------------------------------

CREATE TABLE user_budget_settings (
    user_id                 text COLLATE "C" PRIMARY KEY,
    daily_limit_nano        bigint CHECK (daily_limit_nano >= 0),
    monthly_limit_nano      bigint CHECK (monthly_limit_nano >= 0),
    alert_threshold_percent numeric NOT NULL DEFAULT 80
                            CHECK (alert_threshold_percent > 0 AND alert_threshold_percent <= 100),
    updated_at              timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE user_budget_settings IS 'What each user set; a null limit is no limit. A user without a row has the defaults.';

-- Where the stream stands ----------------------------------------------------------------------

CREATE TABLE stream_offsets (
    cluster     text    NOT NULL,
    topic       text    NOT NULL,
    "partition" integer NOT NULL,
    next_offset bigint  NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, topic, "partition")
);
COMMENT ON TABLE stream_offsets IS
    'All records before next_offset are counted; moved by the transaction that counts them. Keyed by cluster, so that another broker never inherits them.';

CREATE TABLE dead_letters (
    cluster     text        NOT NULL,
    topic       text        NOT NULL,
    "partition" integer     NOT NULL,
    "offset"    bigint      NOT NULL,
    code        text        NOT NULL,
    message     text        NOT NULL,
    key         bytea,
    value       bytea,
    headers     jsonb       NOT NULL DEFAULT '[]',
    refused_at  timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz,
    PRIMARY KEY (cluster, topic, "partition", "offset")
);
CREATE INDEX dead_letters_age ON dead_letters (refused_at);
COMMENT ON TABLE dead_letters IS 'Each refused record once, with its original bytes and the reason.';
COMMENT ON COLUMN dead_letters.headers IS 'Pairs of a header''s name and its base64 value.';

CREATE TABLE totals_outbox (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker_id  text        NOT NULL,
    call_ids   text[]      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE totals_outbox IS
    'One row a batch: the calls whose new totals are not yet known to be in Kafka. The worker that wrote it publishes them and deletes the row; should it die, any other does.';

CREATE TABLE stream_workers (
    worker_id    text        PRIMARY KEY,
    partitions   integer[]   NOT NULL,
    heartbeat_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE stream_workers IS 'Which worker holds which partitions, renewed every few seconds: how others see that the stream is being read.';

-- Readers --------------------------------------------------------------------------------------
-- The API reads as this role. A second wall behind the user id in every query: whatever a query
-- forgets, the database shows a reader only rows of the user it was told about.

DO $$ BEGIN
    CREATE ROLE cost_analytics_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT cost_analytics_reader TO CURRENT_USER;

CREATE FUNCTION may_read(owner text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN owner = current_setting('cost_analytics.reader', true)
        OR current_setting('cost_analytics.reads_all', true) = 'on';
COMMENT ON FUNCTION may_read IS 'Whether the present transaction reads on behalf of this user, or of an administrator.';

ALTER TABLE calls                ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_cost_events     ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_days            ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_day_costs       ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_budget_settings ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON calls                FOR SELECT TO cost_analytics_reader USING (may_read(user_id));
CREATE POLICY own_rows ON call_cost_events     FOR SELECT TO cost_analytics_reader USING (may_read(user_id));
CREATE POLICY own_rows ON user_days            FOR SELECT TO cost_analytics_reader USING (may_read(user_id));
CREATE POLICY own_rows ON user_day_costs       FOR SELECT TO cost_analytics_reader USING (may_read(user_id));
CREATE POLICY own_rows ON user_budget_settings FOR ALL    TO cost_analytics_reader USING (may_read(user_id)) WITH CHECK (may_read(user_id));

GRANT SELECT ON calls, call_cost_events, user_days, user_day_costs, service_prices TO cost_analytics_reader;
GRANT SELECT, INSERT, UPDATE ON user_budget_settings TO cost_analytics_reader;
