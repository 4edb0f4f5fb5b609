-- name: clear
-- Lets go of tickets that nobody used in time.
DELETE FROM live_tickets WHERE expires_at <= now()

-- name: issue
-- Keeps a ticket by its digest $1 for user $2 in the role $3, whose token ends at $4 (seconds since
-- 1970), for $5 seconds; not where the user has $6 tickets already.
INSERT INTO live_tickets (ticket_hash, user_id, role, token_expires_at, expires_at)
SELECT $1, $2, $3, $4, now() + make_interval(secs => $5)
 WHERE (SELECT count(*) FROM live_tickets WHERE user_id = $2) < $6

-- name: redeem
-- Takes the ticket with the digest $1: whoever deletes the row has it, and nobody else.
DELETE FROM live_tickets
 WHERE ticket_hash = $1 AND expires_at > now()
RETURNING user_id, role, token_expires_at
