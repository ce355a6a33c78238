--
-- PostgreSQL database dump
--

\restrict migrate

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: Odd; Schema; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA "Odd; Schema";


--
-- Name: SCHEMA "Odd; Schema"; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA "Odd; Schema" IS 'q';


--
-- Name: nocase; Type: COLLATION; Schema: public; Owner: -
--

CREATE COLLATION public.nocase (provider = libc, locale = 'C');


--
-- Name: btree_gist; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;


--
-- Name: EXTENSION btree_gist; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION btree_gist IS 'support for indexing common datatypes in GiST';


--
-- Name: citext; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;


--
-- Name: EXTENSION citext; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION citext IS 'data type for case-insensitive character strings';


--
-- Name: comp; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.comp AS (
	a integer,
	"B c" text
);


--
-- Name: mood; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.mood AS ENUM (
    'sad',
    'it''s; ok',
    'happy'
);


--
-- Name: TYPE mood; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TYPE public.mood IS 't';


--
-- Name: posint; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.posint AS integer NOT NULL DEFAULT 5
	CONSTRAINT posint_check CHECK ((VALUE > 0));


--
-- Name: DOMAIN posint; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON DOMAIN public.posint IS 'd';


--
-- Name: CONSTRAINT posint_check ON DOMAIN posint; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON CONSTRAINT posint_check ON DOMAIN public.posint IS 'x';


--
-- Name: rng; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.rng AS RANGE (
    subtype = double precision,
    multirange_type_name = public.rng_multirange
);


