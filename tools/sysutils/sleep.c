// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet sleep: waits for seconds, with fractions, or with m, h, d.
 */
#include <errno.h>
#include <time.h>
#include "str.h"
#include "util.h"

struct sleep_args {
	struct opt_list times;
};

static int sleep_run(void *p, const struct opt_call *call)
{
	struct sleep_args *args = p;
	u64 total = 0, ns;
	struct timespec ts;

	(void)call;
	for (size_t i = 0; i < args->times.n; i++) {
		if (str_to_ns(args->times.v[i].val, &ns) || add_overflows(total, ns, &total)) {
			errno = EINVAL;
			return util_fail(args->times.v[i].val);
		}
	}
	ts.tv_sec = total / 1000000000;
	ts.tv_nsec = total % 1000000000;
	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
	return 0;
}

#define A struct sleep_args
static const struct opt sleep_opts[] = {
	OPERAND_REST1("TIME", A, times, "seconds, or with a unit: 100ms, 0.5, 2m, 1h; several are added"),
	OPT_END
};
#undef A

static const struct opt_cmd sleep_cmd = {
	.name = "sleep", .summary = "wait", .opts = sleep_opts,
	.args_size = sizeof(struct sleep_args), .run = sleep_run,
};
static const struct applet sleep_applet = { .cmd = &sleep_cmd };
APPLET(sleep_applet);
