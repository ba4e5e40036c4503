// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * query-qmp-schema: what the commands take and give, and what the events
 * carry (QEMU's docs/devel/qapi-code-gen, "Client JSON Protocol introspection").
 * Types are written as "name:type,name:type?" (? optional, [T] an array,
 * type "a|b" in an enum's entry); a command without an entry here fails a test.
 */
#include <stdio.h>
#include <string.h>
#include "qmp-util.h"
#include "str.h"

struct schema_type {
	const char *name, *members;	/* of an object: members; an enum: values between | */
};

struct schema_entry {
	const char *name, *arg, *ret;	/* arg: members, or the name of a type after @; ret NULL: {} */
};

/* They are set with the same names. */
#define MIGRATION_PARAMETERS "announce-initial:int?,announce-max:int?,announce-rounds:int?,announce-step:int?,throttle-trigger-threshold:int?,cpu-throttle-initial:int?,cpu-throttle-increment:int?,cpu-throttle-tailslow:bool?,tls-creds:str?,tls-hostname:str?,tls-authz:str?,max-bandwidth:int?,avail-switchover-bandwidth:int?,downtime-limit:int?,multifd-channels:int?,multifd-compression:str?,xbzrle-cache-size:int?,max-postcopy-bandwidth:int?,max-cpu-throttle:int?,mode:str?"

#define COPY_JOB "job-id:str?,device:str,target:str,sync:MirrorSyncMode,speed:int?,on-source-error:BlockdevOnError?,on-target-error:BlockdevOnError?,filter-node-name:str?,auto-finalize:bool?,auto-dismiss:bool?"
#define CHAIN_JOB "job-id:str?,device:str,backing-file:str?,speed:int?,on-error:BlockdevOnError?,filter-node-name:str?,auto-finalize:bool?,auto-dismiss:bool?,"
#define COPY_FILE ",format:str?,mode:NewImageMode?"
#define MIRROR ",replaces:str?,granularity:int?,buf-size:int?,copy-mode:MirrorCopyMode?"

#define LIMIT_BURSTS "bps_max:int?,bps_rd_max:int?,bps_wr_max:int?,iops_max:int?,iops_rd_max:int?,iops_wr_max:int?,bps_max_length:int?,bps_rd_max_length:int?,bps_wr_max_length:int?,iops_max_length:int?,iops_rd_max_length:int?,iops_wr_max_length:int?,iops_size:int?,"

static const struct schema_type types[] = {
	{ "RunState", "debug|inmigrate|internal-error|io-error|paused|postmigrate|prelaunch|finish-migrate|restore-vm|running|save-vm|shutdown|suspended|watchdog|guest-panicked|colo" },
	{ "ShutdownCause", "none|host-error|host-qmp-quit|host-qmp-system-reset|host-signal|host-ui|guest-shutdown|guest-reset|guest-panic|subsystem-reset|snapshot-load" },
	{ "GuestPanicAction", "pause|poweroff|run" },
	{ "MigrationStatus", "none|setup|cancelling|cancelled|active|postcopy-active|postcopy-paused|postcopy-recover|completed|failed|colo|pre-switchover|device|wait-unplug" },
	{ "QMPCapability", "oob" },
	{ "SysEmuTarget", "x86_64" },
	{ "PCIRegionType", "io|memory" },
	{ "StatusInfo", "running:bool,status:RunState" },
	{ "VersionTriple", "major:int,minor:int,micro:int" },
	{ "VersionInfo", "qemu:VersionTriple,package:str" },
	{ "CommandInfo", "name:str" },
	{ "NameInfo", "name:str?" },
	{ "UuidInfo", "UUID:str" },
	{ "KvmInfo", "enabled:bool,present:bool" },
	{ "CpuInstanceProperties", "socket-id:int?,core-id:int?,thread-id:int?" },
	{ "CpuInfoFast", "cpu-index:int,qom-path:str,thread-id:int,props:CpuInstanceProperties?,target:SysEmuTarget" },
	{ "MachineInfo", "name:str,alias:str?,is-default:bool?,cpu-max:int,hotpluggable-cpus:bool,deprecated:bool" },
	{ "CpuDefinitionInfo", "name:str,migration-safe:bool?,static:bool,unavailable-features:[str]?,typename:str,deprecated:bool" },
	{ "TargetInfo", "arch:SysEmuTarget" },
	{ "ChardevInfo", "label:str,filename:str,frontend-open:bool" },
	{ "ChardevReturn", "pty:str?" },
	{ "ObjectTypeInfo", "name:str,abstract:bool?,parent:str?" },
	{ "ObjectPropertyInfo", "name:str,type:str,description:str?,default-value:any?" },
	{ "MemoryInfo", "base-memory:int,plugged-memory:int?" },
	{ "IOThreadInfo", "id:str,thread-id:int,poll-max-ns:int,poll-grow:int,poll-shrink:int,aio-max-batch:int" },
	{ "BalloonInfo", "actual:int" },
	{ "MigrationStats", "transferred:int,remaining:int,total:int,duplicate:int,skipped:int,normal:int,normal-bytes:int,dirty-pages-rate:int,mbps:number,dirty-sync-count:int,postcopy-requests:int,page-size:int,multifd-bytes:int,pages-per-second:int,precopy-bytes:int,downtime-bytes:int,postcopy-bytes:int,dirty-sync-missed-zero-copy:int" },
	{ "MigrationInfo", "status:MigrationStatus?,ram:MigrationStats?,total-time:int?,downtime:int?,setup-time:int?,error-desc:str?" },
	{ "PciMemoryRange", "base:int,limit:int" },
	{ "PciBusInfo", "number:int,secondary:int,subordinate:int,io_range:PciMemoryRange,memory_range:PciMemoryRange,prefetchable_range:PciMemoryRange" },
	{ "PciBridgeInfo", "bus:PciBusInfo,devices:[PciDeviceInfo]?" },
	{ "PciMemoryRegion", "bar:int,type:PCIRegionType,address:int,size:int,prefetch:bool?,mem_type_64:bool?" },
	{ "PciDeviceClass", "desc:str?,class:int" },
	{ "PciDeviceId", "device:int,vendor:int,subsystem:int?,subsystem-vendor:int?" },
	{ "PciDeviceInfo", "bus:int,slot:int,function:int,class_info:PciDeviceClass,id:PciDeviceId,irq:int?,irq_pin:int,qdev_id:str,pci_bridge:PciBridgeInfo?,regions:[PciMemoryRegion]" },
	{ "PciInfo", "bus:int,devices:[PciDeviceInfo]" },
	{ "BlockdevCacheInfo", "writeback:bool,direct:bool,no-flush:bool" },
	{ "ImageInfo", "filename:str,format:str,virtual-size:int,dirty-flag:bool?,backing-image:ImageInfo?" },
	{ "BlockDeviceInfo", "file:str,node-name:str?,ro:bool,drv:str,backing_file:str?,backing_file_depth:int,encrypted:bool,detect_zeroes:str,bps:int,bps_rd:int,bps_wr:int,iops:int,iops_rd:int,iops_wr:int," LIMIT_BURSTS "group:str?,image:ImageInfo,cache:BlockdevCacheInfo,write_threshold:int" },
	{ "BlockInfo", "device:str,qdev:str?,type:str,removable:bool,locked:bool,inserted:BlockDeviceInfo?" },
	{ "JobType", "commit|stream|mirror|backup|create|amend|snapshot-load|snapshot-save|snapshot-delete" },
	{ "JobStatus", "undefined|created|running|paused|ready|standby|waiting|pending|aborting|concluded|null" },
	{ "MirrorSyncMode", "top|full|none|incremental|bitmap" }, { "NewImageMode", "existing|absolute-paths" },
	{ "BlockdevOnError", "report|ignore|enospc|stop|auto" }, { "MirrorCopyMode", "background|write-blocking" },
	{ "BlockErrorAction", "ignore|report|stop" }, { "IoOperationType", "read|write" },
	{ "JobInfo", "id:str,type:JobType,status:JobStatus,current-progress:int,total-progress:int,error:str?" },
	{ "BlockDeviceStats", "rd_bytes:int,wr_bytes:int,zone_append_bytes:int,unmap_bytes:int,rd_operations:int,wr_operations:int,zone_append_operations:int,flush_operations:int,unmap_operations:int,rd_total_time_ns:int,wr_total_time_ns:int,zone_append_total_time_ns:int,flush_total_time_ns:int,unmap_total_time_ns:int,wr_highest_offset:int,rd_merged:int,wr_merged:int,zone_append_merged:int,unmap_merged:int,failed_rd_operations:int,failed_wr_operations:int,failed_zone_append_operations:int,failed_flush_operations:int,failed_unmap_operations:int,invalid_rd_operations:int,invalid_wr_operations:int,invalid_zone_append_operations:int,invalid_flush_operations:int,invalid_unmap_operations:int,account_invalid:bool,account_failed:bool,timed_stats:[any]" },
	{ "BlockStats", "device:str?,qdev:str?,node-name:str?,stats:BlockDeviceStats,parent:BlockStats?" },
	{ "SnapshotInfo", "id:str,name:str,vm-state-size:int,date-sec:int,date-nsec:int,vm-clock-sec:int,vm-clock-nsec:int,icount:int?" },
	{ "DumpStatus", "none|active|completed|failed" }, { "DumpQueryResult", "status:DumpStatus,completed:int,total:int" },
	{ "DumpGuestMemoryFormat", "elf" },
	{ "DumpGuestMemoryCapability", "formats:[DumpGuestMemoryFormat]" },
	{ "TraceEventState", "unavailable|disabled|enabled" }, { "TraceEventInfo", "name:str,state:TraceEventState" },
	{ "MigrationParameters", MIGRATION_PARAMETERS },
	{ "MigrationCapability", "xbzrle|rdma-pin-all|auto-converge|zero-blocks|events|postcopy-ram|x-colo|release-ram|return-path|pause-before-switchover|multifd|dirty-bitmaps|postcopy-blocktime|late-block-activate|x-ignore-shared|validate-uuid|background-snapshot|zero-copy-send|postcopy-preempt|switchover-ack|dirty-limit|mapped-ram" },
	{ "MigrationCapabilityStatus", "capability:MigrationCapability,state:bool" },
	{ "BlockJobInfo", "type:JobType,device:str,len:int,offset:int,busy:bool,paused:bool,speed:int,io-status:str,ready:bool,status:JobStatus,auto-finalize:bool,auto-dismiss:bool,error:str?" },
	{ "HostMemPolicy", "default|preferred|bind|interleave" },
	{ "Memdev", "id:str?,size:int,merge:bool,dump:bool,prealloc:bool,share:bool,reserve:bool?,host-nodes:[int],policy:HostMemPolicy" },
	{ "HotpluggableCPU", "type:str,vcpus-count:int,props:CpuInstanceProperties,qom-path:str?" },
	{ "MouseInfo", "name:str,index:int,current:bool,absolute:bool" }, { "CurrentMachineParams", "wakeup-suspend-support:bool" },
	{ "ChardevBackendInfo", "name:str" }, { "MemoryDeviceInfo", "type:str,data:any" }, { "DisplayOptions", "type:str" },
	{ "CpuModelExpansionType", "full|static" }, { "CpuModelInfo", "name:str,props:any?" },
	{ "CpuModelExpansionInfo", "model:CpuModelInfo" },
	{ "SchemaMetaType", "builtin|enum|array|object|alternate|command|event" },
	{ "SchemaInfo", "name:str,meta-type:SchemaMetaType" },
	{ "KeyValue", "type:str,data:any" },
	{ "SocketAddress", "type:str,data:any" },
	{ "ChardevBackend", "type:str,data:any?" },
	{ "SocketAddressLegacy", "type:str,data:any" }, { "BlockExportRemoveMode", "safe|hard" },
	{ "BlockExportInfo", "id:str,type:str,node-name:str,shutting-down:bool" },
};

static const struct schema_entry commands[] = {
	{ "qmp_capabilities", "enable:[QMPCapability]?", NULL },
	{ "query-status", "", "StatusInfo" }, { "query-version", "", "VersionInfo" }, { "query-commands", "", "[CommandInfo]" },
	{ "query-name", "", "NameInfo" }, { "query-uuid", "", "UuidInfo" }, { "query-kvm", "", "KvmInfo" },
	{ "query-cpus-fast", "", "[CpuInfoFast]" }, { "query-machines", "compat-props:bool?", "[MachineInfo]" },
	{ "query-cpu-definitions", "", "[CpuDefinitionInfo]" }, { "query-target", "", "TargetInfo" },
	{ "query-chardev", "", "[ChardevInfo]" }, { "query-qmp-schema", "", "[SchemaInfo]" },
	{ "query-block", "", "[BlockInfo]" }, { "query-named-block-nodes", "flat:bool?", "[BlockDeviceInfo]" },
	{ "query-memory-size-summary", "", "MemoryInfo" }, { "query-pci", "", "[PciInfo]" }, { "query-iothreads", "", "[IOThreadInfo]" },
	{ "query-balloon", "", "BalloonInfo" }, { "query-migrate", "", "MigrationInfo" },
	{ "stop", "", NULL }, { "cont", "", NULL }, { "system_reset", "", NULL }, { "system_powerdown", "", NULL }, { "quit", "", NULL },
	{ "inject-nmi", "", NULL }, { "balloon", "value:int", NULL },
	{ "qom-list-types", "implements:str?,abstract:bool?", "[ObjectTypeInfo]" },
	{ "qom-list", "path:str", "[ObjectPropertyInfo]" }, { "qom-get", "path:str,property:str", "any" },
	{ "qom-set", "path:str,property:str,value:any", NULL },
	{ "device-list-properties", "typename:str", "[ObjectPropertyInfo]" },
	{ "qom-list-properties", "typename:str", "[ObjectPropertyInfo]" },
	{ "query-hotpluggable-cpus", "", "[HotpluggableCPU]" }, { "query-mice", "", "[MouseInfo]" },
	{ "query-current-machine", "", "CurrentMachineParams" }, { "query-chardev-backends", "", "[ChardevBackendInfo]" },
	{ "query-memory-devices", "", "[MemoryDeviceInfo]" }, { "query-display-options", "", "DisplayOptions" },
	{ "query-cpu-model-expansion", "type:CpuModelExpansionType,model:CpuModelInfo", "CpuModelExpansionInfo" },
	{ "human-monitor-command", "command-line:str,cpu-index:int?", "str" },
	{ "pmemsave", "val:int,size:int,filename:str", NULL }, { "memsave", "val:int,size:int,filename:str,cpu-index:int?", NULL },
	{ "screendump", "filename:str,device:str?,head:int?,format:str?", NULL },
	{ "send-key", "keys:[KeyValue],hold-time:int?", NULL },
	{ "set_link", "name:str,up:bool", NULL }, { "netdev_add", "type:str,id:str", NULL }, { "netdev_del", "id:str", NULL },
	{ "device_add", "driver:str,bus:str?,id:str?", NULL }, { "device_del", "id:str", NULL },
	{ "blockdev-add", "driver:str,node-name:str?,read-only:bool?,discard:str?", NULL }, { "blockdev-del", "node-name:str", NULL },
	{ "eject", "device:str?,id:str?,force:bool?", NULL }, { "blockdev-remove-medium", "id:str", NULL },
	{ "blockdev-open-tray", "device:str?,id:str?,force:bool?", NULL }, { "blockdev-close-tray", "device:str?,id:str?", NULL },
	{ "blockdev-change-medium", "device:str?,id:str?,filename:str,format:str?,force:bool?,read-only-mode:str?", NULL },
	{ "chardev-add", "id:str,backend:ChardevBackend", "ChardevReturn" }, { "chardev-remove", "id:str", NULL },
	{ "object-add", "qom-type:str,id:str", NULL }, { "object-del", "id:str", NULL },
	{ "dump-guest-memory", "paging:bool,protocol:str,detach:bool?,format:DumpGuestMemoryFormat?", NULL },
	{ "query-dump-guest-memory-capability", "", "DumpGuestMemoryCapability" },
	{ "trace-event-get-state", "name:str", "[TraceEventInfo]" },
	{ "trace-event-set-state", "name:str,enable:bool,ignore-unavailable:bool?", NULL },
	{ "query-migrate-capabilities", "", "[MigrationCapabilityStatus]" }, { "query-block-jobs", "", "[BlockJobInfo]" },
	{ "migrate-set-capabilities", "capabilities:[MigrationCapabilityStatus]", NULL },
	{ "query-migrate-parameters", "", "MigrationParameters" }, { "migrate-set-parameters", MIGRATION_PARAMETERS, NULL },
	{ "query-memdev", "", "[Memdev]" },
	{ "query-blockstats", "query-nodes:bool?", "[BlockStats]" }, { "block_resize", "device:str?,node-name:str?,size:int", NULL },
	{ "nbd-server-start", "addr:SocketAddressLegacy,tls-creds:str?,tls-authz:str?,max-connections:int?,handshake-max-seconds:int?", NULL },
	{ "nbd-server-stop", "", NULL }, { "nbd-server-remove", "name:str,mode:BlockExportRemoveMode?", NULL },
	{ "nbd-server-add", "device:str,name:str?,description:str?,writable:bool?,bitmap:str?", NULL },
	{ "block-export-add", "type:str,id:str,node-name:str,name:str?,description:str?,writable:bool?,allocation-depth:bool?,bitmaps:[str]?", NULL },
	{ "block-export-del", "id:str,mode:BlockExportRemoveMode?", NULL }, { "query-block-exports", "", "[BlockExportInfo]" },
	{ "snapshot-save", "job-id:str,tag:str,vmstate:str,devices:[str]", NULL },
	{ "snapshot-load", "job-id:str,tag:str,vmstate:str,devices:[str]", NULL },
	{ "snapshot-delete", "job-id:str,tag:str,devices:[str]", NULL },
	{ "query-jobs", "", "[JobInfo]" }, { "job-dismiss", "id:str", NULL }, { "job-cancel", "id:str", NULL },
	{ "job-pause", "id:str", NULL }, { "job-resume", "id:str", NULL }, { "job-complete", "id:str", NULL },
	{ "job-finalize", "id:str", NULL },
	{ "block-job-cancel", "device:str,force:bool?", NULL }, { "block-job-pause", "device:str", NULL },
	{ "block-job-resume", "device:str", NULL }, { "block-job-complete", "device:str", NULL },
	{ "block-job-finalize", "id:str", NULL }, { "block-job-dismiss", "id:str", NULL },
	{ "block-job-set-speed", "device:str,speed:int", NULL },
	{ "blockdev-backup", COPY_JOB ",compress:bool?", NULL }, { "drive-backup", COPY_JOB COPY_FILE ",compress:bool?", NULL },
	{ "blockdev-mirror", COPY_JOB MIRROR, NULL },
	{ "blockdev-snapshot-sync", "device:str?,node-name:str?,snapshot-file:str,snapshot-node-name:str?,format:str?,mode:NewImageMode?", NULL },
	{ "block_set_io_throttle", "device:str?,id:str?,bps:int,bps_rd:int,bps_wr:int,iops:int,iops_rd:int,iops_wr:int," LIMIT_BURSTS "group:str?", NULL },
	{ "blockdev-snapshot-internal-sync", "device:str,name:str", NULL },
	{ "blockdev-snapshot-delete-internal-sync", "device:str,id:str?,name:str?", "SnapshotInfo" },
	{ "blockdev-snapshot", "node:str,overlay:str", NULL },
	{ "block-stream", CHAIN_JOB "base:str?,base-node:str?", NULL },
	{ "block-commit", CHAIN_JOB "base:str?,base-node:str?,top:str?,top-node:str?", NULL },
	{ "drive-mirror", COPY_JOB COPY_FILE MIRROR ",node-name:str?,unmap:bool?", NULL },
	{ "migrate", "uri:str,detach:bool?", NULL }, { "migrate-incoming", "uri:str", NULL }, { "migrate_cancel", "", NULL },
};

static const struct schema_entry events[] = {
	{ "SHUTDOWN", "guest:bool,reason:ShutdownCause", NULL }, { "RESET", "guest:bool,reason:ShutdownCause", NULL },
	{ "POWERDOWN", "", NULL }, { "STOP", "", NULL }, { "RESUME", "", NULL }, { "DEVICE_DELETED", "device:str?,path:str", NULL },
	{ "GUEST_PANICKED", "action:GuestPanicAction", NULL }, { "DUMP_COMPLETED", "result:DumpQueryResult,error:str?", NULL },
	{ "BLOCK_EXPORT_DELETED", "id:str", NULL },
	{ "JOB_STATUS_CHANGE", "id:str,status:JobStatus", NULL },
	{ "BLOCK_JOB_COMPLETED", "type:JobType,device:str,len:int,offset:int,speed:int,error:str?", NULL },
	{ "BLOCK_JOB_CANCELLED", "type:JobType,device:str,len:int,offset:int,speed:int", NULL },
	{ "BLOCK_JOB_READY", "type:JobType,device:str,len:int,offset:int,speed:int", NULL },
	{ "BLOCK_JOB_ERROR", "device:str,operation:IoOperationType,action:BlockErrorAction", NULL },
	{ "BLOCK_JOB_PENDING", "type:JobType,id:str", NULL },
	{ "BALLOON_CHANGE", "actual:int", NULL },
};

static struct json *add(struct json *list, const char *name, const char *meta)
{
	struct json *o = json_new(JSON_OBJECT);

	qmp_str(o, "name", name);
	qmp_str(o, "meta-type", meta);
	json_append(list, o);
	return o;
}

static bool has(const struct json *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->arr.n; i++) {
		const char *s = json_to_str(json_get(list->arr.v[i], "name"));

		if (s && str_eq(s, name) && json_get(list->arr.v[i], "element-type"))
			return true;
	}
	return false;
}

/* An array type is made when somebody names it. */
static void need_type(struct json *list, const char *type)
{
	char element[64];
	size_t n = strlen(type);

	if (type[0] != '[' || has(list, type) || n < 3 || n - 2 >= sizeof(element))
		return;
	memcpy(element, type + 1, n - 2);
	element[n - 2] = '\0';
	qmp_str(add(list, type, "array"), "element-type", element);
}

static void add_members(struct json *list, struct json *o, const char *text)
{
	struct json *members = json_new(JSON_ARRAY);

	json_set(o, "members", members);
	while (*text) {
		size_t len = strcspn(text, ","), name = strcspn(text, ":");
		bool optional = text[len - 1] == '?';
		struct json *m = json_new(JSON_OBJECT);
		char type[64];

		json_append(members, m);
		snprintf(type, sizeof(type), "%.*s", (int)(len - name - 1 - optional), text + name + 1);
		json_set(m, "name", json_new_strn(text, name));
		qmp_str(m, "type", type);
		if (optional)
			json_set(m, "default", json_new(JSON_NULL));
		need_type(list, type);
		text += len + (text[len] == ',');
	}
}

static void add_enum(struct json *list, const struct schema_type *t)
{
	struct json *o = add(list, t->name, "enum"), *members = json_new(JSON_ARRAY), *values = json_new(JSON_ARRAY);
	const char *s = t->members;

	json_set(o, "members", members);
	json_set(o, "values", values);
	while (*s) {
		size_t len = strcspn(s, "|");
		struct json *m = json_new(JSON_OBJECT);

		json_append(members, m);
		json_set(m, "name", json_new_strn(s, len));
		json_append(values, json_new_strn(s, len));
		s += len + (s[len] == '|');
	}
}

static void add_builtins(struct json *list)
{
	static const char *const names[][2] = {
		{ "str", "string" }, { "int", "int" }, { "number", "number" }, { "bool", "boolean" }, { "null", "null" }, { "any", "value" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		qmp_str(add(list, names[i][0], "builtin"), "json-type", names[i][1]);
}

/* The entry itself and an object type for its arguments. */
static void add_entry(struct json *list, const struct schema_entry *e, bool event)
{
	struct json *o = add(list, e->name, event ? "event" : "command");
	char arg[64];

	snprintf(arg, sizeof(arg), "q_obj_%s-arg", e->name);
	qmp_str(o, "arg-type", e->arg[0] ? arg : "q_empty");
	if (e->arg[0])
		add_members(list, add(list, arg, "object"), e->arg);
	if (event)
		return;
	qmp_str(o, "ret-type", e->ret ? e->ret : "q_empty");
	if (e->ret)
		need_type(list, e->ret);
}

/* ---- arguments by schema ---- */

/* Their other keys are the device's, driver's or object's own. */
static bool is_open(const char *command)
{
	static const char *const names[] = { "device_add", "blockdev-add", "object-add", "netdev_add", NULL };

	return str_to_index(command, names) >= 0;
}

/* What QEMU says it expected, or NULL: it fits. */
static const char *misfit(const char *type, const struct json *v)
{
	s64 i;

	if (!strncmp(type, "str", 3))
		return v->type == JSON_STRING ? NULL : "string";
	if (!strncmp(type, "int", 3))
		return json_to_s64(v, &i) || v->type == JSON_UINT ? NULL : "integer";
	if (!strncmp(type, "bool", 4))
		return v->type == JSON_BOOL ? NULL : "boolean";
	if (type[0] == '[')
		return v->type == JSON_ARRAY ? NULL : "array";
	return NULL;
}

/* The entry "name:type" of text, NULL: not there. */
static const char *member(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (; *text; text += text[0] == ',') {
		if (!strncmp(text, name, n) && text[n] == ':')
			return text + n + 1;
		text += strcspn(text, ",");
	}
	return NULL;
}

static int check(const char *command, const char *text, const struct json *args, struct err *err)
{
	const char *s, *want, *type;
	char name[64];
	size_t i;

	for (s = text; *s; s += s[0] == ',') {
		size_t len = strcspn(s, ","), n = strcspn(s, ":");
		const struct json *v = json_get_n(args, s, n);

		snprintf(name, sizeof(name), "%.*s", (int)n, s);
		if (!v && s[len - 1] != '?')
			return err_set(err, EINVAL, "Parameter '%s' is missing", name);
		if (v && (want = misfit(s + n + 1, v)))
			return err_set(err, EINVAL, "Invalid parameter type for '%s', expected: %s", name, want);
		s += len;
	}
	for (i = 0; !is_open(command) && i < args->obj.n; i++) {
		type = member(text, args->obj.v[i].key);
		if (!type)
			return err_set(err, EINVAL, "Parameter '%s' is unexpected", args->obj.v[i].key);
	}
	return 0;
}

int qmp_check_args(const char *command, const struct json *args, struct err *err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (str_eq(command, commands[i].name))
			return check(command, commands[i].arg, args, err);
	return 0;
}

static int query_qmp_schema(struct qmp_call *c)
{
	const struct qmp_command *cmd;
	size_t i;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	REGISTRY_FOREACH(qmp_command, cmd)
		for (i = 0; i < ARRAY_SIZE(commands); i++)
			if (str_eq(cmd->name, commands[i].name))
				add_entry(c->ret, &commands[i], false);
	for (i = 0; i < ARRAY_SIZE(events); i++)
		add_entry(c->ret, &events[i], true);
	add_builtins(c->ret);
	add_members(c->ret, add(c->ret, "q_empty", "object"), "");
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (strchr(types[i].members, ':'))
			add_members(c->ret, add(c->ret, types[i].name, "object"), types[i].members);
		else
			add_enum(c->ret, &types[i]);
	}
	return 0;
}
QMP("query-qmp-schema", query_qmp_schema);
