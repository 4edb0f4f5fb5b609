-- Slack, Discord and Microsoft Teams as channels. The previous release delivers to none of them: it retries until it is replaced.

ALTER TABLE notice_channels DROP CONSTRAINT notice_channels_type_check;
ALTER TABLE notice_channels ADD CONSTRAINT notice_channels_type_check
    CHECK (type IN ('email', 'sms', 'webhook', 'slack', 'discord', 'teams')) NOT VALID;
