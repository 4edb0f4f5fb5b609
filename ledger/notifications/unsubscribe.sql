-- Only the function accesses tokens. The viewer is the last parameter, signed, and set before it runs.

-- name: turn_off
-- Disables the channel whose link has the token $1, for the reason $2, without a viewer ($3).
SELECT turn_channel_off($1::text::uuid, $2) FROM set_config('cost_analytics.viewer', $3, true)
