-- What each key last reported, and why a report was refused, for the page Connect. The previous release notes nothing.

ALTER TABLE api_keys
    ADD COLUMN accepted_at      timestamptz,
    ADD COLUMN accepted_call_id text,
    ADD COLUMN refused_at       timestamptz,
    ADD COLUMN refusal          text;
COMMENT ON COLUMN api_keys.accepted_at IS 'The last accepted report of events, to about a second.';
COMMENT ON COLUMN api_keys.accepted_call_id IS 'The call of the last accepted report that had an event, of several calls the first.';
COMMENT ON COLUMN api_keys.refused_at IS 'The last refused report of events, to about a second.';
COMMENT ON COLUMN api_keys.refusal IS 'Why that report was refused.';

-- A revoked key may still be used, which its note shows; it stays revoked.
CREATE OR REPLACE TRIGGER keep_revoked_keys BEFORE UPDATE ON api_keys
    FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL
                       AND (OLD.digest, OLD.hint, OLD.service, OLD.scopes, OLD.revoked_by, OLD.revoked_at)
                           IS DISTINCT FROM (NEW.digest, NEW.hint, NEW.service, NEW.scopes, NEW.revoked_by, NEW.revoked_at))
    EXECUTE FUNCTION keep_revoked_keys();

CREATE FUNCTION look_up_api_key(wanted bytea)
    RETURNS TABLE (key_id integer, service text, scopes text[], is_revoked boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT k.key_id, k.service, k.scopes, k.revoked_at IS NOT NULL FROM api_keys AS k WHERE k.digest = wanted
$$;
COMMENT ON FUNCTION look_up_api_key IS 'Returns the key with a digest, also a revoked one.';
COMMENT ON FUNCTION find_api_key IS 'For the previous release, see look_up_api_key.';

-- A report has no viewer who may change keys, so the API asks this function.
CREATE FUNCTION note_key_report(wanted integer, of_call text, refused_because text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    UPDATE api_keys
       SET accepted_at      = CASE WHEN refused_because IS NULL THEN now() ELSE accepted_at END,
           accepted_call_id = CASE WHEN refused_because IS NULL THEN coalesce(left(of_call, 255), accepted_call_id)
                                 ELSE accepted_call_id END,
           refused_at       = CASE WHEN refused_because IS NULL THEN refused_at ELSE now() END,
           refusal          = coalesce(left(refused_because, 500), refusal)
     WHERE key_id = wanted
$$;
COMMENT ON FUNCTION note_key_report IS 'Stores when a key last reported events, of which call, or why its report was refused.';

-- The API has no right to dead letters, whose bytes may be anything; administrators see the reason.
CREATE FUNCTION newest_refusal(of_call text, since timestamptz)
    RETURNS TABLE (code text, message text, refused_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT d.code, d.message, d.refused_at
      FROM (SELECT * FROM dead_letters AS l
             WHERE l.refused_at >= since AND l.replayed_at IS NULL ORDER BY l.refused_at DESC LIMIT 1000) AS d
     WHERE reads_all() AND position(convert_to(to_json(of_call)::text, 'UTF8') IN d.value) > 0
     ORDER BY d.refused_at DESC LIMIT 1
$$;
COMMENT ON FUNCTION newest_refusal IS
    'Returns the newest refused event that names a call, among the newest thousand since a time; for administrators only.';
