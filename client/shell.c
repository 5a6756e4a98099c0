/*
 * shell.c - the only user of libedit: `sluice` without a command.
 *
 * Statements end with ';' and may span lines; what begins with '\' is for the shell itself.
 * Where standard input is no terminal it is a script: its end ends the last statement too, and the
 * exit status tells whether one failed; those behind it run all the same.
 * History is kept in ~/.sluice_history; the Tab key completes columns, tables and keywords.
 * A result longer than the screen goes through $PAGER when one is set.
 */
#include <histedit.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/cli.h"
#include "client/result.h"
#include "client/script.h"

enum { HISTORY_LINES = 1000, WORDS_MAX = 4096, STATEMENT_BYTES_MAX = 1 << 20 };

static const char *const keywords[] = {
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "BETWEEN",
    "IS NULL",
    "AS",
    "DESC",
    "LAST",
    "EXPLAIN",
    "COUNT",
    "SUM",
    "AVG",
    "MIN",
    "MAX",
    "DISTINCT",
    "flows",
    "INTERVAL",
    "UNION ALL",
    "system.segments",
    "system.exporters",
    "system.columns",
    "system.queries",
    "time_bucket",
    "bytes",
    "packets",
    "duration",
    "bps",
    "pps",
    "host",
    "port",
};

struct shell {
    struct sl_cli *cli;
    EditLine *editor;
    History *history;
    char history_path[SL_PATH_BYTES_MAX];
    char *words[WORDS_MAX]; /* columns of the server, owned */
    unsigned word_count;
    bool is_vertical;
    bool has_failed;     /* a statement or command did */
    bool is_cancelled;   /* the last statement was, by Ctrl-C */
    bool is_continued;   /* the lines so far hold the begin of a statement */
    struct sl_buf lines; /* what was read and has not run */
};

static char *
prompt(EditLine *editor)
{
    static char first[] = "sluice> ";
    static char next[] = "     -> ";
    struct shell *shell = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &shell);
    return shell->is_continued ? next : first;
}

/* The names of the table's columns, for completion; without them completion knows keywords. */
static void
load_words(struct shell *shell)
{
    static const char text[] = "SELECT * FROM flows LIMIT 0";
    struct sl_result *result = NULL;
    struct sl_result_options options = {0};
    uint32_t count = 0;
    if (sl_result_start(shell->cli->connection, text, sizeof(text) - 1, &options, &result, NULL) !=
        SL_OK)
        return;
    const struct sl_wire_column *columns = sl_result_columns(result, &count);
    for (uint32_t i = 0; i < count && shell->word_count < WORDS_MAX; i++)
        shell->words[shell->word_count++] = sl_new_string(columns[i].name);
    sl_result_close(result);
}

static bool
is_blank(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

static bool
is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

/* Every word that completion knows, by number; NULL behind the last. */
static const char *
known_word(const struct shell *shell, unsigned number)
{
    if (number < shell->word_count)
        return shell->words[number];
    number -= shell->word_count;
    return number < SL_COUNTOF(keywords) ? keywords[number] : NULL;
}

/* Narrow `common` to what it shares with `word`; first match sets it. */
static void
share_prefix(const char *word, char *common, size_t common_bytes, unsigned *matches)
{
    if ((*matches)++ == 0) {
        (void)snprintf(common, common_bytes, "%s", word);
        return;
    }
    size_t shared = 0;
    while (common[shared] != '\0' && word[shared] == common[shared])
        shared++;
    common[shared] = '\0';
}

/* The choices, below the line that is being written. */
static void
list_matches(const struct shell *shell, const char *start, size_t start_bytes)
{
    const char *word;
    (void)fputs("\n", stdout);
    for (unsigned i = 0; (word = known_word(shell, i)) != NULL; i++)
        if (strncasecmp(word, start, start_bytes) == 0)
            printf("%s  ", word);
    (void)fputs("\n", stdout);
}

static unsigned char
complete(EditLine *editor, int key)
{
    struct shell *shell = NULL;
    char common[128] = "";
    const char *word;
    unsigned matches = 0;
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &shell);
    const LineInfo *line = el_line(editor);
    const char *start = line->cursor;
    while (start > line->buffer && is_word_char(start[-1]))
        start--;
    size_t start_bytes = (size_t)(line->cursor - start);
    if (start_bytes == 0)
        return CC_ERROR;
    for (unsigned i = 0; (word = known_word(shell, i)) != NULL; i++)
        if (strncasecmp(word, start, start_bytes) == 0)
            share_prefix(word, common, sizeof(common), &matches);
    if (matches == 0 || strlen(common) < start_bytes)
        return CC_ERROR;
    if (matches > 1 && strlen(common) == start_bytes) {
        list_matches(shell, start, start_bytes);
        return CC_REDISPLAY;
    }
    el_deletestr(editor, (int)start_bytes);
    return el_insertstr(editor, common) == 0 ? CC_REFRESH : CC_ERROR;
}

