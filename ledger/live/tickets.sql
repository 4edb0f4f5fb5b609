-- Only the functions access tickets. The viewer is the last parameter, signed, and set before they
-- run: `ReaderPool.read` appends it, so the parameters here are numbered, not named.

-- name: issue
-- Stores a ticket by its digest $1 for user $2 with role $3, whose token expires at $4 (seconds since
-- 1970), for $5 seconds; false if the user has $6 tickets already.
SELECT issue_ticket($1, $2, $3, $4, $5, $6) FROM set_config('cost_analytics.viewer', $7, true)

-- name: redeem
-- Redeems the ticket with the digest $1, without a viewer ($2).
SELECT t.* FROM set_config('cost_analytics.viewer', $2, true), redeem_ticket($1) AS t
