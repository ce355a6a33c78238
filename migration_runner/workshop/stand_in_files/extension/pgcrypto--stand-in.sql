CREATE FUNCTION digest(text, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and digest cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION digest(bytea, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and digest cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION hmac(text, text, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and hmac cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION hmac(bytea, bytea, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and hmac cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION crypt(text, text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and crypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION gen_salt(text) RETURNS text LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and gen_salt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION gen_salt(text, integer) RETURNS text LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and gen_salt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION encrypt(bytea, bytea, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and encrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION decrypt(bytea, bytea, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and decrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION encrypt_iv(bytea, bytea, bytea, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and encrypt_iv cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION decrypt_iv(bytea, bytea, bytea, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and decrypt_iv cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION gen_random_bytes(integer) RETURNS bytea LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and gen_random_bytes cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_sym_encrypt(text, text) RETURNS bytea LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_sym_encrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_sym_encrypt(text, text, text) RETURNS bytea LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_sym_encrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_sym_encrypt_bytea(bytea, text) RETURNS bytea LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_sym_encrypt_bytea cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_sym_encrypt_bytea(bytea, text, text) RETURNS bytea LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_sym_encrypt_bytea cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_sym_decrypt(bytea, text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_sym_decrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_sym_decrypt(bytea, text, text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_sym_decrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_sym_decrypt_bytea(bytea, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_sym_decrypt_bytea cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_sym_decrypt_bytea(bytea, text, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_sym_decrypt_bytea cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_pub_encrypt(text, bytea) RETURNS bytea LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_pub_encrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_pub_encrypt(text, bytea, text) RETURNS bytea LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_pub_encrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_pub_decrypt(bytea, bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_pub_decrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION pgp_pub_decrypt(bytea, bytea, text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and pgp_pub_decrypt cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION armor(bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and armor cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION dearmor(text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RAISE 'pgcrypto is only stood in for here, and dearmor cannot be executed'
    USING ERRCODE = 'feature_not_supported'; END $$;
CREATE FUNCTION gen_random_uuid() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$ SELECT pg_catalog.gen_random_uuid() $$;
