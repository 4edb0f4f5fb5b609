-- A log that was emptied gives its offsets to other records. What a refused record holds tells it from
-- one that was refused at the same place before, so that both are kept, and each only once.

-- Key and value may be missing. The headers go in by the hash that jsonb is indexed by: of a text only
-- MD5 may be computed here, and some servers forbid it.
ALTER TABLE dead_letters ADD COLUMN digest bytea NOT NULL GENERATED ALWAYS AS (sha256(
    coalesce(sha256(key), '\x00') || coalesce(sha256(value), '\x00') || int8send(jsonb_hash_extended(headers, 0))
)) STORED;
COMMENT ON COLUMN dead_letters.digest IS 'Tells records apart that had the same place, one after the other.';
COMMENT ON TABLE dead_letters IS
    'Each refused record once, with its original bytes and the reason. Another record at the same place, after its log was emptied, is another row.';

ALTER TABLE dead_letters
    DROP CONSTRAINT dead_letters_pkey,
    ADD PRIMARY KEY (cluster, topic, "partition", "offset", digest);
