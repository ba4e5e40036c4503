# SPDX-License-Identifier: GPL-2.0-or-later
# libslirp: the user-mode network (-netdev user). It wants GLib for some thirty
# small things, all of which the header below has; a static GLib would bring
# PCRE2 and libffi and a megabyte for them. What it leaves out is g_spawn_*():
# guestfwd to a command fails, and vm refuses the option.
package=libslirp

build() {
	mkdir shim
	cat >shim/glib.h <<'END'
#ifndef SLIRP_GLIB_SHIM_H
#define SLIRP_GLIB_SHIM_H
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/random.h>

typedef int gboolean, gint;
typedef unsigned guint;
typedef char gchar;
typedef void *gpointer;
typedef size_t gsize;
typedef ssize_t gssize;
typedef gchar **GStrv;
typedef int GPid, GSpawnFlags;
typedef void (*GSpawnChildSetupFunc)(gpointer);
typedef struct { int code; char *message; } GError;
typedef struct { const gchar *key; guint value; } GDebugKey;
typedef struct { char *str; size_t len; } GString;
typedef struct { int unused; } GRand;
#define TRUE 1
#define FALSE 0
#define G_LITTLE_ENDIAN 1234
#define G_BIG_ENDIAN 4321
#define G_BYTE_ORDER G_LITTLE_ENDIAN
#define GLIB_SIZEOF_VOID_P __SIZEOF_POINTER__
#define GLIB_CHECK_VERSION(a, b, c) 1
#define G_OS_UNIX 1
#define G_SPAWN_SEARCH_PATH 4
#define G_N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define G_SIZEOF_MEMBER(s, m) sizeof(((s *)0)->m)
#define G_STATIC_ASSERT(e) _Static_assert(e, #e)
#define G_UNLIKELY(e) __builtin_expect(!!(e), 0)
#define G_LIKELY(e) __builtin_expect(!!(e), 1)
#define G_GNUC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif
#define GINT16_TO_BE(x) ((int16_t)__builtin_bswap16((uint16_t)(x)))
#define GUINT16_TO_BE(x) __builtin_bswap16(x)
#define GUINT32_TO_BE(x) __builtin_bswap32(x)
#define GINT32_TO_BE(x) ((int32_t)__builtin_bswap32((uint32_t)(x)))
#define GINT16_FROM_BE GINT16_TO_BE
#define GUINT16_FROM_BE GUINT16_TO_BE
#define GINT32_FROM_BE GINT32_TO_BE
#define GUINT32_FROM_BE GUINT32_TO_BE

/* A guest can provoke messages: a hundred are enough. */
static inline void shim_log(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
static inline void shim_log(const char *fmt, ...)
{
	static int said;
	va_list ap;

	if (__atomic_fetch_add(&said, said < 100, __ATOMIC_RELAXED) >= 100)
		return;
	va_start(ap, fmt);
	fputs("slirp: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}
#define g_debug(...) do { if (0) printf(__VA_ARGS__); } while (0)
#define g_warning(...) shim_log(__VA_ARGS__)
#define g_critical(...) shim_log(__VA_ARGS__)
#define g_error(...) do { shim_log(__VA_ARGS__); abort(); } while (0)
#define g_assert(e) do { if (!(e)) g_error("%s:%d: %s", __FILE__, __LINE__, #e); } while (0)
#define g_assert_not_reached() g_error("%s:%d", __FILE__, __LINE__)
#define g_warn_if_reached() shim_log("%s:%d", __FILE__, __LINE__)
#define g_warn_if_fail(e) do { if (!(e)) shim_log("%s:%d: %s", __FILE__, __LINE__, #e); } while (0)
#define g_return_if_fail(e) do { if (!(e)) { shim_log("%s: %s", __func__, #e); return; } } while (0)
#define g_return_val_if_fail(e, v) do { if (!(e)) { shim_log("%s: %s", __func__, #e); return v; } } while (0)

static inline void *shim_need(void *p)
{
	if (!p)
		g_error("out of memory");
	return p;
}
#define g_malloc(n) shim_need(malloc((n) ? (n) : 1))
#define g_malloc0(n) shim_need(calloc(1, (n) ? (n) : 1))
#define g_realloc(p, n) shim_need(realloc(p, (n) ? (n) : 1))
#define g_new(t, n) ((t *)shim_need(calloc((n) ? (n) : 1, sizeof(t))))
#define g_new0(t, n) g_new(t, n)
#define g_free(p) free((void *)(p))
#define g_strdup(s) ((s) ? (char *)shim_need(strdup(s)) : NULL)
#define g_snprintf snprintf
#define g_vsnprintf vsnprintf
#define g_strerror strerror
#define g_getenv(n) ((const char *)NULL)
#define g_parse_debug_string(s, k, n) ((void)(k), 0)
#define g_str_has_prefix(s, p) (!strncmp(s, p, strlen(p)))
#define g_strstr_len(h, n, s) ((n) < 0 ? strstr(h, s) : (char *)memmem(h, strnlen(h, (size_t)(n)), s, strlen(s)))
#define g_strlcpy strlcpy
#define g_ascii_strcasecmp strcasecmp

static inline guint g_strv_length(GStrv v)
{
	guint n = 0;

	while (v[n])
		n++;
	return n;
}

static inline void g_strfreev(GStrv v)
{
	GStrv p = v;

	while (p && *p)
		free(*p++);
	free(v);
}

static inline GString *g_string_new(const char *s)
{
	GString *g = g_new(GString, 1);

	g->str = g_strdup(s ? s : "");
	g->len = strlen(g->str);
	return g;
}

static inline void g_string_append_printf(GString *g, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static inline void g_string_append_printf(GString *g, const char *fmt, ...)
{
	char *add;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&add, fmt, ap);
	va_end(ap);
	if (n < 0)
		g_error("out of memory");
	g->str = g_realloc(g->str, g->len + (size_t)n + 1);
	memcpy(g->str + g->len, add, (size_t)n + 1);
	g->len += (size_t)n;
	free(add);
}

static inline char *g_string_free(GString *g, gboolean all)
{
	char *s = g->str;

	free(g);
	if (!all)
		return s;
	free(s);
	return NULL;
}

static inline GRand *g_rand_new(void) { return g_new(GRand, 1); }
#define g_rand_free(r) free(r)
static inline int g_rand_int_range(GRand *r, int from, int to)
{
	uint32_t v = 0;

	(void)r;
	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		v = 0;
	return from + (int)(v % (uint32_t)(to - from));
}

static inline gboolean g_shell_parse_argv(const char *s, int *n, char ***v, GError **e)
{
	static GError error = { 1, (char *)"no commands here" };

	(void)s; (void)n; (void)v;
	*e = &error;
	return FALSE;
}
#define g_error_free(e) ((void)(e))
static inline gboolean g_spawn_async_with_fds(const char *wd, ...) { (void)wd; return FALSE; }
#endif
END
	sed 's/@SLIRP_MAJOR_VERSION@/4/; s/@SLIRP_MINOR_VERSION@/7/; s/@SLIRP_MICRO_VERSION@/0/; s/@SLIRP_VERSION_STRING@/"4.7.0"/' \
		src/libslirp-version.h.in >src/libslirp-version.h
	for f in src/*.c; do
		$CC $CPPFLAGS $CFLAGS -D_GNU_SOURCE -DG_LOG_DOMAIN='"Slirp"' -Wno-unused -Werror=implicit-function-declaration -Ishim -Isrc -c "$f" -o "${f%.c}.o"
	done
	$AR rcs libslirp.a src/*.o
	mkdir -p "$prefix/include/slirp"
	cp libslirp.a "$prefix/lib/"
	cp src/libslirp.h src/libslirp-version.h "$prefix/include/slirp/"
}
