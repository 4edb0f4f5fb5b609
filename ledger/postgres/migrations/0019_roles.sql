-- Processes log in as roles of their own, with the rights that `ledger/postgres/grants.sql` lists. The
-- roles exist before this step: `migrate` makes them where it may, else `cost-analytics roles create`.
--
-- Row policies trust a viewer only if a key of the API has signed it. The previous release names its
-- viewer without a signature and logs in as the owner or a superuser; that goes on until the next one.

CREATE TABLE viewer_keys (
    login      text        NOT NULL,
    inner_pad  bytea       NOT NULL CHECK (length(inner_pad) = 64),
    outer_pad  bytea       NOT NULL CHECK (length(outer_pad) = 64),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (login, inner_pad)
);
COMMENT ON TABLE viewer_keys IS
    'The keys by which login roles sign whom they read for, as the two pads of HMAC-SHA256. Nobody but the owner may read them.';

CREATE FUNCTION signed_viewer() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    token  text := current_setting('cost_analytics.viewer', true);
    signed text := substr(token, 65);
BEGIN
    IF token IS NULL OR token = '' THEN
        -- The previous release: unsigned, as a superuser or the owner of everything.
        IF EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = session_user AND (r.rolsuper OR pg_has_role(
                       r.oid, (SELECT relowner FROM pg_class WHERE oid = 'calls'::regclass), 'USAGE'))) THEN
            RETURN CASE current_setting('cost_analytics.reads_all', true) WHEN 'on' THEN 'a' ELSE 'u' END
                   || current_setting('cost_analytics.reader', true);
        END IF;
        RETURN NULL;
    END IF;
    PERFORM FROM viewer_keys
      WHERE encode(sha256(outer_pad || sha256(inner_pad || convert_to(signed, 'UTF8'))), 'hex') = left(token, 64);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the viewer is not signed with a known key'
            USING ERRCODE = 'invalid_authorization_specification',
                  HINT = 'Run `cost-analytics roles create` and start the API with the address that it writes.';
    END IF;
    RETURN signed;
END $$;
COMMENT ON FUNCTION signed_viewer IS
    'On whose behalf the present transaction reads, from the setting cost_analytics.viewer: `a` for an administrator or `u`, then the user; null for nobody.';

CREATE FUNCTION viewer() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE RETURN substr(signed_viewer(), 2);
COMMENT ON FUNCTION viewer IS 'The user on whose behalf the present transaction reads. In policies as (SELECT viewer()): once a query.';

CREATE OR REPLACE FUNCTION reads_all() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE RETURN coalesce(left(signed_viewer(), 1) = 'a', false);
COMMENT ON FUNCTION reads_all IS 'Whether the present transaction acts on behalf of an administrator. In policies as (SELECT reads_all()).';

CREATE OR REPLACE FUNCTION may_read_all() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE RETURN reads_all();
CREATE OR REPLACE FUNCTION may_read(owner text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE RETURN owner = viewer() OR reads_all();

-- Policies hold for all roles that read for a viewer, and ask who it is once a query.
ALTER POLICY own_rows ON calls            TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON call_cost_events TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON user_days        TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON user_day_costs   TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON user_spend       TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON cost_anomalies   TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON notice_attempts  TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON user_budget_settings TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON budget_holds TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON budget_alerts TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON call_cutoffs TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON notice_channels TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON notice_codes TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY own_rows ON notice_deliveries TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
ALTER POLICY administrators ON everyone_days      TO cost_analytics_viewer USING ((SELECT reads_all()));
ALTER POLICY administrators ON everyone_day_costs TO cost_analytics_viewer USING ((SELECT reads_all()));
ALTER POLICY administrators ON user_activity      TO cost_analytics_viewer USING ((SELECT reads_all()));
ALTER POLICY administrators ON vendor_bills       TO cost_analytics_viewer USING ((SELECT reads_all()));
ALTER POLICY administrators ON vendor_bill_lines  TO cost_analytics_viewer USING ((SELECT reads_all()));
ALTER POLICY anyone_reads ON service_prices  TO cost_analytics_viewer;
ALTER POLICY admins_add   ON service_prices  TO cost_analytics_viewer WITH CHECK ((SELECT reads_all()));
ALTER POLICY admins_check ON service_prices  TO cost_analytics_viewer USING ((SELECT reads_all())) WITH CHECK ((SELECT reads_all()));
ALTER POLICY admins_only  ON price_proposals TO cost_analytics_viewer USING ((SELECT reads_all())) WITH CHECK ((SELECT reads_all()));
ALTER POLICY admins_only  ON price_refreshes TO cost_analytics_viewer USING ((SELECT reads_all()));

-- What the API hands to Kafka is about the viewer: alerts by user, commands by a call of the user.
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_messages ON outbox FOR INSERT TO cost_analytics_api_rights WITH CHECK (
    (SELECT reads_all())
    OR aggregatetype = 'budget-alert' AND aggregateid = (SELECT viewer())
    OR aggregatetype = 'call-command' AND EXISTS (SELECT FROM calls WHERE call_id = aggregateid)
);
CREATE POLICY figures ON outbox FOR SELECT TO cost_analytics_figures USING (true);
CREATE POLICY previous_release ON outbox FOR ALL TO cost_analytics_reader USING (true);

-- Tickets are given out and taken by these functions alone.
CREATE FUNCTION issue_ticket(digest bytea, holder text, holder_role text, token_ends bigint, seconds integer, most integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF holder IS DISTINCT FROM viewer() OR holder_role = 'admin' AND NOT reads_all() THEN
        RAISE EXCEPTION 'a ticket is issued to the viewer, in the viewer''s role' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM live_tickets WHERE expires_at <= now();
    INSERT INTO live_tickets (ticket_hash, user_id, role, token_expires_at, expires_at)
    SELECT digest, holder, holder_role, token_ends, now() + make_interval(secs => seconds)
     WHERE (SELECT count(*) FROM live_tickets WHERE user_id = holder) < most;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION issue_ticket IS
    'Keeps a ticket for the viewer by its digest; false where the viewer has `most` already. Clears away expired tickets.';

CREATE FUNCTION redeem_ticket(digest bytea) RETURNS TABLE (user_id text, role text, token_expires_at bigint)
    LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DELETE FROM live_tickets AS t WHERE t.ticket_hash = digest AND t.expires_at > now()
    RETURNING t.user_id, t.role, t.token_expires_at
$$;
COMMENT ON FUNCTION redeem_ticket IS 'Takes a ticket by its digest: its holder, or nothing for one that is used, expired or not known.';

-- Attaching a partition needs the owner of the table, who the worker no longer is.
CREATE OR REPLACE FUNCTION create_event_partition(name text, starts text, ends text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF name !~ '^call_cost_events_\d{4}_\d{2}$' THEN
        RAISE EXCEPTION '% is no name of a partition', name USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE call_cost_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE call_cost_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, starts, ends);
END $$;

REVOKE EXECUTE ON FUNCTION create_event_partition, issue_ticket, redeem_ticket FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_event_partition TO cost_analytics_worker_rights, cost_analytics_operator_rights;
GRANT EXECUTE ON FUNCTION issue_ticket, redeem_ticket TO cost_analytics_api_rights;
