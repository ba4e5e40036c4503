/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of applet sh, a shell after POSIX.1-2017 XCU chapter 2. The way of a
 * command: input.c lines -> lex.c words -> parse.c tree -> exec.c, which asks
 * expand.c for fields and redir.c for files, and runs functions, builtins,
 * applets of this binary, or programs. No globals: all hangs from struct sh,
 * but for the flags that signal handlers set.
 */
#ifndef VMBOX_TOOLS_SH_H
#define VMBOX_TOOLS_SH_H

#include <signal.h>
#include <stdio.h>
#include "err.h"
#include "str.h"

/* ---- memory (mem.c): a stack of blocks; all of it goes at once ---- */

struct sh_block;

struct sh_arena {
	struct sh_block *top;
	int refs;		/* of a parsed tree: the running one, and functions */
};

struct sh_mark {
	struct sh_block *top;
	size_t used;
};

/* Zeroed memory. Ends the process with status 2 when there is none. */
void *sh_alloc(struct sh_arena *a, size_t n);
char *sh_strndup(struct sh_arena *a, const char *s, size_t n);
struct sh_mark sh_arena_mark(const struct sh_arena *a);
void sh_arena_release(struct sh_arena *a, struct sh_mark m);
struct sh_arena *sh_arena_new(void);
void sh_arena_put(struct sh_arena *a);		/* frees with the last reference */
void *sh_realloc(void *p, size_t n);
char *sh_strdup(const char *s);

/* ---- the tree ---- */

enum sh_part_type { PART_TEXT, PART_PARAM, PART_COMMAND, PART_ARITH };

struct sh_part {
	struct sh_part *next;
	enum sh_part_type type;
	bool quoted;
	char *text;		/* PART_TEXT: itself; PART_PARAM: the name */
	char op;		/* PART_PARAM: 0 - = ? + # % L(ength) */
	bool colon, twice;	/* ":-"; "##", "%%" */
	struct sh_word *arg;	/* PART_PARAM's word; PART_ARITH's expression */
	struct sh_node *body;	/* PART_COMMAND; NULL: empty */
};

struct sh_word {
	struct sh_word *next;
	struct sh_part *parts;
};

enum sh_redir_type { REDIR_IN, REDIR_OUT, REDIR_APPEND, REDIR_CLOBBER, REDIR_RDWR,
		     REDIR_DUP, REDIR_HERE };

struct sh_redir {
	struct sh_redir *next;
	enum sh_redir_type type;
	int fd;
	struct sh_word *word;	/* REDIR_HERE: the text */
	/* while a here-document is being read: */
	char *delimiter;
	bool strip_tabs, literal;
};

enum sh_node_type {
	NODE_COMMAND, NODE_PIPE, NODE_NOT, NODE_AND, NODE_OR, NODE_SEQ, NODE_BACKGROUND,
	NODE_SUBSHELL, NODE_GROUP, NODE_IF, NODE_WHILE, NODE_UNTIL, NODE_FOR, NODE_CASE,
	NODE_FUNCTION,
};

struct sh_case {
	struct sh_case *next;
	struct sh_word *patterns;
	struct sh_node *body;
};

struct sh_node {
	enum sh_node_type type;
	struct sh_node *next;		/* NODE_PIPE: the chain of its commands */
	struct sh_node *left, *right, *other;	/* condition, body, else; or the two sides */
	struct sh_word *assigns, *words;
	struct sh_redir *redirs;
	struct sh_case *cases;
	char *name;			/* NODE_FOR's variable, NODE_FUNCTION's name */
	char *text;			/* of a background command or pipeline, for jobs */
	bool all_args;			/* NODE_FOR without "in" */
	unsigned line;
};

/* ---- input (input.c) ---- */

struct sh;

struct sh_input {
	char *buf;
	size_t len, pos, cap;
	unsigned line;
	int (*more)(struct sh *sh, struct sh_input *in, bool first); /* 1: appended, 0: the end */
	int fd;
	bool eof;
};

