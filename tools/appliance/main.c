// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet appliance: builds bootable images around this binary: an initramfs,
 * a unified kernel image for EFI, or a disk image that firmware starts.
 */
#include "appliance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "applet.h"
#include "disk_format.h"
#include "mem.h"
#include "str.h"

/* What works of a PC's and a virtual machine's hardware; "?": when the kernel has it. */
#define DEFAULT_MODULES \
	"virtio_pci? virtio_blk? virtio_net? virtio_scsi? virtio_console? virtio_rng? " \
	"virtio_balloon? virtio_input? virtio_mmio? virtio_pmem? virtio_iommu? " \
	"9p? 9pnet_virtio? fuse? virtiofs? nvme? ahci? ata_piix? sd_mod? sr_mod? sg? " \
	"e1000? e1000e? 8139cp? tun? vhost_net? vsock? vmw_vsock_virtio_transport? " \
	"vsock_loopback? vhost_vsock? vsockmon? vsock_diag? button? evdev? atkbd? i8042? " \
	"psmouse? xhci_pci? ehci_pci? uhci_hcd? usb_storage? usbhid? hid_generic? " \
	"ext4? vfat? nls_ascii? nls_cp437? nls_utf8? isofs? overlay? squashfs? loop? nbd? " \
	"i6300esb? pvpanic_pci? qemu_fw_cfg? efivarfs? rtc_cmos? " \
	"af_packet? "

enum { TYPE_INITRAMFS, TYPE_UKI, TYPE_DISK };

struct appliance_args {
	int type, compress, format;
	const char *output, *kernel, *modules, *binary, *busybox, *stub, *cmdline, *hostname;
	const char *module_list, *more_modules, *load_list;
	u64 size;
	s64 epoch;
	struct opt_list add, link;
};

/* The parts of an image while it is made. */
struct image {
	const struct appliance_args *args;
	struct appliance a;
	struct bytes kernel;
	char release[128];
	struct tree tree;
	struct sink_buf initrd, uki;
};

static s64 epoch_of_environment(void)
{
	const char *s = getenv("SOURCE_DATE_EPOCH");
	u64 t;

	return s && !str_to_u64_range(s, 0, UINT32_MAX, &t) ? (s64)t : 0;
}

static void appliance_defaults(void *p)
{
	struct appliance_args *args = p;

	args->hostname = "vmbox";
	args->cmdline = "console=tty0 console=ttyS0";
	args->stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
	args->module_list = DEFAULT_MODULES;
	args->more_modules = args->load_list = "";
	args->epoch = epoch_of_environment();
}

/* "SOURCE[:NAME]" */
static int add_extra(struct image *im, const char *arg, struct err *err)
{
	const char *colon = strrchr(arg, ':');
	char *source = colon ? strndup(arg, colon - arg) : strdup(arg);
	const char *name = colon ? colon + 1 : arg;
	int rc;

	if (!source)
		return err_set(err, ENOMEM, "out of memory");
	rc = tree_host(&im->tree, source, name + strspn(name, "/"), err);
	free(source);
	return rc;
}

/* "NAME=TARGET" */
static int add_link(struct image *im, const char *arg, struct err *err)
{
	const char *eq = strchr(arg, '=');
	char *name;
	int rc;

	if (!eq || eq == arg)
		return err_set(err, EINVAL, "--link %s: not NAME=TARGET", arg);
	name = strndup(arg, eq - arg);
	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	rc = tree_slink(&im->tree, name, eq + 1, err);
	free(name);
	return rc;
}

static int build_tree(struct image *im, struct err *err)
{
	int rc = contents_add(&im->tree, &im->a, err);

	if (!rc && im->a.modules)
		rc = modules_add(&im->tree, &im->a, err);
	for (size_t i = 0; i < im->args->add.n && !rc; i++)
		rc = add_extra(im, im->args->add.v[i].val, err);
	for (size_t i = 0; i < im->args->link.n && !rc; i++)
		rc = add_link(im, im->args->link.v[i].val, err);
	return rc;
}

static int build_initrd(struct image *im, struct sink *out, struct err *err)
{
	struct sink *gz;
	int rc, end;

	if (!im->args->compress)
		return tree_cpio(&im->tree, im->a.mtime, out, err);
	gz = gzip_begin(out, err);
	if (!gz)
		return -ENOMEM;
	rc = tree_cpio(&im->tree, im->a.mtime, gz, err);
	end = gzip_end(gz, err);
	return rc ? rc : end;
}

