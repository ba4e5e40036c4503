// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Redirections (XCU 2.7). What a descriptor was is kept above 9 while a
 * builtin, function or compound command runs, and put back behind it.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(struct sh *sh, const struct sh_redir *r, const char *name)
{
	int flags = r->type == REDIR_IN ? O_RDONLY : r->type == REDIR_RDWR ? O_RDWR | O_CREAT :
		    O_WRONLY | O_CREAT | (r->type == REDIR_APPEND ? O_APPEND : O_TRUNC);
	struct stat st;
	int fd;

	if (sh->opt_C && r->type == REDIR_OUT && !stat(name, &st) && S_ISREG(st.st_mode)) {
		sh_warn(sh, "cannot create %s: file exists", name);
		return -1;
	}
	do
		fd = open(name, flags | O_CLOEXEC, 0666);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		sh_warn(sh, "cannot %s %s: %s", r->type == REDIR_IN ? "open" : "create", name,
			errno == ENOENT ? "no such file or directory" : strerror(errno));
	return fd;
}

/* A here-document is a file in memory: no process, and no limit as a pipe has. */
static int open_here(struct sh *sh, const char *text)
{
	size_t left = strlen(text);
	int fd = memfd_create("here-document", MFD_CLOEXEC);

	while (fd >= 0 && left) {
		ssize_t n = write(fd, text, left);

		if (n < 0) {
			close(fd);
			fd = -1;
			break;
		}
		text += n;
		left -= n;
	}
	if (fd < 0)
		sh_warn(sh, "here-document: %s", strerror(errno));
	else
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static int save(struct sh *sh, int fd, struct sh_saves *saves)
{
	struct sh_saved *s;

	for (int i = 0; i < saves->n; i++)
		if (saves->v[i].fd == fd)
			return 0;
	if (saves->n == ARRAY_SIZE(saves->v)) {
		sh_warn(sh, "too many redirections");
		return -1;
	}
	s = &saves->v[saves->n++];
	s->fd = fd;
	s->copy = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	return 0;
}

/* "2>&1", "<&-" */
static int duplicate(struct sh *sh, const struct sh_redir *r, const char *word)
{
	u64 from;

	if (!strcmp(word, "-")) {
		close(r->fd);
		return 0;
	}
	if (str_to_u64_range(word, 0, 1023, &from)) {
		sh_warn(sh, "%s: bad descriptor", word);
		return -1;
	}
	/* Onto itself dup2() would say nothing of a closed one. */
	if (fcntl(from, F_GETFD) < 0 || ((int)from != r->fd && dup2(from, r->fd) < 0)) {
		sh_warn(sh, "%s: %s", word, strerror(errno));
		return -1;
	}
	if ((int)from == r->fd)
		fcntl(r->fd, F_SETFD, 0);
	return 0;
}

static int redirect_one(struct sh *sh, const struct sh_redir *r, struct sh_saves *saves)
{
	char *word = sh_expand_string(sh, r->word);
	int fd;

	if (sh->flow >= FLOW_EXIT || (saves && save(sh, r->fd, saves)))
		return -1;
	if (r->type == REDIR_DUP)
		return duplicate(sh, r, word);
	fd = r->type == REDIR_HERE ? open_here(sh, word) : open_file(sh, r, word);
	if (fd < 0)
		return -1;
	if (fd == r->fd) {
		fcntl(fd, F_SETFD, 0);
		return 0;
	}
	if (dup2(fd, r->fd) < 0) {
		sh_warn(sh, "%d: %s", r->fd, strerror(errno));
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

int sh_redirect(struct sh *sh, const struct sh_redir *r, struct sh_saves *saves)
{
	if (r)
		fflush(stdout);
	for (; r; r = r->next)
		if (redirect_one(sh, r, saves))
			return -1;
	return 0;
}

void sh_redirect_undo(struct sh_saves *saves)
{
	if (saves->n)
		fflush(stdout);
	while (saves->n) {
		struct sh_saved *s = &saves->v[--saves->n];

		if (s->copy < 0) {
			close(s->fd);
		} else {
			dup2(s->copy, s->fd);
			close(s->copy);
		}
	}
}
