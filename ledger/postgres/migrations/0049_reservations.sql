-- Reservations: the upper bounds of costs that a call is about to cause. The previous release ignores them.

CREATE TABLE cost_reservations (
    user_id     text        COLLATE "C" NOT NULL,
    call_id     text        COLLATE "C" NOT NULL,
    identity    uuid        NOT NULL,
    amount_nano bigint      NOT NULL CHECK (amount_nano > 0),
    reserved_at timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, call_id, identity)
);
COMMENT ON TABLE cost_reservations IS
    'Costs that were allowed before they were caused, until they are counted, the reservation expires, or the call ends.';
COMMENT ON COLUMN cost_reservations.identity IS 'The identity of the event that will report the cost.';

ALTER TABLE cost_reservations ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON cost_reservations FOR ALL TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));

-- The API cannot read the identities of all events.
CREATE FUNCTION counted_costs_among(wanted uuid[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT i.identity FROM unnest(wanted) AS w (identity) JOIN event_identities AS i USING (identity)
     WHERE NOT EXISTS (SELECT FROM held_events AS h WHERE h.identity = w.identity)
       AND NOT EXISTS (SELECT FROM unpriced_events AS u WHERE u.identity = w.identity)
$$;
COMMENT ON FUNCTION counted_costs_among IS
    'Returns which events are in the totals of their users: recorded, of a known call, and priced.';
REVOKE EXECUTE ON FUNCTION counted_costs_among FROM PUBLIC;
GRANT EXECUTE ON FUNCTION counted_costs_among TO cost_analytics_api_rights;