void sh_input_string(struct sh_input *in, const char *text);
/* A script or terminal, read line by line so that commands can read the rest. */
void sh_input_fd(struct sh *sh, struct sh_input *in, int fd);
void sh_input_append(struct sh_input *in, const char *s, size_t n);
void sh_input_close(struct sh_input *in);

/* ---- parser (lex.c, parse.c) ---- */

enum sh_token_type { TOK_EOF, TOK_NEWLINE, TOK_WORD, TOK_OP };

struct sh_token {
	enum sh_token_type type;
	char op[4];		/* TOK_OP: "&&", "<<-", ... */
	struct sh_word *word;
	const char *plain;	/* TOK_WORD without quotes and expansions */
	int io_number;		/* in front of a redirection; -1: none */
	size_t start;		/* place in the input */
};

struct sh_parser {
	struct sh *sh;
	struct sh_input *in;
	struct sh_arena *arena;
	struct sh_token tok;
	bool have_tok;
	bool first;		/* nothing of the command was read yet: the first prompt */
	struct sh_redir *here;	/* documents whose text comes with the next line */
	unsigned depth;
	char error[128];	/* empty: none */
};

/* Lexer, for the parser. */
struct sh_token *sh_peek(struct sh_parser *p);
void sh_next(struct sh_parser *p);
int sh_lex_peekc(struct sh_parser *p);
void sh_fail(struct sh_parser *p, const char *fmt, ...) __printf(2, 3);
/* The parts of a text that expands as in double quotes (here-documents, PS1). */
struct sh_word *sh_lex_text(struct sh_parser *p, const char *text);
/* The commands up to ")" of a substitution, the parenthesis included. */
struct sh_node *sh_parse_substitution(struct sh_parser *p);
bool sh_is_name(const char *s, size_t len);
/*
 * Reads one complete command line. *node is NULL for an empty one. Returns 1,
 * 0 at the end of the input, or -EINVAL with p->error set.
 */
int sh_parse(struct sh_parser *p, struct sh_node **node);

/* ---- state ---- */

enum { VAR_EXPORT = 1, VAR_READONLY = 2 };

struct sh_var {
	struct sh_var *next;
	char *name, *value;	/* value NULL: unset, but with flags or to be restored */
	unsigned flags;
};

struct sh_func {
	struct sh_func *next;
	char *name;
	struct sh_node *body;
	struct sh_arena *tree;	/* that body is in */
};

/* Variables that "local" hides until the function returns. */
struct sh_frame {
	struct sh_frame *up;
	struct sh_var *saved;
};

enum sh_flow { FLOW_NONE, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN, FLOW_EXIT, FLOW_ABORT };

struct sh_job {
	struct sh_job *next;
	int id;
	pid_t pgrp, *pids;
	int n_pids, n_left;
	int status;		/* of the last process */
	bool stopped, background, foreign;
	char *text;
};

#define SH_VAR_BUCKETS 64
#define SH_DEPTH_MAX 500	/* of nested commands, functions and substitutions */

/* Positional parameters that "set" made. They live until the function returns. */
struct sh_args {
	struct sh_args *up;
	char **v;
};

struct sh_edit;

struct sh {
	struct sh_var *vars[SH_VAR_BUCKETS];
	struct sh_func *funcs;
	struct sh_frame *frame;		/* NULL outside of functions */
	struct sh_arena work;		/* fields and scratch; released after each command */
	struct sh_arena *tree;		/* of the command that runs */
	char **args;			/* $1 ... */
	int n_args;
	struct sh_args *set_args;	/* made by "set", newest first */
	char *name;			/* $0 */
	int status;			/* $? */
	int substitution;		/* status of the last command substitution, -1: none */
	pid_t pid, last_background;
	enum sh_flow flow;
	int flow_count;			/* levels of break and continue left */
	int loops, depth;
	int tested;			/* > 0: inside of a condition, where -e is off */
	bool opt_e, opt_u, opt_x, opt_f, opt_n, opt_C, opt_a, opt_v, opt_m, interactive;
	bool child;			/* a subshell: no prompt, no jobs */
	struct sh_job *jobs;
	int tty;			/* terminal of the jobs, -1: none */
	pid_t pgrp;
	char *traps[NSIG];		/* 0: EXIT; "": ignored */
	bool in_trap;
	struct sh_edit *edit;		/* NULL: the terminal is dumb or there is none */
	int optind_char;		/* getopts: place inside of a cluster */
};

