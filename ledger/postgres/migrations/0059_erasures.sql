-- Erasure of a user: the identity is replaced by a pseudonym in every table, and recognized in later events by a keyed
-- digest. No worker of the previous release may run while a user is erased: it does not know the digests.

CREATE TABLE erasure_keys (
    key        bytea       PRIMARY KEY CHECK (length(key) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE erasure_keys IS
    'The keys of the digests of erased users. One, unless a backup of another ledger was restored.';
INSERT INTO erasure_keys (key)
VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

CREATE TABLE erased_users (
    generation bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest     bytea       NOT NULL UNIQUE,
    pseudonym  text        COLLATE "C" NOT NULL UNIQUE,
    erased_at  timestamptz NOT NULL,
    erased_by  text        NOT NULL,
    receipt    text        NOT NULL
);
COMMENT ON TABLE erased_users IS
    'Each erased user, without the identity. `generation` rises with each commit of an erasure: writers compare it.';
COMMENT ON COLUMN erased_users.digest IS 'SHA-256 of a key and the identity.';
COMMENT ON COLUMN erased_users.receipt IS 'JSON: what was done.';

CREATE TABLE erased_seals (
    seal_id   integer NOT NULL REFERENCES month_seals ON DELETE CASCADE,
    pseudonym text    COLLATE "C" NOT NULL,
    PRIMARY KEY (seal_id, pseudonym)
);
COMMENT ON TABLE erased_seals IS 'Archived months whose file still contains an erased user.';

CREATE TABLE replaced_files (file text PRIMARY KEY);
COMMENT ON TABLE replaced_files IS 'Archive files that were rewritten and are not deleted yet.';

-- Which users are erased -------------------------------------------------------------------------
-- An erasure holds this lock alone, and each transaction that writes a user's rows shares it from its check to its end.

CREATE FUNCTION erased_as(identity text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('cost-analytics erasure'));
    RETURN (SELECT u.pseudonym FROM erasure_keys AS k
            JOIN erased_users AS u ON u.digest = sha256(k.key || convert_to(identity, 'UTF8')) LIMIT 1);
END $$;
COMMENT ON FUNCTION erased_as IS 'Returns the pseudonym of an erased user, null for all others; no erasure commits until the transaction ends.';

CREATE FUNCTION erasure_generation() RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('cost-analytics erasure'));
    RETURN (SELECT coalesce(max(generation), 0) FROM erased_users);
END $$;
COMMENT ON FUNCTION erasure_generation IS 'Returns the newest erasure; no other commits until the transaction ends.';

CREATE FUNCTION keep_users_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF erased_as(NEW.user_id) IS NULL THEN
        RETURN NEW;
    END IF;
    IF TG_ARGV[0] = 'skip' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the user was erased' USING ERRCODE = 'restrict_violation', CONSTRAINT = 'users_stay_erased';
END $$;
COMMENT ON FUNCTION keep_users_erased IS
    'Refuses a row of an erased user; with `skip` it is left out, because its writer read the user before the erasure.';

CREATE FUNCTION guard_erased_users(guarded regclass, manner text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER keep_users_erased BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION keep_users_erased(%L)',
                   guarded, manner);
END $$;
COMMENT ON FUNCTION guard_erased_users IS
    'Guards a table with a user_id: `refuse` rows of erased users, or `skip` them. Tables that only recording writes need none.';
REVOKE EXECUTE ON FUNCTION guard_erased_users FROM PUBLIC;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['user_budget_settings', 'budget_holds', 'cost_reservations', 'alert_reads', 'anomaly_dismissals',
                                'charge_plans', 'notice_channels', 'notice_codes', 'live_tickets'] LOOP
        PERFORM guard_erased_users(name::regclass, 'refuse');
    END LOOP;
    FOREACH name IN ARRAY ARRAY['cost_anomalies', 'pending_anomaly_checks', 'notice_deliveries', 'notice_attempts', 'notices', 'notice_schedule',
                                'call_commands', 'call_command_attempts'] LOOP
        PERFORM guard_erased_users(name::regclass, 'skip');
    END LOOP;
END $$;

-- Texts ------------------------------------------------------------------------------------------

CREATE FUNCTION erased_words(words text, identity text, pseudonym text) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN strpos(words, identity) > 0 THEN
        regexp_replace(words, '(?<![[:alnum:]])' || regexp_replace(identity, '([^[:alnum:]])', '\\\1', 'g')
                              || '(?![[:alnum:]])', pseudonym, 'g')
    ELSE words END
$$;
COMMENT ON FUNCTION erased_words IS 'Replaces an identity in free text, where it is a whole word.';

CREATE FUNCTION erased_tags(tags jsonb, identity text, pseudonym text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(tags) <> 'object' THEN tags ELSE (
        SELECT coalesce(jsonb_object_agg(key, CASE jsonb_typeof(value)
            WHEN 'string' THEN to_jsonb(erased_words(value #>> '{}', identity, pseudonym))
            WHEN 'array' THEN CASE WHEN jsonb_typeof(value -> 0) = 'string'
                 THEN jsonb_set(value, '{0}', to_jsonb(erased_words(value ->> 0, identity, pseudonym))) ELSE value END
            ELSE value END), '{}') FROM jsonb_each(tags)) END
$$;
COMMENT ON FUNCTION erased_tags IS 'Replaces an identity in the values of tags, as events, calls or seals store them.';

CREATE FUNCTION erased_fields(data jsonb, identity text, pseudonym text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT (data - ARRAY['metadata', 'controlUrl', 'providerCallId'])
        || CASE WHEN data ? 'userId' THEN jsonb_build_object('userId', pseudonym) ELSE '{}' END
        || CASE WHEN data ? 'tags' THEN jsonb_build_object('tags', erased_tags(data -> 'tags', identity, pseudonym)) ELSE '{}' END
        || CASE WHEN jsonb_typeof(data -> 'reason') = 'string'
                THEN jsonb_build_object('reason', erased_words(data ->> 'reason', identity, pseudonym)) ELSE '{}' END
$$;
COMMENT ON FUNCTION erased_fields IS
    'The data of an event of an erased user: without metadata and the vendor''s references to the call, which are personal.';

CREATE FUNCTION erased_data(type text, source text, data text, identity text, pseudonym text) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN data IS NULL OR type = 'call.settled' THEN data
        WHEN type <> 'cost.recorded' THEN erased_fields(data::jsonb, identity, pseudonym)::text
        WHEN source = '/cost-analytics/rerate' THEN (
            SELECT coalesce(jsonb_object_agg(key, value), '{}')::text FROM jsonb_each(data::jsonb)
            WHERE key IN ('rerated', 'charge', 'chargeBasisNano', 'chargeBasisPrices'))
        END
$$;
COMMENT ON FUNCTION erased_data IS 'The column data of a recorded event of an erased user: metadata is removed, what totals follow from stays.';

CREATE FUNCTION erased_facts(facts jsonb, identity text, pseudonym text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(CASE WHEN fact ->> 'type' IN ('call.started', 'call.ended')
        THEN jsonb_set(fact, '{data}', coalesce(to_jsonb(erased_data(fact ->> 'type', '', fact ->> 'data', identity, pseudonym)), 'null'))
        ELSE fact END ORDER BY place), '[]')
    FROM jsonb_array_elements(facts) WITH ORDINALITY AS listed (fact, place)
$$;
COMMENT ON FUNCTION erased_facts IS 'The facts of a sealed call of an erased user.';

CREATE FUNCTION erased_json(value jsonb, identity text, pseudonym text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'object' THEN (
            SELECT coalesce(jsonb_object_agg(key, CASE
                WHEN key IN ('userId', 'user_id') AND item = to_jsonb(identity) THEN to_jsonb(pseudonym)
                WHEN key = 'tags' THEN erased_tags(item, identity, pseudonym)
                WHEN key IN ('message', 'reason', 'title', 'note', 'subject', 'name') AND jsonb_typeof(item) = 'string'
                    THEN to_jsonb(erased_words(item #>> '{}', identity, pseudonym))
                WHEN key = 'sentences' AND jsonb_typeof(item) = 'array' THEN (
                    SELECT coalesce(jsonb_agg(to_jsonb(erased_words(line #>> '{}', identity, pseudonym))), '[]')
                    FROM jsonb_array_elements(item) AS line)
                ELSE erased_json(item, identity, pseudonym) END), '{}')
            FROM jsonb_each(value) AS e (key, item))
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(erased_json(item, identity, pseudonym) ORDER BY place), '[]')
                           FROM jsonb_array_elements(value) WITH ORDINALITY AS e (item, place))
        ELSE value END;
END $$;
COMMENT ON FUNCTION erased_json IS 'Replaces an identity in the fields of a message that name a user or hold free text.';

CREATE FUNCTION erased_record(value bytea, is_of_user boolean, identity text, pseudonym text) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    event jsonb;
    data  jsonb;
BEGIN
    BEGIN
        event := convert_from(value, 'UTF8')::jsonb;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
        RETURN CASE WHEN is_of_user OR position(convert_to(identity, 'UTF8') IN value) > 0 THEN NULL ELSE value END;
    END;
    data := CASE WHEN jsonb_typeof(event -> 'data') = 'object' THEN event -> 'data' ELSE event END;
    IF jsonb_typeof(data) IS DISTINCT FROM 'object' OR NOT (is_of_user OR data -> 'userId' = to_jsonb(identity)) THEN
        RETURN value;
    END IF;
    data := erased_fields(data, identity, pseudonym);
    RETURN convert_to((CASE WHEN jsonb_typeof(event -> 'data') = 'object'
                            THEN jsonb_set(event, '{data}', data) ELSE data END)::text, 'UTF8');
END $$;
COMMENT ON FUNCTION erased_record IS
    'A refused record of an erased user, which can still be sent again; null if it is not JSON and can never be counted.';

-- Rows that are never changed --------------------------------------------------------------------

CREATE OR REPLACE FUNCTION keep_prices() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    changing text[] := ARRAY['verified_at', 'retires_on', 'is_deprecated', 'source', 'source_url', 'source_date'];
BEGIN
    IF current_setting('cost_analytics.is_erasing', true) = 'on' THEN
        changing := changing || 'set_by'::text;
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - changing = to_jsonb(OLD) - changing THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'prices are added, never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE FUNCTION keep_charge_plans() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    changing CONSTANT text[] := ARRAY['user_id', 'set_by', 'source'];
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('cost_analytics.is_erasing', true) = 'on'
       AND to_jsonb(NEW) - changing = to_jsonb(OLD) - changing THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'charge plans are added, never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE FUNCTION keep_aliases() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('cost_analytics.is_erasing', true) = 'on'
       AND to_jsonb(NEW) - ARRAY['set_by', 'source'] = to_jsonb(OLD) - ARRAY['set_by', 'source'] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'aliases are added, never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE FUNCTION keep_revoked_keys() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    changing CONSTANT text[] := ARRAY['created_by', 'revoked_by'];
BEGIN
    IF current_setting('cost_analytics.is_erasing', true) = 'on'
       AND to_jsonb(NEW) - changing = to_jsonb(OLD) - changing THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a revoked key stays revoked' USING ERRCODE = 'restrict_violation';
END $$;

-- The erasure ------------------------------------------------------------------------------------

CREATE FUNCTION erase_totals(of_user text, as_user text) RETURNS jsonb
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    counts jsonb := '{}';
    number bigint;
BEGIN
    PERFORM FROM calls WHERE user_id = of_user ORDER BY call_id FOR NO KEY UPDATE;
    UPDATE call_cost_events AS e
    SET user_id = as_user, tags = erased_tags(e.tags::jsonb, of_user, as_user)::text,
        data = erased_data(e.type, e.source, e.data, of_user, as_user)
    FROM (SELECT DISTINCT call_id FROM calls WHERE user_id = of_user) AS c
    WHERE e.call_id = c.call_id AND e.user_id = of_user;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('call_cost_events', number);

    INSERT INTO totals_outbox (worker_id, call_ids)
    SELECT 'erasure', array_agg(call_id) FROM (
        SELECT call_id, row_number() OVER (ORDER BY call_id) / 1000 AS part FROM calls WHERE user_id = of_user) AS c
    GROUP BY part;
    UPDATE calls AS c SET user_id = as_user, tags = erased_tags(c.tags, of_user, as_user),
                     version = version + 1
    WHERE user_id = of_user;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('calls', number);

    INSERT INTO user_day_costs AS d
    SELECT as_user, day, persona_id, service, cost_nano FROM user_day_costs WHERE user_id = of_user
    ON CONFLICT (user_id, day, persona_id, service) DO UPDATE SET cost_nano = d.cost_nano + excluded.cost_nano;
    DELETE FROM user_day_costs WHERE user_id = of_user;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('user_day_costs', number);

    INSERT INTO user_days AS d
    SELECT as_user, day, persona_id, calls, duration_ms, charged_nano, refunded_nano FROM user_days WHERE user_id = of_user
    ON CONFLICT (user_id, day, persona_id) DO UPDATE
    SET calls = d.calls + excluded.calls, duration_ms = d.duration_ms + excluded.duration_ms,
        charged_nano = d.charged_nano + excluded.charged_nano, refunded_nano = d.refunded_nano + excluded.refunded_nano;
    DELETE FROM user_days WHERE user_id = of_user;  -- its trigger moves user_activity, too
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('user_days', number);

    INSERT INTO user_spend AS s
    SELECT as_user, quarter, cost_nano, charged_nano, refunded_nano FROM user_spend WHERE user_id = of_user
    ON CONFLICT (user_id, quarter) DO UPDATE
    SET cost_nano = s.cost_nano + excluded.cost_nano, charged_nano = s.charged_nano + excluded.charged_nano,
        refunded_nano = s.refunded_nano + excluded.refunded_nano;
    DELETE FROM user_spend WHERE user_id = of_user;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('user_spend', number);
    DELETE FROM user_activity WHERE user_id = of_user;

    INSERT INTO erased_seals (seal_id, pseudonym)
    SELECT DISTINCT seal_id, as_user FROM sealed_calls JOIN month_seals USING (seal_id)
    WHERE user_id = of_user AND file <> 'none'
    ON CONFLICT DO NOTHING;
    UPDATE sealed_calls AS c
    SET user_id = as_user, facts = erased_facts(c.facts, of_user, as_user),
        tags = erased_tags(c.tags, of_user, as_user)
    WHERE user_id = of_user;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('sealed_calls', number);
    UPDATE sealed_spend AS s SET user_id = as_user WHERE user_id = of_user;
    GET DIAGNOSTICS number = ROW_COUNT;
    RETURN counts || jsonb_build_object('sealed_spend', number);
END $$;
COMMENT ON FUNCTION erase_totals IS 'Gives the events and totals of a user a pseudonym; a part of erase_user.';
REVOKE EXECUTE ON FUNCTION erase_totals FROM PUBLIC;

CREATE FUNCTION erase_rows(of_user text, as_user text) RETURNS jsonb
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    counts  jsonb := '{}';
    number  bigint;
    found   record;
    changes text;
    wanted  text;
    bytes   bytea := convert_to(of_user, 'UTF8');
    quoted  text := substr(to_json(of_user)::text, 2, length(to_json(of_user)::text) - 2);
BEGIN
    -- Contacts and notifications serve no total.
    FOREACH changes IN ARRAY ARRAY['live_tickets', 'notice_codes', 'notice_attempts', 'notice_deliveries', 'notice_channels', 'notices',
                                   'notice_schedule'] LOOP
        EXECUTE format('DELETE FROM %I WHERE user_id = $1', changes) USING of_user;
        GET DIAGNOSTICS number = ROW_COUNT;
        counts := counts || jsonb_build_object(changes, number);
    END LOOP;
    UPDATE anomaly_sweep SET user_id = '' WHERE user_id = of_user;
    UPDATE dead_letters AS d
    SET key = CASE WHEN key = bytes THEN convert_to(as_user, 'UTF8') ELSE key END,
        value = erased_record(value, coalesce(key = bytes, false), of_user, as_user),
        message = erased_words(message, of_user, as_user)
    WHERE key = bytes OR position(bytes IN value) > 0 OR position(convert_to(quoted, 'UTF8') IN value) > 0 OR strpos(message, of_user) > 0;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('dead_letters', number);
    UPDATE outbox SET aggregateid = CASE WHEN aggregateid = of_user THEN as_user ELSE aggregateid END,
                      payload = erased_json(payload::jsonb, of_user, as_user)::text
    WHERE aggregateid = of_user OR strpos(payload, of_user) > 0 OR strpos(payload, quoted) > 0;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('outbox', number);
    -- All other tables: their user, whoever is named as the author of a row, and texts of the user's rows.
    FOR found IN
        SELECT c.relname::text AS name,
               bool_or(a.attname = 'user_id') AS is_of_users,
               array_agg(a.attname::text) FILTER (WHERE a.attname = 'user_id' OR a.attname LIKE '%\_by' OR (c.relname, a.attname) IN (('event_sources', 'subject'), ('charge_plans', 'source'), ('service_prices', 'source'),
                                                                       ('price_proposals', 'source'), ('model_aliases', 'source'))) AS names,
               array_agg(a.attname::text) FILTER (WHERE a.attname IN ('reason', 'message', 'error', 'title', 'refusal')) AS words,
               array_agg(a.attname::text) FILTER (WHERE a.attname IN ('data', 'payload', 'event', 'sentences', 'budgets', 'content')) AS documents
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype)
          AND c.relname NOT IN ('call_cost_events', 'calls', 'user_days', 'user_day_costs', 'user_spend', 'user_activity',
                                'sealed_calls', 'sealed_spend', 'dead_letters', 'outbox', 'anomaly_sweep', 'read_functions')
        GROUP BY c.relname ORDER BY c.relname
    LOOP
        CONTINUE WHEN found.names IS NULL;
        -- Administrators appear as `admin NAME`.
        changes := (SELECT string_agg(format('%1$I = CASE WHEN %1$I = $1 THEN $2 WHEN %1$I = ANY ($3) THEN erased_words(%1$I, $1, $2) ELSE %1$I END',
                                             name), ', ') FROM unnest(found.names) AS name);
        wanted := (SELECT string_agg(format('%1$I = ANY ($3)', name), ' OR ') FROM unnest(found.names) AS name);
        changes := concat_ws(', ', changes,
            (SELECT string_agg(format('%1$I = erased_words(%1$I, $1, $2)', name), ', ') FROM unnest(found.words) AS name));
        IF found.is_of_users THEN
            changes := concat_ws(', ', changes,
                (SELECT string_agg(format('%1$I = CASE WHEN is_json_document(%1$I::text) THEN erased_json(%1$I::text::jsonb, $1, $2)::text::%2$s ELSE %1$I END',
                                          name, a.atttypid::regtype), ', ')
                 FROM unnest(found.documents) AS name JOIN pg_attribute AS a ON a.attname = name AND a.attrelid = found.name::regclass));
        END IF;
        EXECUTE format('UPDATE %I SET %s WHERE %s', found.name, changes, wanted)
        USING of_user, as_user, ARRAY[of_user, 'admin ' || of_user, 'user ' || of_user, 'entered by ' || of_user];
        GET DIAGNOSTICS number = ROW_COUNT;
        IF number > 0 THEN
            counts := counts || jsonb_build_object(found.name, number);
        END IF;
    END LOOP;
    RETURN counts;
END $$;
COMMENT ON FUNCTION erase_rows IS
    'Erases a user from all other tables, also those of later migrations: by user_id, by columns such as set_by, and in texts.';
REVOKE EXECUTE ON FUNCTION erase_rows FROM PUBLIC;

CREATE FUNCTION is_json_document(value text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_typeof(value::jsonb) IN ('object', 'array');
EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
    RETURN false;
END $$;

CREATE FUNCTION erase_user(of_user text, wanted_pseudonym text, author text, erased timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    wanted bytea := (SELECT sha256(key || convert_to(of_user, 'UTF8')) FROM erasure_keys ORDER BY created_at, key LIMIT 1);
    known  erased_users;
    done   jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('cost-analytics erasure'));
    PERFORM set_config('cost_analytics.is_erasing', 'on', true);
    DELETE FROM erased_users AS u USING erasure_keys AS k
    WHERE u.digest = sha256(k.key || convert_to(of_user, 'UTF8')) RETURNING u.* INTO known;
    IF known.pseudonym IS NOT NULL THEN
        wanted_pseudonym := known.pseudonym;
        wanted := known.digest;
        erased := known.erased_at;
    END IF;
    done := erase_totals(of_user, wanted_pseudonym) || erase_rows(of_user, wanted_pseudonym);
    INSERT INTO erased_users (digest, pseudonym, erased_at, erased_by, receipt)
    VALUES (wanted, wanted_pseudonym, erased, author, '{}');
    PERFORM set_config('cost_analytics.is_erasing', 'off', true);
    RETURN jsonb_build_object('pseudonym', wanted_pseudonym, 'digest', encode(wanted, 'hex'), 'rows', done);
END $$;
COMMENT ON FUNCTION erase_user IS
    'Erases a user in one transaction; all writers wait until it ends. An erased user is erased again under the same pseudonym.';
REVOKE EXECUTE ON FUNCTION erase_user FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_user TO cost_analytics_operator_rights, cost_analytics_notifications_rights;

-- After a restore --------------------------------------------------------------------------------

CREATE FUNCTION users_named() RETURNS SETOF text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    found text;
BEGIN
    FOR found IN
        SELECT c.relname::text FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'user_id'
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> 'call_cost_events'  -- each of its users owns a call
    LOOP
        RETURN QUERY EXECUTE format('SELECT DISTINCT user_id::text FROM %I WHERE user_id IS NOT NULL', found);
    END LOOP;
    RETURN QUERY SELECT DISTINCT encode(key, 'escape') FROM dead_letters WHERE key IS NOT NULL;
    RETURN QUERY SELECT DISTINCT m[1] FROM dead_letters, regexp_matches(encode(value, 'escape'), '"userId"\s*:\s*"([^"\\]*)"', 'g') AS m;
END $$;
COMMENT ON FUNCTION users_named IS 'Returns the users that any table names, with repeats; to find erased ones after a restore.';
REVOKE EXECUTE ON FUNCTION users_named FROM PUBLIC;

CREATE FUNCTION note_erasure(of_key bytea, of_digest bytea, of_pseudonym text, erased timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('cost-analytics erasure'));
    INSERT INTO erasure_keys (key) VALUES (of_key) ON CONFLICT DO NOTHING;
    INSERT INTO erased_users (digest, pseudonym, erased_at, erased_by, receipt)
    VALUES (of_digest, of_pseudonym, erased, 'journal', '{}')
    ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION note_erasure IS 'Stores an erasure of the journal, so that later events of the user are recognized.';
REVOKE EXECUTE ON FUNCTION note_erasure FROM PUBLIC;

CREATE FUNCTION relink_archive(old_file text, new_file text, new_manifest text, pseudonyms text[]) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE month_seals SET file = new_file, manifest = new_manifest WHERE file = old_file;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM erased_seals USING month_seals AS s
    WHERE s.seal_id = erased_seals.seal_id AND s.file = new_file AND pseudonym = ANY (pseudonyms);
    RETURN true;
END $$;
COMMENT ON FUNCTION relink_archive IS 'Makes a seal name the rewritten file, which has no events of these erased users under their identity.';
REVOKE EXECUTE ON FUNCTION relink_archive FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users_named, note_erasure, relink_archive
    TO cost_analytics_operator_rights, cost_analytics_notifications_rights;
