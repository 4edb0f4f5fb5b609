-- Which incarnation of a topic a stored offset belongs to, and the ranges that were never counted.

ALTER TABLE stream_offsets
    ADD COLUMN incarnation      text,
    ADD COLUMN generation       integer NOT NULL DEFAULT 0,
    ADD COLUMN confirmed_offset bigint,
    ADD COLUMN last_record      text;
COMMENT ON COLUMN stream_offsets.incarnation IS
    'The id that the brokers gave the topic; null where they give none, or an earlier release stored the offset.';
COMMENT ON COLUMN stream_offsets.generation IS
    'Rises when the offset is set anew instead of being moved by a batch. A batch of an earlier generation moves no offset.';
COMMENT ON COLUMN stream_offsets.confirmed_offset IS
    'All records before it are counted and known to be of this incarnation: after they were read the topic still had its id. Renewed each second while offsets move.';
COMMENT ON COLUMN stream_offsets.last_record IS
    'Offset and digest of the last counted record, offset:digest, where the topic has no id.';

CREATE TABLE stream_gaps (
    gap_id      bigint         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster     text           NOT NULL,
    topic       text           NOT NULL,
    "partition" integer        NOT NULL,
    incarnation text,
    from_offset bigint         NOT NULL,
    to_offset   bigint         CHECK (to_offset > from_offset),
    reason      text           NOT NULL CHECK (reason IN ('records_removed', 'topic_recreated', 'log_truncated')),
    noticed_at  timestamptz    NOT NULL DEFAULT now(),
    counted     int8multirange NOT NULL DEFAULT '{}',
    closed_at   timestamptz,
    closed_by   text,
    closed_why  text,
    CHECK ((closed_at IS NULL) = (closed_by IS NULL) AND (closed_at IS NULL) = (closed_why IS NULL))
);
CREATE INDEX stream_gaps_open ON stream_gaps (gap_id) WHERE closed_at IS NULL;
COMMENT ON TABLE stream_gaps IS
    'Ranges of records that Kafka no longer had before they were counted. Written by the transaction that sets the offset past them.';
COMMENT ON COLUMN stream_gaps.from_offset IS 'The first offset that is not known to be counted.';
COMMENT ON COLUMN stream_gaps.to_offset IS 'The offset after the last one; null where the end of the log is not known.';
COMMENT ON COLUMN stream_gaps.counted IS 'Offsets of the range that were counted after a resend.';
COMMENT ON COLUMN stream_gaps.closed_by IS 'Who closed it: a person, or the ledger once every offset of the range was counted.';
