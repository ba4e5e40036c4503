// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cpio, FAT32 and GPT writers, read back by programs of others: cpio,
 * fsck.vfat, mtools, sgdisk, sfdisk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cpio.h"
#include "fat.h"
#include "gpt.h"
#include "test.h"

#define MTIME 1700000000

static struct err err;

/* Runs a command of the shell; its first output bytes, without the newline at the end. */
static const char *output_of(const char *command, int *status)
{
	static char text[8192];
	FILE *f = popen(command, "r");
	size_t n;

	CHECK(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	*status = WEXITSTATUS(pclose(f));
	return text;
}

static void must(const char *command)
{
	int status;
	const char *text = output_of(command, &status);

	if (status)
		test_note("%s: %s", command, text);
	CHECK_EQ(status, 0);
}

static void says(const char *command, const char *want)
{
	int status;

	CHECK_STR_EQ(output_of(command, &status), want);
}

static struct sink_fd out;

static struct sink *create(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	sink_fd_init(&out, fd, name);
	err_clear(&err);
	return &out.sink;
}

static void finish(void)
{
	CHECK_EQ(sink_fd_finish(&out, &err), 0);
	close(out.fd);
}

/* ---- sinks ---- */

TEST(sink_file_has_holes_and_full_length)
{
	struct sink *s = create("holes");
	struct stat st;
	char buf[4];

	CHECK_EQ(sink_write(s, "ab", 2, &err), 0);
	CHECK_EQ(sink_zero_until(s, 10 << 20, &err), 0);
	CHECK_EQ(sink_write(s, "cd", 2, &err), 0);
	CHECK_EQ(sink_align(s, 1 << 20, &err), 0);
	finish();
	CHECK_EQ(s->pos, 11 << 20);
	CHECK_EQ(stat("holes", &st), 0);
	CHECK_EQ(st.st_size, 11 << 20);
	CHECK_LT(st.st_blocks, 1000);
	out.fd = open("holes", O_RDONLY);
	CHECK_EQ(pread(out.fd, buf, 4, (10 << 20) - 2), 4);
	CHECK_MEM_EQ(buf, "\0\0cd", 4);
	close(out.fd);
	CHECK_EQ(sink_zero_until(s, 5, &err), -EINVAL);
}

TEST(sink_pipe_gets_zeroes)
{
	int fds[2];
	struct sink_fd s;
	char buf[8] = "xxxxxxxx";

	CHECK_EQ(pipe(fds), 0);
	sink_fd_init(&s, fds[1], "pipe");
	CHECK_EQ(sink_write(&s.sink, "a", 1, &err), 0);
	CHECK_EQ(sink_zero(&s.sink, 3, &err), 0);
	CHECK_EQ(sink_fd_finish(&s, &err), 0);
	CHECK_EQ(read(fds[0], buf, 8), 4);
	CHECK_MEM_EQ(buf, "a\0\0\0", 4);
	close(fds[0]);
	close(fds[1]);
}

TEST(sink_full_disk_is_an_error)
{
	int fd = open("/dev/full", O_WRONLY);
	struct sink_fd s;

	CHECK(fd >= 0);
	sink_fd_init(&s, fd, "full");
	err_clear(&err);
	CHECK_EQ(sink_write(&s.sink, "a", 1, &err), -ENOSPC);
	CHECK_EQ(s.sink.pos, 0);
	CHECK_STR_EQ(err.msg, "full: No space left on device");
	close(fd);
}

/* ---- cpio ---- */

static void write_cpio(struct sink *s)
{
	struct cpio w;

	cpio_start(&w, s, MTIME);
	CHECK_EQ(cpio_dir(&w, "dev", 0755, &err), 0);
	CHECK_EQ(cpio_node(&w, "dev/console", S_IFCHR | 0600, 5, 1, &err), 0);
	CHECK_EQ(cpio_node(&w, "dev/vda", S_IFBLK | 0660, 254, 16, &err), 0);
	CHECK_EQ(cpio_node(&w, "fifo", S_IFIFO | 0644, 0, 0, &err), 0);
	CHECK_EQ(cpio_file(&w, "init", 0755, "#!/bin/sh\n", 10, &err), 0);
	CHECK_EQ(cpio_file(&w, "empty", 0600, "", 0, &err), 0);
	CHECK_EQ(cpio_slink(&w, "link", "init", &err), 0);
	CHECK_EQ(cpio_end(&w, &err), 0);
}

TEST(cpio_is_read_by_cpio)
{
	struct sink *s = create("a.cpio");

	write_cpio(s);
	finish();
	CHECK_EQ(s->pos % 512, 0);
	says("TZ=UTC cpio -itv --quiet < a.cpio | awk '{ print $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 }' | sed 's/ *$//'",
	     "drwxr-xr-x 2 root root 0 Nov 14 2023 dev\n"
	     "crw------- 1 root root 5, 1 Nov 14 2023 dev/console\n"
	     "brw-rw---- 1 root root 254, 16 Nov 14 2023 dev/vda\n"
	     "prw-r--r-- 1 root root 0 Nov 14 2023 fifo\n"
	     "-rwxr-xr-x 1 root root 10 Nov 14 2023 init\n"
	     "-rw------- 1 root root 0 Nov 14 2023 empty\n"
	     "lrwxrwxrwx 1 root root 4 Nov 14 2023 link -> init");
	says("cpio -i --quiet --to-stdout init < a.cpio", "#!/bin/sh");
}

TEST(cpio_same_calls_same_bytes)
{
	struct sink_buf a, b;

	sink_buf_init(&a);
	sink_buf_init(&b);
	write_cpio(&a.sink);
	/* Its padding counts from where it begins. */
	CHECK_EQ(sink_write(&b.sink, "x", 1, &err), 0);
	write_cpio(&b.sink);
	CHECK_EQ(b.len, a.len + 1);
	CHECK_MEM_EQ(b.data + 1, a.data, a.len);
	free(a.data);
	free(b.data);
}

TEST(cpio_refuses_bad_entries)
{
	static char longer[5000];
	struct sink_buf b;
	struct cpio w;

	sink_buf_init(&b);
	cpio_start(&w, &b.sink, 0);
	memset(longer, 'a', sizeof(longer) - 1);
	CHECK_EQ(cpio_dir(&w, "", 0755, NULL), -EINVAL);
	CHECK_EQ(cpio_dir(&w, "/abs", 0755, NULL), -EINVAL);
	CHECK_EQ(cpio_dir(&w, "a/../b", 0755, NULL), -EINVAL);
	CHECK_EQ(cpio_dir(&w, "..", 0755, NULL), -EINVAL);
	CHECK_EQ(cpio_dir(&w, longer, 0755, NULL), -EINVAL);
	CHECK_EQ(cpio_slink(&w, "l", "", NULL), -EINVAL);
	CHECK_EQ(cpio_node(&w, "n", S_IFREG | 0600, 1, 1, NULL), -EINVAL);
	CHECK_EQ(cpio_file(&w, "f", 0600, NULL, 1ULL << 32, NULL), -EFBIG);
	CHECK_EQ(b.len, 0);
	CHECK_EQ(cpio_dir(&w, "a..b/.c", 0755, NULL), 0);
	free(b.data);
}

/* ---- FAT ---- */

static const struct fat_opts fat_opts = {
	.volume_id = 0x12345678, .mtime = MTIME, .label = "TEST", .hidden_sectors = 2048,
};

static struct fat *make_fat(void)
{
	static char big[3 << 20], names[300][40];
	struct fat *fat = fat_new();

	CHECK(fat);
	memset(big, 'x', sizeof(big));
	err_clear(&err);
	CHECK_EQ(fat_add_file(fat, "EFI/BOOT/BOOTX64.EFI", big, sizeof(big), &err), 0);
	CHECK_EQ(fat_add_file(fat, "efi/boot/lower.txt", "hello\n", 6, &err), 0);
	CHECK_EQ(fat_add_file(fat, "A very long file name indeed.text", "one\n", 4, &err), 0);
	CHECK_EQ(fat_add_file(fat, "A very long file name too.text", "two\n", 4, &err), 0);
	CHECK_EQ(fat_add_file(fat, "\xc3\xbcn\xc3\xaf.txt", "u\n", 2, &err), 0);
	CHECK_EQ(fat_add_file(fat, "thirteenunits", "13\n", 3, &err), 0);
	CHECK_EQ(fat_add_file(fat, ".hidden", "h\n", 2, &err), 0);
	CHECK_EQ(fat_add_file(fat, "empty", "", 0, &err), 0);
	CHECK_EQ(fat_add_dir(fat, "empty dir", &err), 0);
	CHECK_EQ(fat_add_dir(fat, "empty dir", &err), 0);
	for (int i = 0; i < 300; i++) {
		sprintf(names[i], "many/file number %d.dat", i);
		CHECK_EQ(fat_add_file(fat, names[i], names[i], strlen(names[i]), &err), 0);
	}
	return fat;
}

static void write_fat(struct fat *fat, const struct fat_opts *opts, const char *name)
{
	u64 size;
	struct sink *s = create(name);

	CHECK_EQ(fat_measure(fat, opts, &size, &err), 0);
	CHECK_EQ(fat_write(fat, opts, s, &err), 0);
	finish();
	CHECK_EQ(s->pos, size);
}

TEST(fat_is_read_by_fsck_and_mtools)
{
	struct fat *fat = make_fat();

	write_fat(fat, &fat_opts, "a.fat");
	fat_free(fat);
	must("fsck.vfat -n -v a.fat");
	says("fsck.vfat -n a.fat | sed -n 's/^a.fat: \\([0-9]*\\) files.*/\\1/p'", "313");
	says("mtype -i a.fat '::many/file number 299.dat'", "many/file number 299.dat");
	says("mtype -i a.fat '::A very long file name too.text'", "two");
	says("mtype -i a.fat ::EFI/BOOT/lower.txt", "hello");
	says("mtype -i a.fat ::thirteenunits; mtype -i a.fat ::.hidden", "13\nh");
	says("mtype -i a.fat ::EFI/BOOT/BOOTX64.EFI | tr -d x | wc -c", "0");
	says("mtype -i a.fat ::EFI/BOOT/BOOTX64.EFI | wc -c", "3145728");
	says("mdir -i a.fat :: | sed -n 's/ *Volume Serial Number is //p'", "1234-5678");
	says("mdir -i a.fat :: | grep -c 2023-11-14", "9");
	says("mdir -b -i a.fat ::many | wc -l", "300");
	says("mdir -i a.fat :: | grep -c '^AVERYL~2 TEX .* A very long file name too.text'", "1");
}

TEST(fat_larger_clusters)
{
	struct fat_opts opts = fat_opts;
	struct fat *fat = make_fat();

	opts.size = 1 << 30;
	write_fat(fat, &opts, "b.fat");
	fat_free(fat);
	must("fsck.vfat -n -v b.fat");
	says("mtype -i b.fat ::EFI/BOOT/BOOTX64.EFI | wc -c", "3145728");
	says("fsck.vfat -n -v b.fat | sed -n 's/ *\\([0-9]*\\) bytes per cluster/\\1/p'", "4096");
}

TEST(fat_full_to_the_last_cluster)
{
	/* The least volume has 65525 clusters: one for the root, the rest for one file. */
	size_t len = 65524 * 512;
	char *data = calloc(1, len + 1);
	struct fat_opts opts = fat_opts;
	struct fat *fat = fat_new();

	opts.label = NULL;
	CHECK(data && fat);
	memset(data, 'y', len + 1);
	CHECK_EQ(fat_add_file(fat, "FILE", data, len, &err), 0);
	write_fat(fat, &opts, "c.fat");
	must("fsck.vfat -n -v c.fat");
	says("mtype -i c.fat ::FILE | tr -d y | wc -c; mdir -i c.fat :: | sed -n 's/^ *\\([0-9]*\\) bytes free/\\1/p'", "0\n0");
	opts.size = 34089472;
	CHECK_EQ(fat_measure(fat, &opts, &(u64){ 0 }, NULL), 0);
	fat_free(fat);
	fat = fat_new();
	CHECK_EQ(fat_add_file(fat, "FILE", data, len + 1, &err), 0);
	CHECK_EQ(fat_measure(fat, &opts, &(u64){ 0 }, &err), -ENOSPC);
	fat_free(fat);
	free(data);
}

TEST(fat_short_names_stay_unique)
{
	struct fat *fat = fat_new();
	char name[64];

	err_clear(&err);
	for (int i = 0; i < 1200; i++) {
		sprintf(name, "d/identical start %d", i);
		CHECK_EQ(fat_add_file(fat, name, "", 0, &err), 0);
	}
	write_fat(fat, &fat_opts, "d.fat");
	fat_free(fat);
	must("fsck.vfat -n d.fat");
	says("mdir -b -i d.fat ::d | sort -u | wc -l", "1200");
}

TEST(fat_refuses_bad_names)
{
	struct fat *fat = fat_new();
	char longest[300];

	memset(longest, 'n', sizeof(longest));
	longest[255] = '\0';
	CHECK_EQ(fat_add_file(fat, longest, "", 0, NULL), 0);
	longest[255] = 'n';
	longest[256] = '\0';
	CHECK_EQ(fat_add_file(fat, longest, "", 0, NULL), -EINVAL);
	CHECK_EQ(fat_add_file(fat, "", "", 0, NULL), -EINVAL);
	CHECK_EQ(fat_add_file(fat, "a:b", "", 0, NULL), -EINVAL);
	CHECK_EQ(fat_add_file(fat, "tab\tbed", "", 0, NULL), -EINVAL);
	CHECK_EQ(fat_add_file(fat, "dot.", "", 0, NULL), -EINVAL);
	CHECK_EQ(fat_add_file(fat, "..", "", 0, NULL), -EINVAL);
	CHECK_EQ(fat_add_file(fat, "bad \xff utf8", "", 0, NULL), -EINVAL);
	CHECK_EQ(fat_add_file(fat, "over\xc0\xaflong", "", 0, NULL), -EINVAL);
	CHECK_EQ(fat_add_file(fat, "file", "", 0, NULL), 0);
	CHECK_EQ(fat_add_file(fat, "FILE", "", 0, NULL), -EEXIST);
	CHECK_EQ(fat_add_file(fat, "file/below", "", 0, NULL), -ENOTDIR);
	CHECK_EQ(fat_add_dir(fat, "file", NULL), -EEXIST);
	CHECK_EQ(fat_add_file(fat, "big", "", 1ULL << 32, NULL), -EFBIG);
	fat_free(fat);
}

TEST(fat_refuses_bad_sizes)
{
	static const u64 sizes[] = { 512, 1 << 20, 32 << 20, 34089472 + 1, 1ULL << 42 };
	struct fat *fat = fat_new();
	u64 size;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct fat_opts opts = { .size = sizes[i] };

		CHECK_NE(fat_measure(fat, &opts, &size, NULL), 0);
	}
	fat_free(fat);
}