--
-- Name: f(integer, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.f(a integer, b text DEFAULT 'x'::text) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
begin
-- Name: fake; Type: TABLE; Schema: public; Owner: -
  raise notice 'x;
';
  execute $q$create table x();$q$;
  return 1;
end $_$;


--
-- Name: FUNCTION f(a integer, b text); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.f(a integer, b text) IS 'ff';


--
-- Name: g(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.g() RETURNS trigger
    LANGUAGE plpgsql
    AS $$begin return new; end$$;


--
-- Name: p(integer); Type: PROCEDURE; Schema: public; Owner: -
--

CREATE PROCEDURE public.p(IN x integer)
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT 1;
 SELECT 2;
END;


--
-- Name: agg(integer); Type: AGGREGATE; Schema: public; Owner: -
--

CREATE AGGREGATE public.agg(integer) (
    SFUNC = int4pl,
    STYPE = integer
);


SET default_table_access_method = heap;

--
-- Name: T;1; Type: TABLE; Schema: Odd; Schema; Owner: -
--

CREATE TABLE "Odd; Schema"."T;1" (
    id integer,
    b text NOT NULL,
    CONSTRAINT "c;k" CHECK ((id > 0)) NO INHERIT
);


--
-- Name: customers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.customers (
    id integer NOT NULL,
    name character varying(30) DEFAULT 'a;b'::character varying NOT NULL,
    email public.citext,
    CONSTRAINT ck CHECK (((name)::text <> ';'::text))
);


--
-- Name: CONSTRAINT ck ON customers; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON CONSTRAINT ck ON public.customers IS 'con';


--
-- Name: customers_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.customers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: customers_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.customers_id_seq OWNED BY public.customers.id;


--
-- Name: free_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.free_seq
    START WITH 10
    INCREMENT BY 5
    NO MINVALUE
    NO MAXVALUE
    CACHE 7;


--
-- Name: inh; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inh (
    z integer
)
INHERITS (public.customers);


--
-- Name: orders; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.orders (
    id bigint NOT NULL,
    customer_id integer,
    m public.mood DEFAULT 'sad'::public.mood,
    total numeric(10,2),
    tax numeric GENERATED ALWAYS AS ((total * 0.2)) STORED,
    "Weird col" text COLLATE pg_catalog."C",
    pos public.posint,
    c public.comp,
    arr text[],
    during tsrange,
    ccc text CONSTRAINT nn NOT NULL
);
ALTER TABLE ONLY public.orders ALTER COLUMN total SET STATISTICS 500;
ALTER TABLE ONLY public.orders ALTER COLUMN "Weird col" SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.orders ALTER COLUMN arr SET COMPRESSION pglz;

ALTER TABLE ONLY public.orders REPLICA IDENTITY FULL;

ALTER TABLE ONLY public.orders FORCE ROW LEVEL SECURITY;


--
-- Name: TABLE orders; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.orders IS 'multi
line; -- comment''s';


--
-- Name: COLUMN orders.total; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.orders.total IS 'c';


--
-- Name: v; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.v AS
 SELECT id,
    'x;y'::text AS s
   FROM public.orders;


--
-- Name: mv; Type: MATERIALIZED VIEW; Schema: public; Owner: -
--

CREATE MATERIALIZED VIEW public.mv AS
 SELECT id,
    s
   FROM public.v
  WITH NO DATA;


--
-- Name: orders_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.orders ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.orders_id_seq
    START WITH 5
    INCREMENT BY 2
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: parent; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.parent (
    a integer NOT NULL,
    b text
)
PARTITION BY RANGE (a);


--
-- Name: part1; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.part1 (
    a integer CONSTRAINT parent_a_not_null NOT NULL,
    b text
);


--
-- Name: partd; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.partd (
    a integer CONSTRAINT parent_a_not_null NOT NULL,
    b text
);


--
-- Name: ul; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.ul (
    a integer
)
WITH (fillfactor='70');


--
-- Name: part1; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.parent ATTACH PARTITION public.part1 FOR VALUES FROM (1) TO (10);


--
-- Name: partd; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.parent ATTACH PARTITION public.partd DEFAULT;


--
-- Name: customers id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers ALTER COLUMN id SET DEFAULT nextval('public.customers_id_seq'::regclass);


--
-- Name: inh id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inh ALTER COLUMN id SET DEFAULT nextval('public.customers_id_seq'::regclass);


--
-- Name: inh name; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inh ALTER COLUMN name SET DEFAULT 'a;b'::character varying;


--
-- Name: customers customers_email_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_email_key UNIQUE (email);


--
-- Name: customers customers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);


--
-- Name: orders orders_customer_id_during_excl; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_customer_id_during_excl EXCLUDE USING gist (customer_id WITH =, during WITH &&);


--
-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

ALTER TABLE public.orders CLUSTER ON orders_pkey;


--
-- Name: orders orders_total_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_total_key UNIQUE NULLS NOT DISTINCT (total);


--
-- Name: parent parent_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.parent
    ADD CONSTRAINT parent_pkey PRIMARY KEY (a);


--
-- Name: part1 part1_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.part1
    ADD CONSTRAINT part1_pkey PRIMARY KEY (a);


--
-- Name: partd partd_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.partd
    ADD CONSTRAINT partd_pkey PRIMARY KEY (a);


--
-- Name: ix_orders_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_orders_open ON public.orders USING btree (m, total DESC NULLS LAST) INCLUDE (tax) WHERE (total > (0)::numeric);


--
-- Name: INDEX ix_orders_open; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON INDEX public.ix_orders_open IS 'i';


--
-- Name: mv_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX mv_id_idx ON public.mv USING btree (id);


--
-- Name: orders_arr_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX orders_arr_idx ON public.orders USING gin (arr);


--
-- Name: parent_b_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parent_b_idx ON ONLY public.parent USING btree (b);


--
-- Name: part1_b_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX part1_b_idx ON public.part1 USING btree (b);


--
-- Name: partd_b_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX partd_b_idx ON public.partd USING btree (b);


--
-- Name: part1_b_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.parent_b_idx ATTACH PARTITION public.part1_b_idx;


--
-- Name: part1_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.parent_pkey ATTACH PARTITION public.part1_pkey;


--
-- Name: partd_b_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.parent_b_idx ATTACH PARTITION public.partd_b_idx;


--
-- Name: partd_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.parent_pkey ATTACH PARTITION public.partd_pkey;


--
-- Name: st; Type: STATISTICS; Schema: public; Owner: -
--

CREATE STATISTICS public.st ON total, tax FROM public.orders;


--
-- Name: v r; Type: RULE; Schema: public; Owner: -
--

CREATE RULE r AS
    ON INSERT TO public.v DO INSTEAD NOTHING;


--
-- Name: orders ctrg; Type: TRIGGER; Schema: public; Owner: -
--

CREATE CONSTRAINT TRIGGER ctrg AFTER INSERT ON public.orders DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION public.g();


--
-- Name: orders trg; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER trg BEFORE UPDATE ON public.orders FOR EACH ROW WHEN ((old.total IS DISTINCT FROM new.total)) EXECUTE FUNCTION public.g();

ALTER TABLE public.orders DISABLE TRIGGER trg;


--
-- Name: TRIGGER trg ON orders; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER trg ON public.orders IS 'tt';


--
-- Name: customers fk2; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT fk2 FOREIGN KEY (id) REFERENCES public.customers(id) NOT VALID;


--
-- Name: orders orders_customer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;


--
-- Name: orders; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY;

--
-- Name: orders pol; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY pol ON public.orders USING ((total > (0)::numeric));


--
-- PostgreSQL database dump complete
--

\unrestrict migrate

