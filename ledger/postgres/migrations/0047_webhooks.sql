-- Webhooks of vendors: their endpoints with secrets, and held events that an administrator may read and assign.

CREATE TABLE webhook_endpoints (
    endpoint_id    text        COLLATE "C" PRIMARY KEY CHECK (length(endpoint_id) = 32),
    provider       text        COLLATE "C" NOT NULL,
    name           text        NOT NULL CHECK (name <> ''),
    user_path      text        NOT NULL,
    call_path      text,
    replay_seconds integer     NOT NULL CHECK (replay_seconds BETWEEN 30 AND 86400),
    settings       jsonb       NOT NULL DEFAULT '{}',
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    accepted_at    timestamptz,
    refused_at     timestamptz,
    refusal        text
);
COMMENT ON TABLE webhook_endpoints IS 'Accounts at vendors whose webhooks report costs.';
COMMENT ON COLUMN webhook_endpoints.endpoint_id IS 'The unguessable part of the address: 192 random bits.';
COMMENT ON COLUMN webhook_endpoints.user_path IS 'Where a body names the user, such as call.metadata.userId.';
COMMENT ON COLUMN webhook_endpoints.call_path IS 'Where a body names our call; null for the vendor''s id of the call.';
COMMENT ON COLUMN webhook_endpoints.settings IS 'Settings of the provider only, as JSON.';
COMMENT ON COLUMN webhook_endpoints.accepted_at IS 'The last accepted delivery, to about a second.';
COMMENT ON COLUMN webhook_endpoints.refusal IS 'Why the last refused delivery was refused.';

CREATE TABLE webhook_secrets (
    secret_id   integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id text        COLLATE "C" NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
    secret      text        NOT NULL CHECK (secret <> ''),
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_secrets_of_endpoint ON webhook_secrets (endpoint_id);
COMMENT ON TABLE webhook_secrets IS 'Up to two valid secrets of each endpoint.';
COMMENT ON COLUMN webhook_secrets.secret IS 'In clear: an HMAC cannot be verified with a digest of its key.';

ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY;
CREATE POLICY admins_only ON webhook_endpoints TO cost_analytics_viewer
    USING ((SELECT reads_all())) WITH CHECK ((SELECT reads_all()));
ALTER TABLE webhook_secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY admins_only ON webhook_secrets TO cost_analytics_viewer
    USING ((SELECT reads_all())) WITH CHECK ((SELECT reads_all()));

-- A webhook has no viewer, so the API asks this function. No other statement of the API reads a secret.
CREATE FUNCTION find_webhook_endpoint(wanted text)
    RETURNS TABLE (provider text, user_path text, call_path text, replay_seconds integer, settings text, secrets text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT e.provider, e.user_path, e.call_path, e.replay_seconds, e.settings::text,
           ARRAY(SELECT s.secret FROM webhook_secrets AS s WHERE s.endpoint_id = e.endpoint_id ORDER BY s.secret_id DESC)
      FROM webhook_endpoints AS e WHERE e.endpoint_id = wanted
$$;
COMMENT ON FUNCTION find_webhook_endpoint IS 'Returns an endpoint with its secrets, newest first.';

CREATE FUNCTION note_webhook(wanted text, refused_because text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    UPDATE webhook_endpoints
       SET accepted_at = CASE WHEN refused_because IS NULL THEN now() ELSE accepted_at END,
           refused_at  = CASE WHEN refused_because IS NULL THEN refused_at ELSE now() END,
           refusal     = coalesce(left(refused_because, 500), refusal)
     WHERE endpoint_id = wanted
$$;
COMMENT ON FUNCTION note_webhook IS 'Stores when an endpoint accepted or refused its last delivery.';

-- Administrators list held events, and webhooks count them; the API has no right to the table itself.
CREATE FUNCTION held_calls(after text, wanted text, at_most integer)
    RETURNS TABLE (call_id text, events bigint, types text[], sources text[], first_at timestamptz, held_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT h.call_id, count(*), array_agg(DISTINCT e.type ORDER BY e.type), array_agg(DISTINCT e.source ORDER BY e.source),
           min(e.time), min(h.held_at)
      FROM held_events AS h, json_to_record(h.event::json) AS e (type text, source text, time timestamptz)
     WHERE reads_all() AND h.call_id > after COLLATE "C" AND (wanted IS NULL OR h.call_id = wanted)
     GROUP BY h.call_id ORDER BY h.call_id LIMIT at_most
$$;
COMMENT ON FUNCTION held_calls IS 'Returns calls with held events by id, or a wanted one, for administrators only.';

CREATE FUNCTION count_held_events(at_most bigint) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT count(*) FROM (SELECT FROM held_events LIMIT at_most) AS held
$$;
COMMENT ON FUNCTION count_held_events IS 'Counts held events, up to a limit.';
