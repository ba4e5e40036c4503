// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -smbios: structures out of files, and fields of those that the board makes.
 * Values of type 11 may come several times, so the text is read item by item
 * here and not as a tree of keys. The messages are QEMU's.
 */
#include <stddef.h>
#include <string.h>
#include "machine/smbios.h"
#include "mem.h"
#include "vm.h"

enum kind { TEXT, BOOL, RELEASE, UUID, MHZ, MTS, ID, OEM, OEM_FILE, DESIGNATION, KIND, INSTANCE, PCIDEV };

/* where: the text's enum smbios_text, or the offset of a number in struct smbios_conf. */
static const struct field {
	u8 type;
	const char *key;
	enum kind kind;
	size_t where;
} fields[] = {
	{ 0, "vendor", TEXT, SMBIOS_BIOS_VENDOR }, { 0, "version", TEXT, SMBIOS_BIOS_VERSION },
	{ 0, "date", TEXT, SMBIOS_BIOS_DATE }, { 0, "release", RELEASE, 0 }, { 0, "uefi", BOOL, 0 },
	{ 1, "manufacturer", TEXT, SMBIOS_SYSTEM_MANUFACTURER }, { 1, "product", TEXT, SMBIOS_SYSTEM_PRODUCT },
	{ 1, "version", TEXT, SMBIOS_SYSTEM_VERSION }, { 1, "serial", TEXT, SMBIOS_SYSTEM_SERIAL }, { 1, "uuid", UUID, 0 },
	{ 1, "sku", TEXT, SMBIOS_SYSTEM_SKU }, { 1, "family", TEXT, SMBIOS_SYSTEM_FAMILY },
	{ 2, "manufacturer", TEXT, SMBIOS_BOARD_MANUFACTURER }, { 2, "product", TEXT, SMBIOS_BOARD_PRODUCT },
	{ 2, "version", TEXT, SMBIOS_BOARD_VERSION }, { 2, "serial", TEXT, SMBIOS_BOARD_SERIAL },
	{ 2, "asset", TEXT, SMBIOS_BOARD_ASSET }, { 2, "location", TEXT, SMBIOS_BOARD_LOCATION },
	{ 3, "manufacturer", TEXT, SMBIOS_CHASSIS_MANUFACTURER }, { 3, "version", TEXT, SMBIOS_CHASSIS_VERSION },
	{ 3, "serial", TEXT, SMBIOS_CHASSIS_SERIAL }, { 3, "asset", TEXT, SMBIOS_CHASSIS_ASSET },
	{ 3, "sku", TEXT, SMBIOS_CHASSIS_SKU },
	{ 4, "sock_pfx", TEXT, SMBIOS_CPU_SOCKET }, { 4, "manufacturer", TEXT, SMBIOS_CPU_MANUFACTURER },
	{ 4, "version", TEXT, SMBIOS_CPU_VERSION }, { 4, "serial", TEXT, SMBIOS_CPU_SERIAL },
	{ 4, "asset", TEXT, SMBIOS_CPU_ASSET }, { 4, "part", TEXT, SMBIOS_CPU_PART },
	{ 4, "max-speed", MHZ, offsetof(struct smbios_conf, max_mhz) },
	{ 4, "current-speed", MHZ, offsetof(struct smbios_conf, current_mhz) }, { 4, "processor-id", ID, 0 },
	{ 11, "value", OEM, 0 }, { 11, "path", OEM_FILE, 0 },
	{ 17, "loc_pfx", TEXT, SMBIOS_MEMORY_LOCATOR }, { 17, "bank", TEXT, SMBIOS_MEMORY_BANK },
	{ 17, "manufacturer", TEXT, SMBIOS_MEMORY_MANUFACTURER }, { 17, "serial", TEXT, SMBIOS_MEMORY_SERIAL },
	{ 17, "asset", TEXT, SMBIOS_MEMORY_ASSET }, { 17, "part", TEXT, SMBIOS_MEMORY_PART }, { 17, "speed", MTS, 0 },
	{ 41, "designation", DESIGNATION, 0 }, { 41, "kind", KIND, 0 }, { 41, "instance", INSTANCE, 0 },
	{ 41, "pcidev", PCIDEV, 0 },
};

static void free_conf(struct smbios_conf *c)
{
	unsigned i;

	for (i = 0; i < SMBIOS_TEXTS; i++)
		mem_free(c->text[i]);
	for (i = 0; i < c->noem; i++)
		mem_free(c->oem[i]);
	for (i = 0; i < c->nonboard; i++) {
		mem_free(c->onboard[i].designation);
		mem_free(c->onboard[i].pcidev);
	}
	strbuf_free(&c->files);
}

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static int set_text(char **to, const char *val, struct err *err)
{
	mem_free(*to);
	*to = str_dup(val);
	return *to ? 0 : no_memory(err);
}

static int get_number(const char *key, const char *val, u64 *n, struct err *err)
{
	return str_to_u64(val, 0, n) < 0 ? err_set(err, EINVAL, "Parameter '%s' expects a number", key) : 0;
}

