// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running of the shell's trees (XCU 2.9). Every function returns the exit
 * status and leaves it in sh->status; after each step sh->flow says whether
 * to go on, or to what break, return, exit or an error leads.
 */
#include "sh.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "applet.h"

extern char **environ;

static int set_status(struct sh *sh, int status)
{
	return sh->status = status;
}

/* ---- programs ---- */

char *sh_path_find(struct sh *sh, const char *name)
{
	const char *path = sh_var_get(sh, "PATH");
	struct stat st;

	if (strchr(name, '/'))
		return sh_strndup(&sh->work, name, strlen(name));
	for (const char *p = path ? path : ""; *p; p += *p == ':') {
		size_t n = strcspn(p, ":");
		char *full = sh_alloc(&sh->work, n + strlen(name) + 3);

		sprintf(full, "%.*s/%s", (int)n, p, name);
		if (!n)
			strcpy(full, name);
		if (!stat(full, &st) && S_ISREG(st.st_mode) && !access(full, X_OK))
			return full;
		p += n;
	}
	return NULL;
}

static int count(char **argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

static int __noreturn run_applet(char **argv)
{
	int rc = applet_run(count(argv), argv);

	if (fflush(stdout) && !rc)
		rc = 1;
	_exit(rc);
}

/* A file that is no program: a script for us. */
static void run_script(struct sh *sh, char *path, char **argv)
{
	struct sh_fields f = { 0 };

	sh_fields_add(sh, &f, (char *)"sh");
	sh_fields_add(sh, &f, path);
	for (char **a = argv + 1; *a; a++)
		sh_fields_add(sh, &f, *a);
	sh_fields_add(sh, &f, NULL);
	run_applet(f.v);
}

int sh_exec_program(struct sh *sh, char **argv)
{
	char *path;

	environ = sh_var_environ(sh);
	fflush(NULL);
	if (!strchr(argv[0], '/') && applet_find(argv[0]))
		run_applet(argv);
	path = sh_path_find(sh, argv[0]);
	if (!path) {
		sh_warn(sh, "%s: not found", argv[0]);
		return 127;
	}
	execve(path, argv, environ);
	if (errno == ENOEXEC)
		run_script(sh, path, argv);
	sh_warn(sh, "%s: %s", argv[0], errno == EACCES ? "Permission denied" :
		errno == ENOENT ? "not found" : strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

/* ---- simple commands ---- */

static void trace(struct sh *sh, const struct sh_word *assigns, const struct sh_fields *f)
{
	const char *ps4 = sh_var_get(sh, "PS4");
	struct strbuf line = STRBUF_INIT;

	strbuf_puts(&line, ps4 ? ps4 : "+ ");
	for (const struct sh_word *w = assigns; w; w = w->next) {
		strbuf_puts(&line, sh_expand_string(sh, w));
		strbuf_puts(&line, w->next || f->n ? " " : "");
	}
	for (int i = 0; i < f->n; i++) {
		strbuf_puts(&line, i ? " " : "");
		strbuf_puts(&line, f->v[i]);
	}
	fprintf(stderr, "%s\n", line.s);
	strbuf_free(&line);
}

static int assign(struct sh *sh, const struct sh_word *assigns, unsigned flags, bool local)
{
	for (const struct sh_word *w = assigns; w; w = w->next) {
		char *s = sh_expand_string(sh, w);
		char *eq = strchr(s, '=');

		if (sh->flow >= FLOW_EXIT || !eq)
			return -1;
		*eq = '\0';
		if (local)
			sh_var_local(sh, s);
		if (sh_var_set(sh, s, eq + 1, flags))
			return -1;
	}
	return 0;
}

static int only_assign(struct sh *sh, const struct sh_node *n)
{
	struct sh_saves saves = { .n = 0 };
	int rc;

	sh->substitution = -1;
	rc = sh_redirect(sh, n->redirs, &saves);
	if (!rc)
		rc = assign(sh, n->assigns, 0, false);
	sh_redirect_undo(&saves);
	if (rc)
		return set_status(sh, sh->flow ? sh->status : 1);
	return set_status(sh, sh->substitution < 0 ? 0 : sh->substitution);
}

static int call_function(struct sh *sh, struct sh_func *f, struct sh_fields *words)
{
	struct sh_arena *tree = f->tree, *outer = sh->tree;
	struct sh_args *set_args = sh->set_args;
	char **args = sh->args;
	int n_args = sh->n_args, loops = sh->loops;

	if (sh->depth > SH_DEPTH_MAX) {
		sh_error(sh, 2, "%s: functions nested too deep", words->v[0]);
		return sh->status;
	}
	/* The function may be redefined while it runs: its tree must stay. */
	tree->refs++;
	sh->tree = tree;
	sh->args = words->v + 1;
	sh->n_args = words->n - 1;
	sh->loops = 0;
	sh->depth++;
	sh_exec(sh, f->body, 0);
	sh->depth--;
	sh->loops = loops;
	/* "set --" in the function changed its own arguments only. */
	sh_args_free(sh, set_args);
	sh->args = args;
	sh->n_args = n_args;
	sh->tree = outer;
	if (sh->flow == FLOW_RETURN)
		sh->flow = FLOW_NONE;
	sh_arena_put(tree);
	return sh->status;
}

/* A function or builtin: in this process, with assignments and files for its time only. */
static int run_inside(struct sh *sh, const struct sh_node *n, struct sh_fields *words,
		      struct sh_func *f, const struct sh_builtin *b)
{
	struct sh_frame frame = { .up = sh->frame };
	struct sh_saves saves = { .n = 0 };
	bool keep = b && b->special, exec = b && !strcmp(b->name, "exec");
	/* "local" in a builtin means the function around it. */
	bool framed = f || (n->assigns && !keep);
	int rc;

	rc = sh_redirect(sh, n->redirs, exec ? NULL : &saves);
	if (framed)
		sh->frame = &frame;
	if (!rc)
		rc = assign(sh, n->assigns, f || !keep ? VAR_EXPORT : 0, framed);
	if (rc) {
		set_status(sh, sh->flow ? sh->status : keep ? 2 : 1);
		if (keep && !sh->interactive && !sh->flow)
			sh->flow = FLOW_EXIT;
	} else if (f) {
		call_function(sh, f, words);
	} else {
		set_status(sh, b->run(sh, words->n, words->v));
		if (fflush(stdout)) {
			clearerr(stdout);
			if (!sh->status)
				set_status(sh, 1);
		}
	}
	if (framed)
		sh_frame_pop(sh);
	sh_redirect_undo(&saves);
	return sh->status;
}

static int run_outside(struct sh *sh, const struct sh_node *n, struct sh_fields *words,
		       unsigned flags)
{
	struct sh_job *job = NULL;
	pid_t pid = 0;

	if (!(flags & RUN_EXIT) || sh->traps[0]) {
		job = sh_job_new(sh, n->text);
		pid = sh_fork(sh, job, false);
	}
	if (!pid) {
		int rc = 1;

		if (!sh_redirect(sh, n->redirs, NULL) &&
		    !assign(sh, n->assigns, VAR_EXPORT, false))
			rc = sh_exec_program(sh, words->v);
		fflush(NULL);
		_exit(sh->flow ? sh->status : rc);
	}
	if (pid < 0) {
		sh_job_free(sh, job);
		return set_status(sh, 2);
	}
	return set_status(sh, sh_job_wait(sh, job));
}

int sh_exec_words(struct sh *sh, struct sh_fields *words, unsigned flags)
{
	const struct sh_builtin *b = sh_builtin_find(words->v[0]);
	struct sh_node n = { .type = NODE_COMMAND };

	return b ? run_inside(sh, &n, words, NULL, b) : run_outside(sh, &n, words, flags);
}

static int exec_command(struct sh *sh, const struct sh_node *n, unsigned flags)
{
	struct sh_fields words = { 0 };
	const struct sh_builtin *b;
	struct sh_func *f;

	sh->substitution = -1;
	if (sh_expand_words(sh, n->words, &words))
		return sh->flow ? sh->status : set_status(sh, 1);
	sh_fields_add(sh, &words, NULL);
	words.n--;
	if (sh->opt_x)
		trace(sh, n->assigns, &words);
	if (!words.n) {
		int substitution = sh->substitution, rc = only_assign(sh, n);

		/* $(false) alone: its status is the command's. */
		return !n->assigns && !rc && substitution > 0 ? set_status(sh, substitution) : rc;
	}
	b = sh_builtin_find(words.v[0]);
	f = b && b->special ? NULL : sh_func_find(sh, words.v[0]);
	if (f || b)
		return run_inside(sh, n, &words, f, f ? NULL : b);
	return run_outside(sh, n, &words, flags);
}

/* ---- compound commands ---- */

/* The end of a child of the shell. */
static void __noreturn child_end(struct sh *sh)
{
	sh_at_exit(sh);
	fflush(NULL);
	_exit(sh->status);
}

static int exec_pipe(struct sh *sh, const struct sh_node *n)
{
	struct sh_job *job = sh_job_new(sh, n->text);
	int in = -1, fds[2] = { -1, -1 };

	for (const struct sh_node *c = n->left; c; c = c->next) {
		pid_t pid;

		if (c->next && pipe(fds)) {
			sh_error(sh, 2, "pipe: %s", strerror(errno));
			break;
		}
		pid = sh_fork(sh, job, false);
		if (!pid) {
			if (in >= 0) {
				dup2(in, STDIN_FILENO);
				close(in);
			}
			if (c->next) {
				close(fds[0]);
				dup2(fds[1], STDOUT_FILENO);
				close(fds[1]);
			}
			sh_exec(sh, c, RUN_EXIT);
			child_end(sh);
		}
		if (in >= 0)
			close(in);
		if (c->next)
			close(fds[1]);
		in = c->next ? fds[0] : -1;
		if (pid < 0)
			break;
	}
	if (in >= 0)
		close(in);
	return set_status(sh, sh_job_wait(sh, job));
}

static int exec_background(struct sh *sh, const struct sh_node *n)
{
	struct sh_job *job = sh_job_new(sh, n->text);
	pid_t pid = sh_fork(sh, job, true);

	if (!pid) {
		sh_exec(sh, n->left, RUN_EXIT);
		child_end(sh);
	}
	if (pid < 0) {
		sh_job_free(sh, job);
		return set_status(sh, 2);
	}
	sh->last_background = pid;
	if (sh->interactive && !sh->child)
		fprintf(stderr, "[%d] %d\n", job->id, pid);
	return set_status(sh, 0);
}

static int exec_subshell(struct sh *sh, const struct sh_node *n, unsigned flags)
{
	struct sh_job *job = NULL;
	pid_t pid = 0;

	if (!(flags & RUN_EXIT) || sh->traps[0]) {
		job = sh_job_new(sh, n->text);
		pid = sh_fork(sh, job, false);
	}
	if (!pid) {
		if (sh_redirect(sh, n->redirs, NULL))
			set_status(sh, 1);
		else
			sh_exec(sh, n->left, RUN_EXIT);
		child_end(sh);
	}
	if (pid < 0) {
		sh_job_free(sh, job);
		return set_status(sh, 2);
	}
	return set_status(sh, sh_job_wait(sh, job));
}

static int exec_condition(struct sh *sh, const struct sh_node *n)
{
	int rc;

	sh->tested++;
	rc = sh_exec(sh, n, 0);
	sh->tested--;
	return rc;
}

/* Takes one level off a break or continue. True: this loop ends. */
static bool loop_ends(struct sh *sh)
{
	if (sh->flow != FLOW_BREAK && sh->flow != FLOW_CONTINUE)
		return sh->flow != FLOW_NONE;
	if (--sh->flow_count > 0)
		return true;
	if (sh->flow == FLOW_BREAK) {
		sh->flow = FLOW_NONE;
		return true;
	}
	sh->flow = FLOW_NONE;
	return false;
}

static int exec_while(struct sh *sh, const struct sh_node *n)
{
	int status = 0;

	sh->loops++;
	for (;;) {
		int cond = exec_condition(sh, n->left);

		if (sh->flow) {
			if (loop_ends(sh))
				break;
			continue;
		}
		if (!cond == (n->type == NODE_UNTIL))
			break;
		status = sh_exec(sh, n->right, 0);
		if (loop_ends(sh))
			break;
	}
	sh->loops--;
	return sh->flow == FLOW_NONE ? set_status(sh, status) : sh->status;
}

static int exec_for(struct sh *sh, const struct sh_node *n)
{
	struct sh_fields words = { 0 };
	int status = 0;

	if (n->all_args)
		for (int i = 0; i < sh->n_args; i++)
			sh_fields_add(sh, &words, sh_strndup(&sh->work, sh->args[i],
							     strlen(sh->args[i])));
	else if (sh_expand_words(sh, n->words, &words))
		return sh->flow ? sh->status : set_status(sh, 1);
	sh->loops++;
	for (int i = 0; i < words.n; i++) {
		if (sh_var_set(sh, n->name, words.v[i], 0))
			break;
		status = sh_exec(sh, n->right, 0);
		if (loop_ends(sh))
			break;
	}
	sh->loops--;
	return sh->flow == FLOW_NONE ? set_status(sh, status) : sh->status;
}

static int exec_case(struct sh *sh, const struct sh_node *n, unsigned flags)
{
	char *word = sh_expand_string(sh, n->words);

	if (sh->flow)
		return sh->status;
	set_status(sh, 0);
	for (const struct sh_case *c = n->cases; c; c = c->next)
		for (const struct sh_word *w = c->patterns; w; w = w->next) {
			const char *pattern = sh_expand_pattern(sh, w);

			if (sh->flow)
				return sh->status;
			if (!fnmatch(pattern, word, 0))
				return c->body ? sh_exec(sh, c->body, flags) : 0;
		}
	return 0;
}

static int exec_if(struct sh *sh, const struct sh_node *n, unsigned flags)
{
	int cond = exec_condition(sh, n->left);

	if (sh->flow)
		return sh->status;
	if (!cond)
		return sh_exec(sh, n->right, flags);
	return n->other ? sh_exec(sh, n->other, flags) : set_status(sh, 0);
}

static int exec_and_or(struct sh *sh, const struct sh_node *n, unsigned flags)
{
	int left = exec_condition(sh, n->left);

	if (sh->flow || !left != (n->type == NODE_AND))
		return left;
	return sh_exec(sh, n->right, flags);
}

static int exec_body(struct sh *sh, const struct sh_node *n, unsigned flags)
{
	switch (n->type) {
	case NODE_COMMAND:
		return exec_command(sh, n, flags);
	case NODE_PIPE:
		return exec_pipe(sh, n);
	case NODE_NOT:
		return set_status(sh, !exec_condition(sh, n->left));
	case NODE_AND:
	case NODE_OR:
		return exec_and_or(sh, n, flags);
	case NODE_BACKGROUND:
		return exec_background(sh, n);
	case NODE_SUBSHELL:
		return exec_subshell(sh, n, flags);
	case NODE_SEQ:
	case NODE_GROUP:
		return sh_exec(sh, n->left, flags);
	case NODE_IF:
		return exec_if(sh, n, flags);
	case NODE_WHILE:
	case NODE_UNTIL:
		return exec_while(sh, n);
	case NODE_FOR:
		return exec_for(sh, n);
	case NODE_CASE:
		return exec_case(sh, n, flags);
	case NODE_FUNCTION:
		sh_func_set(sh, n->name, n->left);
		return set_status(sh, 0);
	}
	return set_status(sh, 2);
}

/* Redirections of a compound command are for its time. */
static int exec_redirected(struct sh *sh, const struct sh_node *n, unsigned flags)
{
	struct sh_saves saves = { .n = 0 };

	if (!n->redirs || n->type == NODE_COMMAND || n->type == NODE_SUBSHELL)
		return exec_body(sh, n, flags);
	if (sh_redirect(sh, n->redirs, &saves))
		set_status(sh, 1);
	else
		exec_body(sh, n, flags & ~RUN_EXIT);
	fflush(stdout);
	sh_redirect_undo(&saves);
	return sh->status;
}

/* set -e: a command that fails where nobody asks ends the shell. */
static void check_errexit(struct sh *sh, const struct sh_node *n)
{
	bool simple = n->type == NODE_COMMAND || n->type == NODE_PIPE || n->type == NODE_SUBSHELL;

	if (sh->opt_e && simple && sh->status && !sh->tested && !sh->flow)
		sh->flow = FLOW_EXIT;
}

int sh_exec(struct sh *sh, const struct sh_node *n, unsigned flags)
{
	if (sh->depth > SH_DEPTH_MAX) {
		sh_error(sh, 2, "commands nested too deep");
		return sh->status;
	}
	sh->depth++;
	while (n && !sh->flow) {
		bool seq = n->type == NODE_SEQ;
		const struct sh_node *now = seq ? n->left : n;
		struct sh_mark mark = sh_arena_mark(&sh->work);

		sh_run_traps(sh);
		if (sh->flow || sh->opt_n)
			break;
		exec_redirected(sh, now, seq ? 0 : flags);
		check_errexit(sh, now);
		sh_arena_release(&sh->work, mark);
		sh_run_traps(sh);
		n = seq ? n->right : NULL;
	}
	sh->depth--;
	return sh->status;
}
