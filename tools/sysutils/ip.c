// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet ip: network interfaces, addresses and routes, as far as an appliance
 * needs it: the ioctls of netdevice(7), IPv4.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "str.h"
#include "util.h"

struct ip_args {
	struct opt_list words;
};

static int usage(void)
{
	struct err err = ERR_INIT;

	err_set(&err, EINVAL, "not understood; ip --help tells what is");
	err_report(&err);
	return 2;
}

static int control(unsigned long request, void *arg, const char *what)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return util_fail("socket");
	rc = ioctl(fd, request, arg) ? util_fail(what) : 0;
	close(fd);
	return rc;
}

/* "10.0.0.1/24" into an address and a mask, in network order. */
static int parse_address(const char *text, struct in_addr *addr, struct in_addr *mask)
{
	char host[32];
	const char *slash = strchr(text, '/');
	u64 bits = 32;

	snprintf(host, sizeof(host), "%.*s", slash ? (int)MIN(slash - text, 31) : 31, text);
	if (!inet_aton(host, addr) || (slash && str_to_u64_range(slash + 1, 0, 32, &bits)))
		return -EINVAL;
	mask->s_addr = htonl(bits ? ~0u << (32 - bits) : 0);
	return 0;
}

static void set_sockaddr(void *to, struct in_addr addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = addr };

	memcpy(to, &sin, sizeof(sin));
}

static bool set_name(struct ifreq *ifr, const char *dev)
{
	memset(ifr, 0, sizeof(*ifr));
	return dev && snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", dev) <
		      (int)sizeof(ifr->ifr_name);
}

/* ---- link ---- */

static int link_show(void)
{
	struct if_nameindex *list = if_nameindex();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (struct if_nameindex *i = list; i && i->if_name && fd >= 0; i++) {
		struct ifreq flags, mtu, hw;
		const u8 *mac;

		set_name(&flags, i->if_name);
		set_name(&mtu, i->if_name);
		set_name(&hw, i->if_name);
		if (ioctl(fd, SIOCGIFFLAGS, &flags) || ioctl(fd, SIOCGIFMTU, &mtu) ||
		    ioctl(fd, SIOCGIFHWADDR, &hw))
			continue;
		mac = (const u8 *)hw.ifr_hwaddr.sa_data;
		printf("%u: %s: <%s%s> mtu %d %02x:%02x:%02x:%02x:%02x:%02x\n", i->if_index,
		       i->if_name, flags.ifr_flags & IFF_UP ? "UP" : "DOWN",
		       flags.ifr_flags & IFF_RUNNING ? ",RUNNING" : "", mtu.ifr_mtu, mac[0], mac[1],
		       mac[2], mac[3], mac[4], mac[5]);
	}
	if (list)
		if_freenameindex(list);
	if (fd >= 0)
		close(fd);
	return list ? 0 : util_fail("interfaces");
}

static int link_flags(const char *dev, short set, short clear)
{
	struct ifreq ifr;

	if (!set_name(&ifr, dev))
		return usage();
	if (control(SIOCGIFFLAGS, &ifr, dev))
		return 1;
	ifr.ifr_flags = (ifr.ifr_flags & ~clear) | set;
	return control(SIOCSIFFLAGS, &ifr, dev);
}

/* ip link set [dev] DEV up|down|mtu N|promisc on|off */
static int link_set(char **w, int n)
{
	struct ifreq ifr;
	u64 mtu;
	bool on;

	if (n > 1 && !strcmp(w[0], "dev"))
		w++, n--;
	if (n == 2 && (!strcmp(w[1], "up") || !strcmp(w[1], "down")))
		return !strcmp(w[1], "up") ? link_flags(w[0], IFF_UP, 0) : link_flags(w[0], 0, IFF_UP);
	if (n == 3 && !strcmp(w[1], "promisc") && !str_to_bool(w[2], &on))
		return link_flags(w[0], on ? IFF_PROMISC : 0, IFF_PROMISC);
	if (n != 3 || strcmp(w[1], "mtu") || str_to_u64_range(w[2], 1, 1 << 20, &mtu) ||
	    !set_name(&ifr, w[0]))
		return usage();
	ifr.ifr_mtu = mtu;
	return control(SIOCSIFMTU, &ifr, w[0]);
}

static int ip_link(char **w, int n)
{
	if (!n || !strcmp(w[0], "show"))
		return link_show();
	return !strcmp(w[0], "set") ? link_set(w + 1, n - 1) : usage();
}

/* ---- address ---- */

