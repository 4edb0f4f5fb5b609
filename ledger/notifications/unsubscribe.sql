-- The function alone reaches tokens. The viewer comes last, signed, and is set before it runs.

-- name: turn_off
-- Turns off the channel whose link has the token $1, for the reason $2, on behalf of no user ($3).
SELECT turn_channel_off($1::text::uuid, $2) FROM set_config('cost_analytics.viewer', $3, true)
