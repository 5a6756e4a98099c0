/*
 * credentials.c - see credentials.h.
 */
#include "client/credentials.h"

#include <string.h>
#include <termios.h>

#include "server/auth/scheme.h"

static const char default_user[] = "sluice";

/* The terminal's settings before, when it is one and its echo could be switched off. */
static bool
hush(FILE *file, struct termios *before)
{
    if (tcgetattr(fileno(file), before) != 0)
        return false;
    struct termios hushed = *before;
    hushed.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(fileno(file), TCSAFLUSH, &hushed) == 0;
}

sl_status
sl_password_read(FILE *file, const char *prompt, char **out_password, struct sl_error *err)
{
    char line[SL_PASSWORD_BYTES_MAX + 2] = "";
    struct termios before;
    *out_password = NULL;
    bool is_terminal = hush(file, &before);
    if (is_terminal)
        (void)fputs(prompt, stderr);
    bool is_read = fgets(line, sizeof(line), file) != NULL;
    if (is_terminal) {
        (void)tcsetattr(fileno(file), TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    size_t size_bytes = strcspn(line, "\r\n");
    bool is_whole = line[size_bytes] != '\0' || feof(file) != 0;
    line[size_bytes] = '\0';
    if (is_read && is_whole && size_bytes != 0)
        *out_password = sl_new_string(line);
    sl_wipe(line, sizeof(line));
    if (*out_password == NULL)
        return sl_fail(err, SL_FORMAT, "a password is one line of 1 to %d bytes",
                       (int)SL_PASSWORD_BYTES_MAX);
    return SL_OK;
}

void
sl_password_fini(char *password)
{
    if (password != NULL)
        sl_wipe(password, strlen(password));
    free(password);
}

static sl_status
read_file(const char *path, char **out_password, struct sl_error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sl_fail_errno(err, "open %s", path);
    sl_status st = sl_password_read(file, "", out_password, err);
    (void)fclose(file); /* opened read-only: there is nothing left to lose */
    if (st != SL_OK)
        sl_error_prefix(err, "%.80s", path);
    return st;
}

sl_status
sl_credentials_find(const char *user, const char *password_file, const char *trust,
                    struct sl_credentials *out_credentials, struct sl_error *err)
{
    const char *password = getenv("SLUICE_PASSWORD");
    *out_credentials = (struct sl_credentials){0};
    if (user == NULL)
        user = getenv("SLUICE_USER");
    if (user == NULL)
        user = getenv("USER");
    if (password_file != NULL)
        SL_TRY(read_file(password_file, &out_credentials->password, err));
    else if (password != NULL && password[0] != '\0')
        out_credentials->password = sl_new_string(password);
    if (trust == NULL)
        trust = getenv("SLUICE_TLS");
    if (trust != NULL && trust[0] != '\0')
        out_credentials->trust = sl_new_string(trust);
    out_credentials->user = sl_new_string(user != NULL ? user : default_user);
    return SL_OK;
}

void
sl_credentials_fini(struct sl_credentials *credentials)
{
    sl_password_fini(credentials->password);
    free(credentials->user);
    free(credentials->trust);
    *credentials = (struct sl_credentials){0};
}
