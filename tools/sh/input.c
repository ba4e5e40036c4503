// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Input of the shell: a text, or a file or terminal that is read line by line.
 * A script on standard input must leave what follows the line to the commands
 * it runs, so it is read back to the end of the line, or byte by byte where
 * it cannot seek.
 */
#include "sh.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sh_input_append(struct sh_input *in, const char *s, size_t n)
{
	if (in->cap - in->len < n + 1) {
		in->cap = (in->len + n + 1) * 2;
		in->buf = sh_realloc(in->buf, in->cap);
	}
	memcpy(in->buf + in->len, s, n);
	in->len += n;
	in->buf[in->len] = '\0';
}

void sh_input_string(struct sh_input *in, const char *text)
{
	*in = (struct sh_input){ .fd = -1, .line = 1 };
	sh_input_append(in, text, strlen(text));
}

void sh_input_close(struct sh_input *in)
{
	free(in->buf);
	*in = (struct sh_input){ .fd = -1 };
}

/* A block, cut to the first line when others read from the same place. */
static int more_block(struct sh_input *in, bool shared)
{
	char buf[1024], *nl;
	ssize_t n = read(in->fd, buf, sizeof(buf));

	if (n <= 0)
		return 0;
	nl = shared ? memchr(buf, '\n', n) : NULL;
	if (nl && lseek(in->fd, nl + 1 - buf - n, SEEK_CUR) >= 0)
		n = nl + 1 - buf;
	sh_input_append(in, buf, n);
	return 1;
}

/*
 * Waits for a byte or ^C. The signal is let through only while we wait, or it
 * could come just before read() and not be seen until the next key.
 */
static bool wait_key(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	sigset_t sigint, old;
	int rc;

	sigemptyset(&sigint);
	sigaddset(&sigint, SIGINT);
	sigprocmask(SIG_BLOCK, &sigint, &old);
	do
		rc = sh_interrupt_pending() ? -1 : ppoll(&p, 1, NULL, &old);
	while (rc < 0 && errno == EINTR && !sh_interrupt_pending());
	sigprocmask(SIG_SETMASK, &old, NULL);
	return rc > 0;
}

static int more_bytes(struct sh_input *in, bool interactive)
{
	size_t start = in->len;
	char c;

	for (;;) {
		ssize_t n;

		if (interactive && !wait_key(in->fd))
			return 0;
		n = read(in->fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return in->len > start;
		sh_input_append(in, &c, 1);
		if (c == '\n')
			return 1;
	}
}

static const char *prompt(struct sh *sh, bool first)
{
	const char *ps = sh_var_get(sh, first ? "PS1" : "PS2");
	struct sh_parser p = { .sh = sh, .arena = &sh->work };
	struct sh_word *w = sh_lex_text(&p, ps ? ps : first ? "$ " : "> ");

	return *p.error || !w ? "$ " : sh_expand_string(sh, w);
}

static int more_terminal(struct sh *sh, struct sh_input *in, bool first)
{
	struct sh_mark mark = sh_arena_mark(&sh->work);
	int status = sh->status, rc;
	const char *ps;
	char *line;

	if (first)
		sh_jobs_poll(sh, true);
	ps = prompt(sh, first);
	sh->status = status;
	if (sh->edit) {
		rc = sh_edit_line(sh->edit, sh, ps, &line);
		if (rc > 0)
			sh_input_append(in, line, rc);
	} else {
		fputs(ps, stderr);
		fflush(stderr);
		rc = more_bytes(in, true);
		if (!rc && sh_interrupted())
			rc = -EINTR;
	}
	sh_arena_release(&sh->work, mark);
	if (rc == -EINTR) {
		sh->status = 130;
		sh->flow = FLOW_ABORT;
	}
	return rc > 0;
}

static int more_fd(struct sh *sh, struct sh_input *in, bool first)
{
	if (in->eof)
		return 0;
	if (sh->interactive && !sh->child)
		return more_terminal(sh, in, first);
	if (in->fd || lseek(in->fd, 0, SEEK_CUR) >= 0)
		return more_block(in, !in->fd);
	return more_bytes(in, false);
}

void sh_input_fd(struct sh *sh, struct sh_input *in, int fd)
{
	(void)sh;
	*in = (struct sh_input){ .fd = fd, .line = 1, .more = more_fd };
}
