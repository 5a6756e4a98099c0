/*
 * tls.c - see tls.h.
 */
#include "server/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

enum { TLS_MAGIC = 0x544c5353, RECORD_BYTES = 16 << 10 };

struct sl_tls_context {
    SSL_CTX *ssl; /* owned */
};

struct sl_tls {
    uint32_t magic;
    SSL *ssl;    /* owned */
    BIO *input;  /* owned by ssl: from the peer */
    BIO *output; /* owned by ssl: to the peer */
};

/* The library's first complaint; the others are forgotten. */
static sl_status
fail_ssl(struct sl_error *err, const char *what)
{
    char reason[160];
    unsigned long code = ERR_peek_error();
    ERR_error_string_n(code, reason, sizeof(reason));
    ERR_clear_error();
    return sl_fail(err, SL_FORMAT, "%.60s: %s", what, code == 0 ? "not understood" : reason);
}

sl_status
sl_tls_context_open(const char *certificate_path, const char *key_path,
                    struct sl_tls_context **out_context, struct sl_error *err)
{
    struct sl_tls_context *context = sl_new(sizeof(*context));
    *out_context = NULL;
    ERR_clear_error();
    context->ssl = SSL_CTX_new(TLS_server_method());
    SL_ASSERT(context->ssl != NULL); /* want of memory */
    (void)SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    sl_status st = SL_OK;
    if (SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) != 1)
        st = fail_ssl(err, "TLS 1.2");
    else if (SSL_CTX_use_certificate_chain_file(context->ssl, certificate_path) != 1)
        st = fail_ssl(err, certificate_path);
    else if (SSL_CTX_use_PrivateKey_file(context->ssl, key_path, SSL_FILETYPE_PEM) != 1)
        st = fail_ssl(err, key_path);
    else if (SSL_CTX_check_private_key(context->ssl) != 1)
        st = sl_fail(err, SL_FORMAT, "the key %.80s is not that of the certificate", key_path);
    if (st != SL_OK) {
        sl_tls_context_close(context);
        return st;
    }
    *out_context = context;
    return SL_OK;
}

void
sl_tls_context_close(struct sl_tls_context *context)
{
    if (context == NULL)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

struct sl_tls *
sl_tls_accept(const struct sl_tls_context *context)
{
    struct sl_tls *tls = sl_new(sizeof(*tls));
    tls->magic = TLS_MAGIC;
    tls->ssl = SSL_new(context->ssl);
    tls->input = BIO_new(BIO_s_mem());
    tls->output = BIO_new(BIO_s_mem());
    SL_ASSERT(tls->ssl != NULL && tls->input != NULL && tls->output != NULL);
    SSL_set_bio(tls->ssl, tls->input, tls->output);
    SSL_set_accept_state(tls->ssl);
    return tls;
}

void
sl_tls_close(struct sl_tls *tls)
{
    if (tls == NULL)
        return;
    SL_ASSERT(tls->magic == TLS_MAGIC);
    SSL_free(tls->ssl);
    sl_retire(&tls->magic);
    free(tls);
}

void
sl_tls_put(struct sl_tls *tls, const uint8_t *bytes, size_t size_bytes)
{
    size_t put_bytes = 0;
    SL_ASSERT(tls->magic == TLS_MAGIC);
    if (size_bytes == 0)
        return;
    int is_put = BIO_write_ex(tls->input, bytes, size_bytes, &put_bytes);
    SL_ASSERT(is_put == 1 && put_bytes == size_bytes); /* memory: it grows */
}

sl_status
sl_tls_read(struct sl_tls *tls, uint8_t *plain, size_t capacity_bytes, size_t *out_bytes,
            bool *out_is_end, struct sl_error *err)
{
    SL_ASSERT(tls->magic == TLS_MAGIC);
    *out_bytes = 0;
    *out_is_end = false;
    ERR_clear_error();
    int got = SSL_read_ex(tls->ssl, plain, capacity_bytes, out_bytes);
    if (got == 1)
        return SL_OK;
    *out_bytes = 0;
    switch (SSL_get_error(tls->ssl, got)) {
    case SSL_ERROR_WANT_READ:
        return SL_OK;
    case SSL_ERROR_ZERO_RETURN:
        *out_is_end = true;
        return SL_OK;
    default:
        return fail_ssl(err, "TLS");
    }
}

bool
sl_tls_is_ready(const struct sl_tls *tls)
{
    SL_ASSERT(tls->magic == TLS_MAGIC);
    return SSL_is_init_finished(tls->ssl) == 1;
}

void
sl_tls_write(struct sl_tls *tls, const uint8_t *plain, size_t size_bytes)
{
    SL_ASSERT(sl_tls_is_ready(tls));
    for (size_t at = 0; at < size_bytes;) {
        size_t written_bytes = 0;
        size_t part_bytes = sl_min_size(size_bytes - at, RECORD_BYTES);
        ERR_clear_error();
        int is_written = SSL_write_ex(tls->ssl, plain + at, part_bytes, &written_bytes);
        SL_ASSERT(is_written == 1); /* into memory, without renegotiation: it cannot wait */
        at += written_bytes;
    }
}

void
sl_tls_finish(struct sl_tls *tls)
{
    SL_ASSERT(tls->magic == TLS_MAGIC);
    ERR_clear_error();
    if (sl_tls_is_ready(tls))
        (void)SSL_shutdown(tls->ssl); /* 0: the peer has not ended yet, which is fine */
}

void
sl_tls_collect(struct sl_tls *tls, struct sl_buf *out)
{
    size_t pending_bytes = BIO_ctrl_pending(tls->output);
    size_t got_bytes = 0;
    uint8_t *end = pending_bytes == 0 ? NULL : sl_buf_extend(out, pending_bytes);
    if (end == NULL)
        return;
    int got = BIO_read_ex(tls->output, end, pending_bytes, &got_bytes);
    SL_ASSERT(got == 1 && got_bytes == pending_bytes);
}
