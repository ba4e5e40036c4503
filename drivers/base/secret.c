// SPDX-License-Identifier: GPL-2.0-or-later
/* -object secret: passwords of images, kept by the block graph (key-secret=ID). */
#include <errno.h>
#include "block/block.h"
#include "block/opts.h"
#include "dev/drive.h"
#include "dev/machine.h"
#include "dev/object.h"
#include "qopts.h"

static const char *const props[] = { "data", "file", "format", NULL };

static int secret_create(struct object *o, struct qopts *q, struct err *err)
{
	struct drives *ds = machine_service(o->machine, "drives");
	struct blk_opts opts = { 0 };
	size_t i;
	int ret = blk_opts_set(&opts, "id", o->id);

	for (i = 0; props[i] && ret == 0; i++) {
		const char *v = NULL;

		if (qopts_str(q, props[i], &v, err) < 0)
			ret = -err->code;
		else if (v)
			ret = blk_opts_set(&opts, props[i], v);
	}
	if (ret == 0)
		ret = ds ? blk_graph_add_secret(ds->graph, &opts, err) : -ENODEV;
	blk_opts_free(&opts);
	return ret < 0 ? err_set(err, -ret, "cannot add the secret") : 0;
}

static const struct object_class secret_class = {
	.name = "secret", .desc = "password of an encrypted image", .size = sizeof(struct object), .props = props,
	.create = secret_create,
};
REGISTER(object, secret_class);
