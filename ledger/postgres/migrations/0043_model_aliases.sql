-- Other names of models, such as those of deployments. Prices of a name that an alias has are looked up
-- under its model from its time on; the previous release ignores aliases.

CREATE TABLE model_aliases (
    alias_id       integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service        text        NOT NULL,
    alias          text        NOT NULL CHECK (alias <> ''),
    model          text        CHECK (model <> ''),
    effective_from timestamptz NOT NULL,
    source         text        NOT NULL,
    set_by         text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (service, alias, effective_from)
);
COMMENT ON TABLE model_aliases IS
    'Names of models as events send them, each with the model whose prices it has from effective_from until the next row of the name.';
COMMENT ON COLUMN model_aliases.model IS 'Null ends the alias.';

CREATE FUNCTION keep_aliases() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'aliases are added, never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_aliases BEFORE UPDATE OR DELETE ON model_aliases
    FOR EACH ROW EXECUTE FUNCTION keep_aliases();

ALTER TABLE model_aliases ENABLE ROW LEVEL SECURITY;
CREATE POLICY anyone_reads ON model_aliases FOR SELECT TO cost_analytics_viewer USING (true);
CREATE POLICY admins_add   ON model_aliases FOR INSERT TO cost_analytics_viewer WITH CHECK ((SELECT reads_all()));