static int addr_show(void)
{
	struct ifaddrs *list, *a;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&list))
		return util_fail("addresses");
	for (a = list; a; a = a->ifa_next) {
		int family = a->ifa_addr ? a->ifa_addr->sa_family : 0, bits = 0;
		const u8 *addr, *mask;
		size_t len = family == AF_INET ? 4 : 16;

		if ((family != AF_INET && family != AF_INET6) || !a->ifa_netmask)
			continue;
		addr = family == AF_INET ? (u8 *)&((struct sockaddr_in *)a->ifa_addr)->sin_addr :
					   (u8 *)&((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr;
		mask = family == AF_INET ? (u8 *)&((struct sockaddr_in *)a->ifa_netmask)->sin_addr :
					   (u8 *)&((struct sockaddr_in6 *)a->ifa_netmask)->sin6_addr;
		for (size_t i = 0; i < len; i++)
			bits += __builtin_popcount(mask[i]);
		printf("%s: %s %s/%d\n", a->ifa_name, family == AF_INET ? "inet" : "inet6",
		       inet_ntop(family, addr, text, sizeof(text)), bits);
	}
	freeifaddrs(list);
	return 0;
}

/* ip addr add|del ADDRESS/BITS dev DEV */
static int ip_addr(char **w, int n)
{
	struct in_addr addr, mask, none = { 0 };
	struct ifreq ifr;
	bool add;

	if (!n || !strcmp(w[0], "show"))
		return addr_show();
	add = !strcmp(w[0], "add");
	if (n != 4 || (!add && strcmp(w[0], "del")) || strcmp(w[2], "dev") ||
	    parse_address(w[1], &addr, &mask) || !set_name(&ifr, w[3]))
		return usage();
	set_sockaddr(&ifr.ifr_addr, add ? addr : none);
	if (control(SIOCSIFADDR, &ifr, w[3]) || !add)
		return !add ? 0 : 1;
	set_sockaddr(&ifr.ifr_netmask, mask);
	return control(SIOCSIFNETMASK, &ifr, w[3]);
}

/* ---- route ---- */

static int route_show(void)
{
	FILE *f = fopen("/proc/net/route", "re");
	unsigned dest, gateway, flags, mask;
	char dev[32], line[256], a[16], b[16];

	if (!f)
		return util_fail("/proc/net/route");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31s %x %x %x %*d %*d %*d %x", dev, &dest, &gateway, &flags, &mask) != 5)
			continue;
		inet_ntop(AF_INET, &dest, a, sizeof(a));
		inet_ntop(AF_INET, &gateway, b, sizeof(b));
		if (!mask)
			printf("default");
		else
			printf("%s/%d", a, __builtin_popcount(mask));
		if (flags & RTF_GATEWAY)
			printf(" via %s", b);
		printf(" dev %s\n", dev);
	}
	fclose(f);
	return 0;
}

/* ip route add|del default|NET/BITS [via GATEWAY] [dev DEV] */
static int ip_route(char **w, int n)
{
	struct in_addr dest = { 0 }, mask = { 0 }, gateway;
	struct rtentry rt = { .rt_flags = RTF_UP };
	bool add;

	if (!n || !strcmp(w[0], "show"))
		return route_show();
	add = !strcmp(w[0], "add");
	if (n < 4 || n % 2 || (!add && strcmp(w[0], "del")) ||
	    (strcmp(w[1], "default") && parse_address(w[1], &dest, &mask)))
		return usage();
	for (int i = 2; i < n; i += 2) {
		if (!strcmp(w[i], "dev"))
			rt.rt_dev = w[i + 1];
		else if (strcmp(w[i], "via") || !inet_aton(w[i + 1], &gateway))
			return usage();
		else
			rt.rt_flags |= RTF_GATEWAY;
	}
	dest.s_addr &= mask.s_addr;
	set_sockaddr(&rt.rt_dst, dest);
	set_sockaddr(&rt.rt_genmask, mask);
	if (rt.rt_flags & RTF_GATEWAY)
		set_sockaddr(&rt.rt_gateway, gateway);
	if (mask.s_addr == 0xffffffff)
		rt.rt_flags |= RTF_HOST;
	return control(add ? SIOCADDRT : SIOCDELRT, &rt, w[1]);
}

static int ip_run(void *p, const struct opt_call *call)
{
	struct ip_args *args = p;
	char *w[16];
	int n = args->words.n;

	(void)call;
	if (n > (int)ARRAY_SIZE(w))
		return usage();
	for (int i = 0; i < n; i++)
		w[i] = (char *)args->words.v[i].val;
	if (!n || str_starts("address", w[0], NULL))
		return ip_addr(w + 1, n ? n - 1 : 0);
	if (str_starts("link", w[0], NULL))
		return ip_link(w + 1, n - 1);
	return str_starts("route", w[0], NULL) ? ip_route(w + 1, n - 1) : usage();
}

#define A struct ip_args
static const struct opt ip_opts[] = {
	OPERAND_REST("WORD", A, words, "an object and what to do with it; ip alone shows the addresses"),
	OPT_END
};
#undef A

static const struct opt_section ip_sections[] = {
	{ "COMMANDS",
	  "ip link [show]\t-- interfaces\n\n"
	  "ip link set DEV up|down\t-- switch an interface on or off\n\n"
	  "ip link set DEV mtu N\t-- size of packets\n\n"
	  "ip link set DEV promisc on|off\t-- take in all packets\n\n"
	  "ip addr [show]\t-- addresses\n\n"
	  "ip addr add|del ADDRESS/BITS dev DEV\t-- set or remove the IPv4 address\n\n"
	  "ip route [show]\t-- routes\n\n"
	  "ip route add|del default|NET/BITS [via GATEWAY] [dev DEV]\t-- an IPv4 route" },
	{ NULL, NULL }
};

static const struct opt_cmd ip_cmd = {
	.name = "ip", .summary = "network interfaces, addresses and routes", .opts = ip_opts,
	.sections = ip_sections, .args_size = sizeof(struct ip_args), .run = ip_run,
};
static const struct applet ip_applet = { .cmd = &ip_cmd };
APPLET(ip_applet);
