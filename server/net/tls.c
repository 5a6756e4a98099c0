/*
 * tls.c - see tls.h.
 */
#include "server/net/tls.h"

#include <arpa/inet.h>
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

static struct sl_tls_context *
create_context(const SSL_METHOD *method)
{
    struct sl_tls_context *context = sl_new(sizeof(*context));
    ERR_clear_error();
    context->ssl = SSL_CTX_new(method);
    SL_ASSERT(context->ssl != NULL); /* want of memory */
    (void)SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    return context;
}

sl_status
sl_tls_context_open(const char *certificate_path, const char *key_path,
                    struct sl_tls_context **out_context, struct sl_error *err)
{
    struct sl_tls_context *context = create_context(TLS_server_method());
    *out_context = NULL;
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

sl_status
sl_tls_context_open_client(const char *authorities_path, struct sl_tls_context **out_context,
                           struct sl_error *err)
{
    struct sl_tls_context *context = create_context(TLS_client_method());
    *out_context = NULL;
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    sl_status st = SL_OK;
    if (SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) != 1)
        st = fail_ssl(err, "TLS 1.2");
    else if (authorities_path == NULL && SSL_CTX_set_default_verify_paths(context->ssl) != 1)
        st = fail_ssl(err, "the system's authorities");
    else if (authorities_path != NULL &&
             SSL_CTX_load_verify_file(context->ssl, authorities_path) != 1)
        st = fail_ssl(err, authorities_path);
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

static struct sl_tls *
create_session(const struct sl_tls_context *context)
{
    struct sl_tls *tls = sl_new(sizeof(*tls));
    tls->magic = TLS_MAGIC;
    tls->ssl = SSL_new(context->ssl);
    tls->input = BIO_new(BIO_s_mem());
    tls->output = BIO_new(BIO_s_mem());
    SL_ASSERT(tls->ssl != NULL && tls->input != NULL && tls->output != NULL);
    SSL_set_bio(tls->ssl, tls->input, tls->output);
    return tls;
}

struct sl_tls *
sl_tls_accept(const struct sl_tls_context *context)
{
    struct sl_tls *tls = create_session(context);
    SSL_set_accept_state(tls->ssl);
    return tls;
}

struct sl_tls *
sl_tls_connect(const struct sl_tls_context *context, const char *host)
{
    struct sl_tls *tls = create_session(context);
    struct in6_addr address;
    bool is_address =
        inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    char *name = sl_new_string(host); /* the library's macro takes no const */
    SSL_set_connect_state(tls->ssl);
    int is_set =
        is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), name)
                   : SSL_set1_host(tls->ssl, name) && SSL_set_tlsext_host_name(tls->ssl, name) == 1;
    SL_ASSERT(is_set == 1); /* want of memory */
    free(name);
    return tls;
}

/* A record of a handshake, of any version of TLS. */
bool
sl_tls_begins(const uint8_t *bytes)
{
    return bytes[0] == 0x16 && bytes[1] == 3 && bytes[2] <= 4;
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
        break;
    }
    long doubt = SSL_get_verify_result(tls->ssl);
    if (SSL_is_server(tls->ssl) == 0 && doubt != X509_V_OK)
        return sl_fail(err, SL_DENIED, "the server's certificate is not trusted: %s",
                       X509_verify_cert_error_string(doubt));
    return fail_ssl(err, "TLS");
}

bool
sl_tls_has_input(const struct sl_tls *tls)
{
    SL_ASSERT(tls->magic == TLS_MAGIC);
    return SSL_has_pending(tls->ssl) == 1 || BIO_ctrl_pending(tls->input) != 0;
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