static int build_uki(struct image *im, struct sink *out, struct err *err)
{
	static const char osrel[] = "NAME=vmbox\nID=vmbox\nPRETTY_NAME=\"vmbox appliance\"\n";
	struct bytes stub;
	int rc = file_read(im->a.stub, &stub, err);
	const struct uki_section sections[] = {
		{ ".osrel", osrel, sizeof(osrel) - 1 },
		{ ".uname", im->release, strlen(im->release) },
		{ ".cmdline", im->a.cmdline, strlen(im->a.cmdline) },
		{ ".initrd", im->initrd.data, im->initrd.len },
		/* Last: an older stub unpacks the kernel in place, which needs room behind it. */
		{ ".linux", im->kernel.data, im->kernel.len },
	};

	if (rc)
		return rc;
	rc = uki_write(&stub, sections, ARRAY_SIZE(sections), out, err);
	if (rc)
		err_prefix(err, "%s", im->a.stub);
	free(stub.data);
	return rc;
}

/* Makes what is asked for, the last layer into out. */
static int build(struct image *im, struct sink *out, struct err *err)
{
	int type = im->args->type;
	int rc = build_tree(im, err);

	if (!rc)
		rc = build_initrd(im, type == TYPE_INITRAMFS ? out : &im->initrd.sink, err);
	if (!rc && type != TYPE_INITRAMFS)
		rc = build_uki(im, type == TYPE_UKI ? out : &im->uki.sink, err);
	if (!rc && type == TYPE_DISK) {
		struct bytes uki = { im->uki.data, im->uki.len };

		rc = disk_write(&uki, im->a.hostname, im->args->size, im->a.mtime, out, err);
	}
	return rc;
}

static int read_kernel(struct image *im, struct err *err)
{
	const char *path = im->args->kernel;
	int rc;

	if (!path)
		return im->args->type == TYPE_INITRAMFS && !im->args->modules ? 0 :
		       err_set(err, EINVAL, "--kernel is needed for that");
	rc = file_read(path, &im->kernel, err);
	if (rc)
		return rc;
	rc = kernel_release(&im->kernel, im->release, err);
	return rc ? err_prefix(err, "%s", path) : 0;
}

/* Writes to a file beside the output, which takes its name when all is well. */
static int build_file(struct image *im, struct err *err)
{
	const char *output = im->args->output;
	char *temp = str_printf("%s.part", output);
	struct sink_fd out;
	int fd = temp ? open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1, rc;

	if (fd < 0) {
		rc = err_errno(err, temp ? errno : ENOMEM, "%s", output);
		goto out;
	}
	sink_fd_init(&out, fd, output);
	rc = build(im, &out.sink, err);
	if (!rc)
		rc = sink_fd_finish(&out, err);
	if (close(fd) && !rc)
		rc = err_errno(err, errno, "%s", output);
	if (!rc)
		rc = disk_format_finish(temp, output, im->args->format, err);
	if (rc)
		unlink(temp);
out:
	mem_free(temp);
	return rc;
}

static int build_output(struct image *im, struct err *err)
{
	struct sink_fd out;
	int rc;

	if (strcmp(im->args->output, "-"))
		return build_file(im, err);
	if (im->args->format)
		return err_set(err, EINVAL, "only raw images go to standard output");
	sink_fd_init(&out, STDOUT_FILENO, "standard output");
	rc = build(im, &out.sink, err);
	return rc ? rc : sink_fd_finish(&out, err);
}

static int appliance_run(void *p, const struct opt_call *call)
{
	struct appliance_args *args = p;
	struct image im = {
		.args = args,
		.a = {
			.kernel = args->kernel, .modules = args->modules, .binary = args->binary,
			.busybox = args->busybox, .stub = args->stub, .cmdline = args->cmdline,
			.hostname = args->hostname, .module_list = args->module_list,
			.more_modules = args->more_modules, .load_list = args->load_list, .mtime = args->epoch,
		},
	};
	struct err err = ERR_INIT;
	int rc;

	(void)call;
	im.a.release = im.release;
	sink_buf_init(&im.initrd);
	sink_buf_init(&im.uki);
	rc = read_kernel(&im, &err);
	if (!rc)
		rc = build_output(&im, &err);
	if (rc)
		err_report(&err);
	tree_free(&im.tree);
	free(im.kernel.data);
	free(im.initrd.data);
	free(im.uki.data);
	return rc ? 1 : 0;
}