/* Of at most 16 bits. */
static int get_u16(const char *key, const char *val, u16 *to, const char *what, struct err *err)
{
	u64 n;

	if (get_number(key, val, &n, err) < 0)
		return -err->code;
	if (n > 0xffff)
		return err_set(err, EINVAL, "SMBIOS %s is too large (> 65535)", what);
	*to = (u16)n;
	return 0;
}

static int get_release(struct smbios_conf *c, const char *val, struct err *err)
{
	const char *end;
	u64 major, minor;

	if (str_scan_u64(val, 10, &end, &major) < 0 || *end != '.' || str_to_u64(end + 1, 10, &minor) < 0 || major > 255 ||
	    minor > 255)
		return err_set(err, EINVAL, "Invalid release");
	c->release_major = (u8)major;
	c->release_minor = (u8)minor;
	return 0;
}

static int add_oem(struct smbios_conf *c, char *text, struct err *err)
{
	if (!text || c->noem == SMBIOS_OEM_MAX) {
		mem_free(text);
		return text ? err_set(err, E2BIG, "at most %u OEM strings", SMBIOS_OEM_MAX) : no_memory(err);
	}
	c->oem[c->noem++] = text;
	return 0;
}

static int add_oem_file(struct smbios_conf *c, const char *path, struct err *err)
{
	struct err why = ERR_INIT;
	u32 len;
	u8 *data = vm_read_file(path, &len, &why);
	char *text;

	if (!data)
		return err_set(err, why.code, "Could not open '%s': %s", path, strerror(why.code));
	if (memchr(data, 0, len)) {
		mem_free(data);
		return err_set(err, EINVAL, "NUL in OEM strings value in %s", path);
	}
	text = str_ndup((char *)data, len);
	mem_free(data);
	return add_oem(c, text, err);
}

static int get_kind(struct smbios_onboard *o, const char *val, struct err *err)
{
	static const char *const kinds[] = {
		"other", "unknown", "video", "scsi", "ethernet", "tokenring", "sound", "pata", "sata", "sas", NULL,
	};
	int n = str_to_index(val, kinds);

	if (n < 0)
		return err_set(err, EINVAL, "invalid parameter value: %s", val);
	o->kind = (u8)(n + 1);
	return 0;
}

static int set_field(struct vm *vm, struct smbios_conf *c, const struct field *f, const char *val, struct err *err)
{
	struct smbios_onboard *o = c->nonboard ? &c->onboard[c->nonboard - 1] : NULL;

	switch (f->kind) {
	case TEXT: return set_text(&c->text[f->where], val, err);
	case BOOL: return str_to_bool(val, &c->uefi) < 0 ? err_set(err, EINVAL, "Parameter '%s' expects 'on' or 'off'", f->key) : 0;
	case RELEASE: return get_release(c, val, err);
	case UUID:
		vm->cfg.has_uuid = true;
		return vm_uuid_parse(val, vm->cfg.uuid) < 0 ? err_set(err, EINVAL, "Invalid UUID") : 0;
	case MHZ: return get_u16(f->key, val, (u16 *)(void *)((char *)c + f->where), "CPU speed", err);
	case MTS: return get_u16(f->key, val, &c->memory_mts, "memory speed", err);
	case ID: return get_number(f->key, val, &c->processor_id, err);
	case OEM: return add_oem(c, str_dup(val), err);
	case OEM_FILE: return add_oem_file(c, val, err);
	case DESIGNATION: return set_text(&o->designation, val, err);
	case KIND: return get_kind(o, val, err);
	case INSTANCE: return get_u16(f->key, val, &o->instance, "device instance", err);
	default: return set_text(&o->pcidev, val, err);
	}
}

/* The next of key=value,...: ",," is a comma, a bare word is on. False: no more. The texts live in item. */
static bool next_item(const char **text, struct strbuf *item, const char **key, const char **val)
{
	const char *p = *text;
	char *eq;

	if (!*p)
		return false;
	strbuf_reset(item);
	for (; *p && (*p != ',' || p[1] == ','); p++) {
		strbuf_putc(item, *p);
		p += *p == ',';
	}
	*text = *p ? p + 1 : p;
	eq = strchr(item->s, '=');
	if (eq)
		*eq = 0;
	*key = item->s;
	*val = eq ? eq + 1 : "on";
	return true;
}

/* The last value of that key, in out. False: there is none. */
static bool find_item(const char *text, const char *wanted, struct strbuf *out)
{
	struct strbuf item = STRBUF_INIT;
	const char *key, *val;
	bool found = false;

	while (next_item(&text, &item, &key, &val))
		if (str_eq(key, wanted)) {
			strbuf_reset(out);
			strbuf_puts(out, val);
			found = true;
		}
	strbuf_free(&item);
	return found;
}

static const struct field *find_field(u64 type, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].type == type && (!key || str_eq(fields[i].key, key)))
			return &fields[i];
	return NULL;
}