/* Prints "NAME: text" on stderr. */
void sh_warn(const struct sh *sh, const char *fmt, ...) __printf(2, 3);
/* As sh_warn(); a shell that is not interactive ends with that status. */
void sh_error(struct sh *sh, int status, const char *fmt, ...) __printf(3, 4);
/* Parses and runs all of in. Returns the last status. */
int sh_run_input(struct sh *sh, struct sh_input *in);
int sh_run_string(struct sh *sh, const char *text);
/* Runs the EXIT trap, once. */
void sh_at_exit(struct sh *sh);
void sh_free(struct sh *sh);

/* ---- variables (vars.c) ---- */

const char *sh_var_get(const struct sh *sh, const char *name);	/* NULL: unset */
/* Returns 0, or -EPERM (said) when it is read-only. value NULL: unset. */
int sh_var_set(struct sh *sh, const char *name, const char *value, unsigned flags);
/* Adds flags; makes the variable when it is not there, without a value. */
void sh_var_flag(struct sh *sh, const char *name, unsigned flags);
void sh_var_local(struct sh *sh, const char *name);
void sh_frame_pop(struct sh *sh);
/* The environment for a program, in the work arena. */
char **sh_var_environ(struct sh *sh);
void sh_var_print(struct sh *sh, const char *prefix, unsigned flags);
void sh_vars_import(struct sh *sh);
void sh_vars_free(struct sh *sh);
struct sh_func *sh_func_find(const struct sh *sh, const char *name);
void sh_func_set(struct sh *sh, const char *name, struct sh_node *body);
void sh_func_unset(struct sh *sh, const char *name);

/* ---- expansion (expand.c, param.c, arith.c); results are in the work arena ---- */

struct sh_fields {
	char **v;
	int n, cap;
};

void sh_fields_add(struct sh *sh, struct sh_fields *f, char *s);
/* Full expansion: fields, patterns of file names. Returns 0 or -1 (said). */
int sh_expand_words(struct sh *sh, const struct sh_word *w, struct sh_fields *out);
/* To one string, without splitting and file names (assignments, case, here-documents). */
char *sh_expand_string(struct sh *sh, const struct sh_word *w);
/* As sh_expand_string(), with quoted characters escaped: for fnmatch(). */
char *sh_expand_pattern(struct sh *sh, const struct sh_word *w);
/* Output of commands, newlines at its end removed. */
char *sh_substitute(struct sh *sh, struct sh_node *body);
/* 0 or -EINVAL (said). */
int sh_arith(struct sh *sh, const char *expr, long long *out);

/* A field on the way: a byte of text, and in mask where it came from. */
enum { MASK_PLAIN, MASK_QUOTED, MASK_SPLIT, MASK_BREAK };

struct sh_build {
	struct strbuf text, mask;
	bool quoted;		/* something quoted, perhaps empty: the field exists */
	bool split;		/* fields are wanted; else one string */
};

void sh_build_add(struct sh_build *b, const char *s, size_t n, char mask);
int sh_expand_parts(struct sh *sh, const struct sh_part *parts, struct sh_build *b,
		    bool quoted);
int sh_expand_param(struct sh *sh, const struct sh_part *p, struct sh_build *b);

/* ---- running (exec.c, redir.c, jobs.c) ---- */

enum { RUN_EXIT = 1 };		/* nothing comes after it: no need to fork */

