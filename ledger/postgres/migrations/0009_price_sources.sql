-- Prices that are looked after: when each was last verified, proposals that wait for somebody's
-- approval, and what each look at a source came to.

ALTER TABLE service_prices ADD COLUMN verified_at timestamptz;
UPDATE service_prices SET verified_at = created_at;
ALTER TABLE service_prices
    ALTER COLUMN verified_at SET NOT NULL,
    ALTER COLUMN verified_at SET DEFAULT now();
COMMENT ON COLUMN service_prices.verified_at IS
    'When somebody, or a source, last said that this is the price. The one column of a price that ever changes.';

CREATE FUNCTION keep_prices() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'verified_at' = to_jsonb(OLD) - 'verified_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'prices are added, never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_prices BEFORE UPDATE OR DELETE ON service_prices
    FOR EACH ROW EXECUTE FUNCTION keep_prices();
COMMENT ON FUNCTION keep_prices IS 'Events point to the price that counted for them, so it stays as it was.';

CREATE TABLE price_proposals (
    proposal_id       integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service           text        NOT NULL,
    class             text        NOT NULL CHECK (class IN ('api', 'infrastructure', 'transaction', 'revenue')),
    operation         text        NOT NULL,
    model             text        NOT NULL,
    unit              text        NOT NULL,
    price_usd         numeric     NOT NULL CHECK (price_usd >= 0),
    per_units         bigint      NOT NULL CHECK (per_units > 0),
    effective_from    timestamptz NOT NULL,
    source            text        NOT NULL,
    set_by            text        NOT NULL,
    in_force_price_id integer     NOT NULL REFERENCES service_prices,
    proposed_at       timestamptz NOT NULL DEFAULT now(),
    state             text        NOT NULL DEFAULT 'pending'
                      CHECK (state IN ('pending', 'approved', 'rejected', 'replaced')),
    decided_at        timestamptz,
    decided_by        text,
    price_id          integer     REFERENCES service_prices,
    CHECK ((state = 'pending') = (decided_at IS NULL))
);
CREATE INDEX price_proposals_key ON price_proposals (service, operation, model, unit);
COMMENT ON TABLE price_proposals IS
    'Prices that differ so much from the one in force that they wait for approval. No event is ever priced from here.';
COMMENT ON COLUMN price_proposals.in_force_price_id IS 'The price that would be in force without it.';
COMMENT ON COLUMN price_proposals.state IS 'replaced: the source has meanwhile said something else.';

CREATE TABLE price_refreshes (
    refresh_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text        NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome     text        NOT NULL CHECK (outcome IN ('done', 'failed')),
    verified    integer     NOT NULL DEFAULT 0,
    added       integer     NOT NULL DEFAULT 0,
    proposed    integer     NOT NULL DEFAULT 0,
    error       text
);
CREATE INDEX price_refreshes_source ON price_refreshes (source, started_at DESC);
COMMENT ON TABLE price_refreshes IS 'Each look at a source of prices, and what it came to.';

-- Administrators enter and decide prices through the API; others only read what is in force.

CREATE FUNCTION reads_all() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('cost_analytics.reads_all', true) = 'on', false);
COMMENT ON FUNCTION reads_all IS 'Whether the present transaction acts on behalf of an administrator.';

ALTER TABLE service_prices  ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_proposals ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_refreshes ENABLE ROW LEVEL SECURITY;

CREATE POLICY anyone_reads ON service_prices  FOR SELECT TO cost_analytics_reader USING (true);
CREATE POLICY admins_add   ON service_prices  FOR INSERT TO cost_analytics_reader WITH CHECK (reads_all());
CREATE POLICY admins_check ON service_prices  FOR UPDATE TO cost_analytics_reader USING (reads_all()) WITH CHECK (reads_all());
CREATE POLICY admins_only  ON price_proposals FOR ALL    TO cost_analytics_reader USING (reads_all()) WITH CHECK (reads_all());
CREATE POLICY admins_only  ON price_refreshes FOR SELECT TO cost_analytics_reader USING (reads_all());

GRANT INSERT ON service_prices TO cost_analytics_reader;
GRANT UPDATE (verified_at) ON service_prices TO cost_analytics_reader;
GRANT SELECT, INSERT, UPDATE ON price_proposals TO cost_analytics_reader;
GRANT SELECT ON price_refreshes TO cost_analytics_reader;
