/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands create and kernel-args. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cellgen.h"
#include "create.h"
#include "mem.h"

struct create_args {
	const char *root, *out, *console, *hv, *name;
	u64 inmates, revision;
	bool quiet;
};
#define A struct create_args

static void defaults(void *args)
{
	A *a = args;

	a->root = "/";
	a->hv = "6M";
	a->inmates = 76 * MiB;
	a->name = "RootCell";
	a->revision = JH_REV_DEFAULT;
}

/* SIZE or SIZE@ADDRESS */
int cg_size_at(const char *text, const char *what, u64 *size, u64 *at, struct err *err)
{
	const char *mark = strchr(text, '@');
	char *first = mark ? str_ndup(text, mark - text) : str_dup(text);
	int ret = first ? str_to_size(first, 'b', size) : -ENOMEM;

	mem_free(first);
	*at = ~0ULL;
	if (!ret && mark)
		ret = str_to_size(mark + 1, 'b', at);
	return ret ? err_set(err, EINVAL, "%s: '%s' is no SIZE or SIZE@ADDRESS, such as 6M@0x3a000000", what, text) : 0;
}

static int check_opts(const A *a, struct create_opts *o, struct err *err)
{
	int ret = cg_size_at(a->hv, "--mem-hv", &o->hv_size, &o->hv_at, err);

	if (ret)
		return ret;
	if (o->hv_size < 1 * MiB || o->hv_size % JH_PAGE || a->inmates % JH_PAGE || o->hv_size > 64 * GiB || a->inmates > 64 * TiB)
		return err_set(err, EINVAL, "--mem-hv and --mem-inmates must be whole pages, the first at least 1 MiB");
	if (o->hv_at != ~0ULL && (o->hv_at % (2 * MiB) || o->hv_at > 1ULL << 48))
		return err_set(err, EINVAL, "--mem-hv: the address must be a multiple of 2 MiB");
	if (!jh_revision_known(a->revision))
		return err_set(err, EINVAL, "--revision: known are 10, 12, 13, 14 and 15");
	o->inmates = a->inmates;
	o->console = a->console;
	o->name = a->name;
	o->revision = a->revision;
	return 0;
}

static int create(void *args, const struct opt_call *call)
{
	struct err err = ERR_INIT;
	struct strbuf advice = STRBUF_INIT;
	struct create_opts o;
	struct machine *m;
	struct jh_config c;
	A *a = args;
	int ret;

	(void)call;
	if (check_opts(a, &o, &err) || !(m = machine_open(a->root, &err)))
		return cg_fail(&err);
	ret = create_system(&c, m, &o, &err);
	if (!ret) {
		kernel_args(&advice, &c, m, false);
		ret = jh_save(&c, a->out, NULL, &err);
		jh_config_free(&c);
	}
	if (!a->quiet && !ret)
		fprintf(stderr, "%s%s", m->notes->s, advice.s);
	strbuf_free(&advice);
	machine_close(m);
	return ret ? cg_fail(&err) : CG_OK;
}

static const struct opt create_opts_table[] = {
	OPT_STR('r', "root", "ROOT", A, root, "the machine: a folder or tar archive made by collect (default: /)", .complete = OPT_COMP_FILE),
	OPT_STR('c', "console", "TTY", A, console, "the hypervisor's console: a serial port as Linux names it, or none (default: the first, if there is one)"),
	OPT_STR(0, "mem-hv", "SIZE[@ADDR]", A, hv, "memory of the hypervisor (default: 6M)", .complete = OPT_COMP_NONE),
	OPT_SIZE(0, "mem-inmates", "SIZE", A, inmates, "memory for all other cells, behind the hypervisor's (default: 76M)"),
	OPT_STR('n', "name", "NAME", A, name, "name of the root cell", .complete = OPT_COMP_NONE),
	OPT_UINT('R', "revision", "N", A, revision, "revision of the format: 10, 12, 13, 14 or 15 (default: 14)", .u = { 10, 15 }),
	OPT_FLAG('q', "quiet", A, quiet, "no notes, and no advice for the kernel's command line"),
	OPERAND("FILE", A, out, "written as C source (.c), JSON (.json) or binary, by its name; '-': C on standard output"),
	OPT_END
};

