-- Costs that spans of OpenTelemetry reported. A request may be reported twice: by a framework's attachment and
-- by the framework's spans, or by two libraries that trace it. The second report is voided when it is found.

CREATE TABLE span_costs (
    identity    uuid        PRIMARY KEY,
    trace_id    text        COLLATE "C" NOT NULL,
    span_id     text        COLLATE "C" NOT NULL,
    parent_id   text        COLLATE "C" NOT NULL,
    scope       text        COLLATE "C" NOT NULL,
    starts_ns   bigint      NOT NULL,
    ends_ns     bigint      NOT NULL,
    prompt      numeric     NOT NULL,
    reply       numeric     NOT NULL,
    source      text        NOT NULL,
    event_id    text        NOT NULL,
    call_id     text        COLLATE "C" NOT NULL,
    user_id     text        COLLATE "C" NOT NULL,
    time        timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    is_voided   boolean     NOT NULL DEFAULT false
);
CREATE INDEX span_costs_trace ON span_costs (trace_id);
CREATE INDEX span_costs_recorded ON span_costs (recorded_at);
COMMENT ON TABLE span_costs IS
    'Recorded costs of spans of the last weeks, written with the cost. They are compared within their trace.';
COMMENT ON COLUMN span_costs.prompt IS 'Sum of the quantities of the prompt; with reply, it recognizes the same request.';

CREATE TABLE attached_traces (
    trace_id    text        COLLATE "C" PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX attached_traces_recorded ON attached_traces (recorded_at);
COMMENT ON TABLE attached_traces IS
    'Traces whose usage an attachment to the framework reports, by the tag trace_id of an event. Spans of the framework do not count there.';

CREATE TABLE span_checks (
    check_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_id text   COLLATE "C" NOT NULL
);
COMMENT ON TABLE span_checks IS
    'Traces with a new cost or declaration: written in the transaction that records it, deleted when the trace was compared.';