static void
show_help(void)
{
    (void)fputs("statements end with ;\n"
                "  \\h  this help         \\q  leave (also Ctrl-D)\n"
                "  \\s  status            \\x  one value a line, on and off\n"
                "  \\d  columns of flows  Tab completes, Ctrl-C stops a query\n",
                stdout);
}

/* Results go through $PAGER when standard output is a terminal and a pager is named. SL_CANCELLED
 * when Ctrl-C ended the statement. */
static sl_status
run_statement(struct shell *shell, const char *text, size_t text_bytes)
{
    struct sl_error err = {0};
    char summary[96] = "";
    const char *pager = isatty(STDOUT_FILENO) ? getenv("PAGER") : NULL;
    if (pager != NULL && is_blank(pager))
        pager = NULL;
    FILE *file = pager == NULL ? stdout : popen(pager, "w");
    enum sl_print_format format = shell->is_vertical ? SL_PRINT_VERTICAL : SL_PRINT_TABLE;
    sl_status st = sl_cli_run(shell->cli, text, text_bytes, format, file == NULL ? stdout : file,
                              summary, sizeof(summary), &err);
    bool is_left = pager != NULL && file != NULL && ferror(file) != 0;
    if (pager != NULL && file != NULL)
        (void)pclose(file);
    if (st == SL_OK)
        printf("%s\n", summary);
    else if (!is_left) /* who leaves the pager has seen enough */
        (void)sl_cli_complain(&err);
    shell->has_failed |= st != SL_OK && !is_left;
    if (st == SL_IO) {
        sl_connection_close(shell->cli->connection);
        shell->cli->connection = NULL; /* the next statement connects again */
    }
    return st;
}

/* True when the shell must end. */
static bool
run_own_command(struct shell *shell, const char *line)
{
    static const char columns[] = "SELECT name, type, text FROM system.columns";
    switch (line[1]) {
    case 'q':
        return true;
    case 'x':
        shell->is_vertical = !shell->is_vertical;
        printf("one value a line: %s\n", shell->is_vertical ? "on" : "off");
        return false;
    case 's':
        shell->has_failed |= sl_cli_status(shell->cli, 0, NULL) != 0;
        return false;
    case 'd':
        (void)run_statement(shell, columns, sizeof(columns) - 1);
        return false;
    default:
        show_help();
        return false;
    }
}

static void
forget_lines(struct shell *shell)
{
    sl_buf_clear(&shell->lines);
    shell->is_continued = false;
}

/* Run a statement, which history gets too. SL_CANCELLED as above. */
static sl_status
take_statement(struct shell *shell, const char *text, size_t text_bytes)
{
    HistEvent event;
    char *string = sl_new(text_bytes + 1); /* history takes one */
    memcpy(string, text, text_bytes);
    (void)history(shell->history, &event, H_ENTER, string);
    sl_status st = run_statement(shell, string, text_bytes);
    free(string);
    return st;
}

/* Run the statements that have ended, one after the other until one is cancelled, and keep what is
 * behind them. At the end of a script the last one needs no ';'. */