const struct opt_cmd cellgen_cmd_create = {
	.name = "create", .summary = "make the configuration of a system from what the machine is",
	.description = "Reads the memory map, ports, PCI devices and ACPI tables (x86), or device tree or ACPI (arm, arm64), and "
	"gives all of it to the root cell, but for what the hypervisor must keep. Its memory is where memmap= of the kernel's command "
	"line or a node jailhouse below reserved-memory says, else at the top of RAM below 4 GiB; what the kernel must then be told is printed.",
	.opts = create_opts_table, .args_size = sizeof(A), .defaults = defaults, .run = create,
};
#undef A

struct kargs_args {
	const char *sys, *root;
	bool dt;
	int arch;
};
#define A struct kargs_args

static void kargs_defaults(void *args)
{
	((A *)args)->arch = -1;
}

/* Memory of the root cell that stands behind the hypervisor's: the pool of the other cells. */
static u64 pool_end(const struct jh_config *c)
{
	u64 end = jh_end(&c->sys.hv);

	for (u32 i = 0; i < c->cell.n[JH_MEM]; i++)
		if (jh_mems(&c->cell)[i].phys == jh_end(&c->sys.hv) && (jh_mems(&c->cell)[i].flags & JH_MEM_RWX) == JH_MEM_RWX)
			end = jh_end(&jh_mems(&c->cell)[i]);
	return end;
}

static void dt_node(struct strbuf *b, u64 at, u64 size)
{
	strbuf_printf(b, "/ {\n\treserved-memory {\n\t\t#address-cells = <2>;\n\t\t#size-cells = <2>;\n\t\tranges;\n\n"
		      "\t\tjailhouse@%llx {\n\t\t\treg = <0x%llx 0x%llx 0x%llx 0x%llx>;\n\t\t\tno-map;\n\t\t};\n\t};\n};\n",
		      at, at >> 32, at & 0xffffffff, size >> 32, size & 0xffffffff);
}

void kernel_args(struct strbuf *b, const struct jh_config *c, const struct machine *m, bool dt)
{
	u64 at = c->sys.hv.phys, size = pool_end(c) - at;

	if (dt) {
		dt_node(b, at, size);
		return;
	}
	if (m && !machine_ram_touches(m, at, size)) {
		strbuf_printf(b, "# 0x%llx bytes at 0x%llx are reserved already\n", size, at);
	} else if (c->arch == JH_X86) {
		strbuf_printf(b, "memmap=0x%llx$0x%llx", size, at);
		if (c->sys.iommu[0].base)
			strbuf_puts(b, c->sys.iommu[0].type == JH_IOMMU_AMD ? " amd_iommu=off" : " intel_iommu=off");
		strbuf_puts(b, "\n# in a boot loader's shell-like file (grub.cfg) the $ must be escaped: \\$, in /etc/default/grub \\\\\\$\n");
	} else {
		const struct io_range *ram = m ? io_find(&m->iomem, "System RAM") : NULL;

		if (ram && at > ram->start)
			strbuf_printf(b, "mem=%lluM\n# that ends RAM at 0x%llx, where the hypervisor begins; if there is more RAM above, reserve\n"
				      "# the range in the device tree instead (kernel-args --dt)\n", (at - ram->start) / MiB, at);
		else
			dt_node(b, at, size);
	}
}

static int kargs(void *args, const struct opt_call *call)
{
	struct strbuf b = STRBUF_INIT;
	struct err err = ERR_INIT;
	struct machine *m = NULL;
	struct jh_config c;
	A *a = args;

	(void)call;
	if (cg_load_kind(&c, a->sys, a->arch, true))
		return CG_USAGE;
	if (a->root && !(m = machine_open(a->root, &err))) {
		jh_config_free(&c);
		return cg_fail(&err);
	}
	kernel_args(&b, &c, m, a->dt);
	machine_close(m);
	jh_config_free(&c);
	return cg_print(&b);
}

static const struct opt kargs_opts[] = {
	OPT_STR('r', "root", "ROOT", A, root, "the machine: a folder or tar archive made by collect, or /", .complete = OPT_COMP_FILE),
	OPT_FLAG('d', "dt", A, dt, "as a node for the device tree"),
	OPT_ARCH(A, arch),
	OPERAND("SYSCONFIG", A, sys, "configuration of the system"),
	OPT_END
};

const struct opt_cmd cellgen_cmd_kernel_args = {
	.name = "kernel-args", .summary = "print what the kernel must be told to leave memory to hypervisor and cells",
	.opts = kargs_opts, .args_size = sizeof(A), .defaults = kargs_defaults, .run = kargs,
};