int sh_exec(struct sh *sh, const struct sh_node *n, unsigned flags);
/* Forks with all that a child of the shell needs. job NULL: none of the jobs. */
pid_t sh_fork(struct sh *sh, struct sh_job *job, bool background);
int sh_exec_words(struct sh *sh, struct sh_fields *words, unsigned flags);
/* Replaces the process by a program or applet. Returns only a status when it cannot. */
int sh_exec_program(struct sh *sh, char **argv);

struct sh_saved {
	int fd, copy;		/* copy -1: fd was closed */
};

struct sh_saves {
	struct sh_saved v[16];
	int n;
};

/* Carries them out; saves NULL: for good. 0 or -1 (said); what was done is undone by restore. */
int sh_redirect(struct sh *sh, const struct sh_redir *r, struct sh_saves *saves);
void sh_redirect_undo(struct sh_saves *saves);

struct sh_job *sh_job_new(struct sh *sh, const char *text);
void sh_job_add(struct sh_job *job, pid_t pid);
/* Waits for a job in the foreground. Returns its status. */
int sh_job_wait(struct sh *sh, struct sh_job *job);
int sh_job_continue(struct sh *sh, struct sh_job *job, bool background);
struct sh_job *sh_job_find(struct sh *sh, const char *spec);	/* "%1", "%%", a pid, NULL */
void sh_job_free(struct sh *sh, struct sh_job *job);
/* Takes in what has ended; says so when interactive. */
void sh_jobs_poll(struct sh *sh, bool tell);
void sh_jobs_print(struct sh *sh, bool pids);
void sh_jobs_init(struct sh *sh);
void sh_jobs_forget(struct sh *sh);	/* in a child */

/* ---- signals (trap.c) ---- */

void sh_signals_init(struct sh *sh);
void sh_signals_child(struct sh *sh);
/* True after ^C while the shell itself was busy; clears it. */
bool sh_interrupted(void);
bool sh_interrupt_pending(void);
void sh_run_traps(struct sh *sh);
int sh_signal_number(const char *name);		/* -1: none */
const char *sh_signal_name(int sig);

/* ---- builtins (builtin.c, test.c, print.c, read.c) ---- */

typedef int sh_builtin_fn(struct sh *sh, int argc, char **argv);

struct sh_builtin {
	const char *name;
	sh_builtin_fn *run;
	bool special;		/* POSIX: an error ends the shell; assignments stay */
};

const struct sh_builtin *sh_builtin_find(const char *name);
const struct sh_builtin *sh_builtin_list(size_t *n);

sh_builtin_fn sh_cmd_test, sh_cmd_echo, sh_cmd_printf, sh_cmd_read, sh_cmd_getopts,
	      sh_cmd_trap, sh_cmd_kill, sh_cmd_jobs, sh_cmd_fg, sh_cmd_wait, sh_cmd_set;

/* Letters of the options that are on, for $-. */
void sh_option_letters(const struct sh *sh, char *out);
/* "-eu", "+x" at argv[0]; 0 or -1 (said). */
int sh_option_parse(struct sh *sh, const char *word);
/* "errexit"; 0 or -1 (said). */
int sh_option_long(struct sh *sh, const char *name, bool on);
/* Frees what "set" made since until. */
void sh_args_free(struct sh *sh, struct sh_args *until);
/* Searches PATH. NULL: not there; the path is in the work arena. */
char *sh_path_find(struct sh *sh, const char *name);

/* ---- line editor (edit.c, complete.c) ---- */

struct sh_edit *sh_edit_new(int fd);
void sh_edit_free(struct sh_edit *e);
/*
 * Reads a line with prompt. Returns its length with "\n" at the end in *line
 * (the editor's until the next call), 0 at ^D on an empty line or a closed
 * terminal, -EINTR at ^C.
 */
int sh_edit_line(struct sh_edit *e, struct sh *sh, const char *prompt, char **line);

/* Names that [word, word + len) may become; in the work arena, sorted. command: first word. */
void sh_complete(struct sh *sh, const char *word, size_t len, bool command,
		 struct sh_fields *out);

#endif