static const char *const types[] = { "initramfs", "uki", "disk", NULL };
static const char *const compressions[] = { "none", "gzip", NULL };

#define A struct appliance_args
static const struct opt appliance_opts[] = {
	OPT_STR('o', "output", "FILE", A, output, "write the image to FILE, - is standard output",
		.flags = OPT_REQUIRED),
	OPT_CHOICE('t', "type", "TYPE", A, type, types,
		   "initramfs (a cpio archive, for -initrd), uki (a unified kernel image for EFI) or disk (a GPT disk image that EFI and BIOS firmware boot)"),
	OPT_CHOICE('O', "format", "FMT", A, format, disk_formats, "format of a disk image"),
	OPT_SIZE('s', "size", "SIZE", A, size, "size of the disk image; default: as small as can be"),
	OPT_CHOICE('z', "compress", "HOW", A, compress, compressions, "compression of the initramfs"),
	OPT_GROUP("Contents"),
	OPT_STR('k', "kernel", "FILE", A, kernel, "the kernel (vmlinuz)"),
	OPT_STR('m', "modules", "DIR", A, modules,
		"folder with the kernel's modules: lib/modules/RELEASE, or a tree that has it"),
	OPT_STR('b', "binary", "FILE", A, binary, "vmbox to put in; default: this one"),
	OPT_STR(0, "busybox", "FILE", A, busybox, "also put in this Busybox, with its links"),
	OPT_LIST('a', "add", "PATH[:NAME]", A, add, "also put in a file or folder, as NAME"),
	OPT_LIST(0, "link", "NAME=TARGET", A, link, "also put in a symbolic link"),
	OPT_STR(0, "module-list", "NAMES", A, module_list,
		"modules to put in, with what they need; NAME? may be missing. init loads those that the hardware asks for"),
	OPT_STR(0, "more-modules", "NAMES", A, more_modules, "modules to put in besides those"),
	OPT_STR(0, "load", "NAMES", A, load_list, "modules that init loads in any case"),
	OPT_STR(0, "hostname", "NAME", A, hostname, "name of the machine"),
	OPT_GROUP("EFI"),
	OPT_STR('c', "cmdline", "TEXT", A, cmdline, "the kernel's command line in a uki or disk"),
	OPT_STR(0, "stub", "FILE", A, stub, "systemd's EFI stub"),
	OPT_GROUP("Reproducible images"),
	OPT_INT(0, "epoch", "SECONDS", A, epoch,
		"time of all files, since 1970; default: SOURCE_DATE_EPOCH or 0",
		.i = { 0, UINT32_MAX }),
	OPT_END
};

static const struct opt_section appliance_sections[] = {
	{ "EXAMPLES",
	  "An initramfs to boot with a kernel:\n\n"
	  "\tvmbox appliance -k /boot/vmlinuz-6.1.0-56-cloud-amd64 -m / -o appliance.cpio\n"
	  "\tvmbox vm -kernel /boot/vmlinuz-6.1.0-56-cloud-amd64 -initrd appliance.cpio -append console=ttyS0 -nographic\n\n"
	  "A disk that EFI and BIOS firmware boot:\n\n"
	  "\tvmbox appliance -t disk -k /boot/vmlinuz -m / -o appliance.img" },
	{ "FILES",
	  "The image holds /bin/vmbox, a link to it for each applet, /init, the modules with their index, and a few files of /etc. "
	  "A file /etc/rc (put in with --add) is run by the shell at each start." },
	{ "SEE ALSO", "init, sh, vm" },
	{ NULL, NULL }
};

static const struct opt_cmd appliance_cmd = {
	.name = "appliance",
	.summary = "build bootable images around this binary",
	.description = "Builds an image that boots a Linux kernel with this binary as its only program: an initramfs, a unified kernel image for EFI, or a disk. "
		       "The same input gives the same image, bit for bit. No privileges and no other programs are needed.",
	.opts = appliance_opts,
	.sections = appliance_sections,
	.args_size = sizeof(A),
	.defaults = appliance_defaults,
	.run = appliance_run,
};
#undef A

static const struct applet appliance = { .cmd = &appliance_cmd };
APPLET(appliance);
