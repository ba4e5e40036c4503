// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -fw_cfg name=opt/...,file=F|string=S: the user's own items for the guest,
 * which Linux shows under /sys/firmware/qemu_fw_cfg. Added behind the board's,
 * whose names are taken.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dev/fw_cfg.h"
#include "mem.h"
#include "qopts.h"
#include "vm.h"

#define NAME_MAX_LEN	55
#define FILE_MAX	(256 * MiB)

u8 *vm_read_file(const char *path, u32 *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t size;
	ssize_t n;
	u8 *p = NULL;

	*len = 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		err_errno(err, errno, "can't load %s", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX) {
		err_set(err, EINVAL, "can't load %s: it is no file of at most 256 MiB", path);
		goto out;
	}
	size = (size_t)st.st_size;
	p = mem_alloc(MAX(size, (size_t)1));
	if (!p)
		err_set(err, ENOMEM, "out of memory");
	while (p && *len < size) {
		n = read(fd, p + *len, size - *len);
		if (n < 0)
			err_errno(err, errno, "can't load %s", path);
		if (n <= 0)
			break;
		*len += (u32)n;
	}
out:
	if (fd >= 0)
		close(fd);
	if (!err_is_set(err))
		return p;
	mem_free(p);
	return NULL;
}

static int add_item(struct vm *vm, const char *name, const char *file, const char *string, struct err *err)
{
	struct device *fw = pc_part(vm->pc, "fw_cfg");
	const void *data = string;
	u8 *loaded = NULL;
	u32 len = 0;
	int ret;

	if (strlen(name) > NAME_MAX_LEN)
		return err_set(err, EINVAL, "name too long (max. %u char)", NAME_MAX_LEN);
	if (string)
		len = (u32)strlen(string);	/* without its NUL */
	else if (!(data = loaded = vm_read_file(file, &len, err)))
		return -err->code;
	ret = fw_cfg_add_file(fw, name, data, len);
	mem_free(loaded);
	if (ret == -EEXIST)
		return err_set(err, EEXIST, "duplicate fw_cfg file name: %s", name);
	if (ret == -ENOSPC)
		return err_set(err, ENOSPC, "there is no room for more fw_cfg items");
	return ret < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int add_fw_cfg(struct vm *vm, const char *text, struct err *err)
{
	struct qopts *q = qopts_parse("-fw_cfg", text, "name", err);
	const char *name = NULL, *file = NULL, *string = NULL;

	if (!q)
		return -err->code;
	qopts_str(q, "name", &name, err);
	qopts_str(q, "file", &file, err);
	qopts_str(q, "string", &string, err);
	if (qopts_done(q, err) == 0) {
		if (!name || !name[0] || !file == !string)
			err_set(err, EINVAL, "name, plus exactly one of file and string, are needed");
		else
			add_item(vm, name, file, string, err);
		if (err_is_set(err))
			err_prefix(err, "-fw_cfg %s", text);
	}
	qopts_free(q);
	return -err->code;
}

int vm_add_fw_cfg(struct vm *vm, struct err *err)
{
	const struct opt_list *list = &vm->args->fw_cfg;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (add_fw_cfg(vm, list->v[i].val, err) < 0)
			return -err->code;
	return 0;
}
