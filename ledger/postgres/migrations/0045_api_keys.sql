-- Keys of services: made by administrators, kept as digests. The previous release knows only JWTs.

CREATE TABLE api_keys (
    key_id     integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest     bytea       NOT NULL UNIQUE CHECK (length(digest) = 32),
    hint       text        NOT NULL,
    service    text        COLLATE "C" NOT NULL CHECK (service <> ''),
    scopes     text[]      NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['ingest', 'reserve', 'read']),
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_by text,
    revoked_at timestamptz,
    CHECK ((revoked_by IS NULL) = (revoked_at IS NULL))
);
CREATE INDEX api_keys_of_service ON api_keys (service) WHERE revoked_at IS NULL;
COMMENT ON TABLE api_keys IS 'Keys by which services call the API. The key itself is shown once and stored nowhere.';
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the key, which has 256 random bits.';
COMMENT ON COLUMN api_keys.hint IS 'The first characters of the key, to recognize it by.';
COMMENT ON COLUMN api_keys.service IS 'The caller: it owns its sources of events, like the user of a token.';

CREATE FUNCTION keep_revoked_keys() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a revoked key stays revoked' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_revoked_keys BEFORE UPDATE ON api_keys
    FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL) EXECUTE FUNCTION keep_revoked_keys();

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY admins_only ON api_keys TO cost_analytics_viewer
    USING ((SELECT reads_all())) WITH CHECK ((SELECT reads_all()));

-- The API checks a key before it knows whom it reads for, so it asks this function.
CREATE FUNCTION find_api_key(wanted bytea) RETURNS TABLE (key_id integer, service text, scopes text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT k.key_id, k.service, k.scopes FROM api_keys AS k WHERE k.digest = wanted AND k.revoked_at IS NULL
$$;
COMMENT ON FUNCTION find_api_key IS 'Returns the key with a digest unless it is revoked.';