static int set_fields(struct vm *vm, struct smbios_conf *c, u64 type, const char *text, struct err *err)
{
	struct strbuf item = STRBUF_INIT;
	const char *key, *val;

	if (type == 41 && c->nonboard == SMBIOS_ONBOARD_MAX)
		return err_set(err, E2BIG, "at most %u onboard devices", SMBIOS_ONBOARD_MAX);
	if (type == 41)
		c->onboard[c->nonboard++] = (struct smbios_onboard){ .kind = 1, .instance = 1 };
	while (!err_is_set(err) && next_item(&text, &item, &key, &val)) {
		const struct field *f = find_field(type, key);

		if (str_eq(key, "type"))
			continue;
		if (!f)
			err_set(err, EINVAL, "Invalid parameter '%s'", key);
		else
			set_field(vm, c, f, val, err);
	}
	strbuf_free(&item);
	return -err->code;
}

static int add_type(struct vm *vm, struct smbios_conf *c, const char *number, const char *text, struct err *err)
{
	u64 type;

	if (get_number("type", number, &type, err) < 0)
		return -err->code;
	if (type >= SMBIOS_TYPES)
		return err_set(err, EINVAL, "out of range!");
	if (c->loaded[type])
		return err_set(err, EINVAL, "can't add fields, binary file already loaded!");
	if (!find_field(type, NULL))
		return err_set(err, EINVAL, "Don't know how to build fields for SMBIOS type %llu", type);
	c->asked[type] = true;
	return set_fields(vm, c, type, text, err);
}

/* Where the structure at p ends behind its strings; NULL: not within n bytes. */
static const u8 *structure_end(const u8 *p, size_t n)
{
	size_t at = n < 4 ? 0 : p[1];

	if (at < 4)
		return NULL;
	for (; at + 2 <= n; at++)
		if (!p[at] && !p[at + 1])
			return p + at + 2;
	return NULL;
}

static int add_structures(struct smbios_conf *c, const u8 *p, const u8 *last, const char *path, struct err *err)
{
	while (p < last) {
		const u8 *end = structure_end(p, (size_t)(last - p));

		if (!end)
			return err_set(err, EINVAL, "SMBIOS file %s holds no whole structure with its strings", path);
		if (*p < SMBIOS_TYPES && c->asked[*p])
			return err_set(err, EINVAL, "can't load type %u struct, fields already specified!", *p);
		if (*p < SMBIOS_TYPES)
			c->loaded[*p] = true;
		if (c->files.len + (size_t)(end - p) > 0xffff)
			return err_set(err, E2BIG, "SMBIOS file %s: the tables would be larger than 65535 bytes", path);
		c->file_count++;
		c->file_largest = MAX(c->file_largest, (u16)(end - p));
		strbuf_add(&c->files, p, (size_t)(end - p));
		p = end;
	}
	return strbuf_failed(&c->files) ? no_memory(err) : 0;
}

static int add_file(struct smbios_conf *c, const char *path, const char *text, struct err *err)
{
	struct strbuf item = STRBUF_INIT;
	struct err why = ERR_INIT;
	const char *key, *val;
	u32 len;
	u8 *data = NULL;

	while (!err_is_set(err) && next_item(&text, &item, &key, &val))
		if (!str_eq(key, "file"))
			err_set(err, EINVAL, "Invalid parameter '%s'", key);
	if (!err_is_set(err) && (!(data = vm_read_file(path, &len, &why)) || len < 4))
		err_set(err, EINVAL, "Cannot read SMBIOS file %s", path);
	if (!err_is_set(err))
		add_structures(c, data, data + len, path, err);
	strbuf_free(&item);
	mem_free(data);
	return -err->code;
}

static int add_option(struct vm *vm, struct smbios_conf *c, const char *text, struct err *err)
{
	struct strbuf val = STRBUF_INIT;

	if (find_item(text, "file", &val))
		add_file(c, val.s, text, err);
	else if (find_item(text, "type", &val))
		add_type(vm, c, val.s, text, err);
	else
		err_set(err, EINVAL, "Must specify type= or file=");
	if (err_is_set(err))
		err_prefix(err, "-smbios %s", text);
	strbuf_free(&val);
	return -err->code;
}

int vm_parse_smbios(struct vm *vm, struct err *err)
{
	const struct opt_list *list = &vm->args->smbios;
	struct smbios_conf *c;

	if (!list->n)
		return 0;
	c = mem_zalloc(sizeof(*c));
	if (!c)
		return no_memory(err);
	strbuf_init(&c->files);
	vm->cfg.smbios = vm->smbios = c;
	for (size_t i = 0; i < list->n && !err_is_set(err); i++)
		add_option(vm, c, list->v[i].val, err);
	return -err->code;
}

void vm_free_smbios(struct vm *vm)
{
	if (vm->smbios)
		free_conf(vm->smbios);
	mem_free(vm->smbios);
}