/* ---- GPT ---- */

static struct gpt_part parts[2] = {
	{ .first = 2048, .last = 4095, .name = "EFI system", .attributes = 1 },
	{ .first = 4096, .last = 8191, .name = "root" },
};

static struct gpt make_gpt(void)
{
	parts[0].type = gpt_type_esp;
	parts[0].id = guid_from_name("test", "esp");
	parts[1].type = gpt_type_linux;
	parts[1].id = guid_from_name("test", "root");
	return (struct gpt){ .id = guid_from_name("test", "disk"), .sectors = 10240,
			     .parts = parts, .n_parts = 2 };
}

TEST(gpt_is_read_by_sgdisk_and_sfdisk)
{
	struct gpt g = make_gpt();
	struct sink *s = create("a.gpt");
	char text[37], want[256];

	CHECK_EQ(gpt_write_head(&g, s, &err), 0);
	CHECK_EQ(s->pos, GPT_FIRST_LBA * 512);
	CHECK_EQ(gpt_write_tail(&g, s, &err), 0);
	finish();
	CHECK_EQ(s->pos, 10240 * 512);
	says("sgdisk -v a.gpt | grep -c 'No problems found'", "1");
	must("sfdisk --verify a.gpt");
	guid_format(&g.id, text);
	snprintf(want, sizeof(want), "Disk identifier (GUID): %s", text);
	says("sgdisk -p a.gpt | grep GUID", want);
	says("sfdisk -l -o Start,End,Type,Name a.gpt | tail -n 2 | tr -s ' '",
	     " 2048 4095 EFI System EFI system\n 4096 8191 Linux filesystem root");
	says("sgdisk -i 1 a.gpt | sed -n 's/Attribute flags: //p'", "0000000000000001");
	guid_format(&parts[1].id, text);
	snprintf(want, sizeof(want), "Partition unique GUID: %s", text);
	says("sgdisk -i 2 a.gpt | grep unique", want);
}

