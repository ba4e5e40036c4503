/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * strerror() with the texts that Linux users and their scripts know: musl
 * words some of them its own way. Takes musl's place in the static link.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int code;
	const char *text;
} texts[] = {
	{ 0, "Success" }, { EPERM, "Operation not permitted" }, { ENOENT, "No such file or directory" },
	{ ESRCH, "No such process" }, { EINTR, "Interrupted system call" }, { EIO, "Input/output error" },
	{ ENXIO, "No such device or address" }, { E2BIG, "Argument list too long" },
	{ ENOEXEC, "Exec format error" }, { EBADF, "Bad file descriptor" }, { ECHILD, "No child processes" },
	{ EAGAIN, "Resource temporarily unavailable" }, { ENOMEM, "Cannot allocate memory" },
	{ EACCES, "Permission denied" }, { EFAULT, "Bad address" }, { ENOTBLK, "Block device required" },
	{ EBUSY, "Device or resource busy" }, { EEXIST, "File exists" }, { EXDEV, "Invalid cross-device link" },
	{ ENODEV, "No such device" }, { ENOTDIR, "Not a directory" }, { EISDIR, "Is a directory" },
	{ EINVAL, "Invalid argument" }, { ENFILE, "Too many open files in system" },
	{ EMFILE, "Too many open files" }, { ENOTTY, "Inappropriate ioctl for device" },
	{ ETXTBSY, "Text file busy" }, { EFBIG, "File too large" }, { ENOSPC, "No space left on device" },
	{ ESPIPE, "Illegal seek" }, { EROFS, "Read-only file system" }, { EMLINK, "Too many links" },
	{ EPIPE, "Broken pipe" }, { EDOM, "Numerical argument out of domain" },
	{ ERANGE, "Numerical result out of range" }, { EDEADLK, "Resource deadlock avoided" },
	{ ENAMETOOLONG, "File name too long" }, { ENOLCK, "No locks available" },
	{ ENOSYS, "Function not implemented" }, { ENOTEMPTY, "Directory not empty" },
	{ ELOOP, "Too many levels of symbolic links" }, { ENODATA, "No data available" },
	{ ETIME, "Timer expired" }, { EPROTO, "Protocol error" }, { EBADMSG, "Bad message" },
	{ EOVERFLOW, "Value too large for defined data type" }, { EILSEQ, "Invalid or incomplete multibyte or wide character" },
	{ EUSERS, "Too many users" }, { ENOTSOCK, "Socket operation on non-socket" },
	{ EDESTADDRREQ, "Destination address required" }, { EMSGSIZE, "Message too long" },
	{ EPROTOTYPE, "Protocol wrong type for socket" }, { ENOPROTOOPT, "Protocol not available" },
	{ EPROTONOSUPPORT, "Protocol not supported" }, { ESOCKTNOSUPPORT, "Socket type not supported" },
	{ EOPNOTSUPP, "Operation not supported" }, { EPFNOSUPPORT, "Protocol family not supported" },
	{ EAFNOSUPPORT, "Address family not supported by protocol" }, { EADDRINUSE, "Address already in use" },
	{ EADDRNOTAVAIL, "Cannot assign requested address" }, { ENETDOWN, "Network is down" },
	{ ENETUNREACH, "Network is unreachable" }, { ENETRESET, "Network dropped connection on reset" },
	{ ECONNABORTED, "Software caused connection abort" }, { ECONNRESET, "Connection reset by peer" },
	{ ENOBUFS, "No buffer space available" }, { EISCONN, "Transport endpoint is already connected" },
	{ ENOTCONN, "Transport endpoint is not connected" },
	{ ESHUTDOWN, "Cannot send after transport endpoint shutdown" }, { ETIMEDOUT, "Connection timed out" },
	{ ECONNREFUSED, "Connection refused" }, { EHOSTDOWN, "Host is down" },
	{ EHOSTUNREACH, "No route to host" }, { EALREADY, "Operation already in progress" },
	{ EINPROGRESS, "Operation now in progress" }, { ESTALE, "Stale file handle" },
	{ EDQUOT, "Disk quota exceeded" }, { ENOMEDIUM, "No medium found" },
	{ EMEDIUMTYPE, "Wrong medium type" }, { ECANCELED, "Operation canceled" },
	{ ENOKEY, "Required key not available" }, { EOWNERDEAD, "Owner died" },
	{ ENOTRECOVERABLE, "State not recoverable" },
};

char *strerror(int code)
{
	static _Thread_local char unknown[32];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].code == code)
			return (char *)texts[i].text;
	snprintf(unknown, sizeof(unknown), "Unknown error %d", code);
	return unknown;
}
