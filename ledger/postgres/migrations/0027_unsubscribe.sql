-- Links in mails that turn a channel off. The default is random for each row, so this writes the table anew; it is small.

ALTER TABLE notice_channels ADD COLUMN unsubscribe_token uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX notice_channels_unsubscribe_token ON notice_channels (unsubscribe_token);
COMMENT ON COLUMN notice_channels.unsubscribe_token IS
    'What the link in a mail names the channel by: 122 random bits. The API can neither read nor choose it.';

CREATE FUNCTION turn_channel_off(token uuid, why text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    WITH channel AS (
        UPDATE notice_channels
        SET reason = CASE WHEN state = 'disabled' THEN reason ELSE why END, state = 'disabled'
        WHERE unsubscribe_token = token
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM channel)
$$;
COMMENT ON FUNCTION turn_channel_off IS
    'Disables the channel that a link names, for the reason given; false where no channel has such a link. Repeating it changes nothing.';

REVOKE EXECUTE ON FUNCTION turn_channel_off FROM PUBLIC;
GRANT EXECUTE ON FUNCTION turn_channel_off TO cost_analytics_api_rights;