static void
run_lines(struct shell *shell, bool is_end)
{
    const char *text = (const char *)shell->lines.bytes;
    size_t left = shell->lines.size_bytes;
    struct sl_buf rest = sl_buf_empty(STATEMENT_BYTES_MAX);
    for (;;) {
        size_t start = sl_script_start(text, left);
        text += start;
        left -= start;
        size_t end = sl_script_end(text, left);
        if (end == 0 && is_end)
            end = left;
        if (end == 0)
            break;
        shell->is_cancelled = take_statement(shell, text, end) == SL_CANCELLED;
        text += end;
        left = shell->is_cancelled ? 0 : left - end;
    }
    sl_buf_append(&rest, text, left);
    sl_buf_fini(&shell->lines);
    shell->lines = rest;
    shell->is_continued = rest.size_bytes != 0;
}

static void
take_line(struct shell *shell, const char *line)
{
    sl_buf_text(&shell->lines, line);
    if (!shell->lines.bad) {
        run_lines(shell, false);
        return;
    }
    sl_cli_tell("", "the statement is too long");
    shell->has_failed = true;
    forget_lines(shell);
}

/* Ctrl-C drops what was written at a terminal, and ends a script. */
static void
read_lines(struct shell *shell)
{
    bool is_script = isatty(STDIN_FILENO) == 0;
    for (;;) {
        int count = 0;
        const char *line = el_gets(shell->editor, &count);
        bool is_interrupted = sl_cli_interrupted != 0; /* perhaps before there was a line to drop */
        bool is_end = line == NULL || count <= 0;
        sl_cli_interrupted = 0;
        if (is_end && is_interrupted) {
            forget_lines(shell);
            (void)fputs("\n", stdout);
        } else if (is_end) {
            break;
        } else if (shell->is_continued || line[0] != '\\') {
            take_line(shell, line);
        } else if (run_own_command(shell, line)) {
            return;
        }
        if (is_script && (is_interrupted || shell->is_cancelled)) {
            shell->has_failed = true;
            return;
        }
    }
    if (is_script && shell->is_continued)
        run_lines(shell, true);
}

static void
open_editor(struct shell *shell)
{
    HistEvent event;
    const char *home = getenv("HOME");
    shell->editor = el_init("sluice", stdin, stdout, stderr);
    shell->history = history_init();
    SL_ASSERT(shell->editor != NULL && shell->history != NULL);
    (void)history(shell->history, &event, H_SETSIZE, HISTORY_LINES);
    (void)history(shell->history, &event, H_SETUNIQUE, 1);
    (void)snprintf(shell->history_path, sizeof(shell->history_path), "%s/.sluice_history",
                   home == NULL ? "." : home);
    (void)history(shell->history, &event, H_LOAD, shell->history_path);
    (void)el_set(shell->editor, EL_CLIENTDATA, shell);
    (void)el_set(shell->editor, EL_PROMPT, prompt);
    (void)el_set(shell->editor, EL_EDITOR, "emacs");
    (void)el_set(shell->editor, EL_HIST, history, shell->history);
    (void)el_set(shell->editor, EL_ADDFN, "complete", "complete a name", complete);
    (void)el_set(shell->editor, EL_BIND, "^I", "complete", NULL);
    (void)el_source(shell->editor, NULL);
}

int
sl_shell_run(struct sl_cli *cli)
{
    struct sl_error err = {0};
    HistEvent event;
    if (sl_cli_connect(cli, &err) != SL_OK)
        return sl_cli_complain(&err);
    struct shell *shell = sl_new(sizeof(*shell));
    shell->cli = cli;
    shell->lines = sl_buf_empty(STATEMENT_BYTES_MAX);
    open_editor(shell);
    load_words(shell);
    if (isatty(STDIN_FILENO))
        printf("%s. Statements end with ; and \\h is for help.\n",
               sl_connection_server(cli->connection));
    read_lines(shell);
    (void)history(shell->history, &event, H_SAVE, shell->history_path);
    history_end(shell->history);
    el_end(shell->editor);
    sl_buf_fini(&shell->lines);
    for (unsigned i = 0; i < shell->word_count; i++)
        free(shell->words[i]);
    int status = shell->has_failed && isatty(STDIN_FILENO) == 0 ? 1 : sl_cli_finish();
    free(shell);
    return status;
}
