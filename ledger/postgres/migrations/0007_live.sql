-- The live feed: finding calls that are going on, how long calls of a persona usually last, and the
-- tickets by which browsers open a socket.

CREATE INDEX calls_active ON calls (user_id, first_at DESC) WHERE status = 'active';
CREATE INDEX calls_completed ON calls (persona_id, ended_at DESC) WHERE status = 'completed';

CREATE TABLE live_tickets (
    ticket_hash      bytea       PRIMARY KEY,
    user_id          text        COLLATE "C" NOT NULL,
    role             text        NOT NULL CHECK (role IN ('user', 'admin')),
    token_expires_at bigint      NOT NULL,
    expires_at       timestamptz NOT NULL
);
CREATE INDEX live_tickets_user ON live_tickets (user_id);
COMMENT ON TABLE live_tickets IS
    'Tickets that were given out and not used: each opens one socket, once, on whatever replica. Only the digest of a ticket is kept.';
COMMENT ON COLUMN live_tickets.token_expires_at IS 'Seconds since 1970: the socket lives no longer than the token that asked for the ticket.';

-- A ticket is given out on behalf of its user. Whoever brings one is nobody yet, and knows its digest.
ALTER TABLE live_tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON live_tickets FOR INSERT TO cost_analytics_reader WITH CHECK (may_read(user_id));
CREATE POLICY seen_rows ON live_tickets FOR SELECT TO cost_analytics_reader USING (true);
CREATE POLICY used_rows ON live_tickets FOR DELETE TO cost_analytics_reader USING (true);
GRANT SELECT, INSERT, DELETE ON live_tickets TO cost_analytics_reader;
