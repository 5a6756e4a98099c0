/*
 * credentials.h - who a client says he is, the password that proves it, and the server he trusts.
 *
 * The user: as given, else SLUICE_USER, else USER, else "sluice". The password: the first line of
 * a file, else SLUICE_PASSWORD, else none, which is enough for a server without users.
 *
 * TLS: as given, else SLUICE_TLS, a file of authorities or "system" (client/channel.h), else none.
 *
 * Ownership: the struct owns its strings until sl_credentials_fini, which overwrites the password.
 * Layer:     client, internal.
 */
#ifndef SLUICE_CLIENT_CREDENTIALS_H
#define SLUICE_CLIENT_CREDENTIALS_H

#include <stdio.h>

#include "storage/base/status.h"

struct sl_credentials {
    char *user;
    char *password; /* NULL: none is known */
    char *trust;    /* of sl_channel_open; NULL: no TLS */
};

/* user, password_file, trust: NULL when they are not given. */
SL_MUST_CHECK
sl_status sl_credentials_find(const char *user, const char *password_file, const char *trust,
                              struct sl_credentials *out_credentials, struct sl_error *err);
void sl_credentials_fini(struct sl_credentials *credentials);

/* A line of `file`, without its end and without an echo when it is a terminal, which is shown the
 * prompt. *out_password is owned by the caller (sl_password_fini). */
SL_MUST_CHECK
sl_status sl_password_read(FILE *file, const char *prompt, char **out_password,
                           struct sl_error *err);
/* NULL is allowed. */
void sl_password_fini(char *password);

#endif