TEST(gpt_refuses_bad_places)
{
	struct gpt g = make_gpt();

	CHECK_EQ(gpt_check(&g, NULL), 0);
	parts[1].first = 4095;
	CHECK_EQ(gpt_check(&g, NULL), -EINVAL);
	parts[1].first = 8192;
	CHECK_EQ(gpt_check(&g, NULL), -EINVAL);
	parts[1].first = 4096;
	parts[1].last = 10240 - GPT_TAIL;
	CHECK_EQ(gpt_check(&g, NULL), -EINVAL);
	parts[1].last = 10240 - GPT_TAIL - 1;
	CHECK_EQ(gpt_check(&g, NULL), 0);
	parts[0].first = GPT_FIRST_LBA - 1;
	CHECK_EQ(gpt_check(&g, NULL), -EINVAL);
	parts[0].first = 2048;
	parts[1].last = 8191;
	g.sectors = 60;
	CHECK_EQ(gpt_check(&g, NULL), -EINVAL);
}

TEST(guid_text_and_back)
{
	struct guid g, h;
	char text[37];

	CHECK_EQ(guid_parse("c12a7328-f81f-11d2-BA4B-00a0c93ec93b", &g), 0);
	CHECK_MEM_EQ(&g, &gpt_type_esp, 16);
	guid_format(&g, text);
	CHECK_STR_EQ(text, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
	CHECK_EQ(guid_parse("c12a7328-f81f-11d2-BA4B-00a0c93ec93", &g), -EINVAL);
	CHECK_EQ(guid_parse("c12a7328-f81f-11d2-BA4B-00a0c93ec93bb", &g), -EINVAL);
	CHECK_EQ(guid_parse("c12a7328+f81f-11d2-BA4B-00a0c93ec93b", &g), -EINVAL);
	CHECK_EQ(guid_parse("", &g), -EINVAL);
	/* The words matter, their border too; version and variant are those of RFC 9562. */
	g = guid_from_name("a", "bc");
	h = guid_from_name("ab", "c");
	CHECK(memcmp(&g, &h, 16));
	h = guid_from_name("a", "bc");
	CHECK_MEM_EQ(&g, &h, 16);
	CHECK_EQ(g.b[6] >> 4, 8);
	CHECK_EQ(g.b[8] >> 6, 2);
}
