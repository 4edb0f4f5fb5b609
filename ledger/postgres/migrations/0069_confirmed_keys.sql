-- Keys that were revoked after a backup are active again after its restore, until an operator has compared them.

ALTER TABLE api_keys ADD COLUMN confirmed_at timestamptz;
COMMENT ON COLUMN api_keys.confirmed_at IS 'When an operator confirmed after a restore that the key is not revoked; null for never.';
