-- Quiet hours: messages that are not urgent wait until they end. The previous release ignores them.

ALTER TABLE notice_channels ADD COLUMN quiet_hours jsonb;
COMMENT ON COLUMN notice_channels.quiet_hours IS
    'When messages that are not urgent wait: start and end as HH:MM, and a time zone; null for that of the user.';

ALTER TABLE notice_deliveries ADD COLUMN deferred_until timestamptz;
COMMENT ON COLUMN notice_deliveries.deferred_until IS 'The end of the quiet hours that it waited for, or waits for.';
