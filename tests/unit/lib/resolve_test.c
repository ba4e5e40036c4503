// SPDX-License-Identifier: GPL-2.0-or-later
/* localhost is the loopback address wherever the test runs. */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "resolve.h"
#include "test.h"

static bool loopback(const struct addrinfo *a)
{
	if (a->ai_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, a->ai_addr, sizeof(in));
		return ntohl(in.sin_addr.s_addr) == INADDR_LOOPBACK && ntohs(in.sin_port) == 10809;
	}
	struct sockaddr_in6 in6;

	memcpy(&in6, a->ai_addr, sizeof(in6));
	return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) && ntohs(in6.sin6_port) == 10809;
}

static void all_loopback(const char *host, int flags)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *all = NULL;

	CHECK_EQ(resolve_host(host, "10809", &hints, &all), 0);
	CHECK(all != NULL);
	for (struct addrinfo *a = all; a; a = a->ai_next)
		CHECK(loopback(a));
	if (all)
		freeaddrinfo(all);
}

TEST(localhost_is_loopback)
{
	all_loopback("localhost", 0);
	all_loopback("LocalHost", AI_PASSIVE);
}

TEST(others_are_asked_for)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *all = NULL;

	all_loopback("127.0.0.1", AI_NUMERICHOST);
	CHECK_NE(resolve_host("localhost.example", "1", &hints, &all), 0);
}
