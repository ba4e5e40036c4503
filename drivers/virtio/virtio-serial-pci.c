// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Console device (virtio 1.2 section 5.3) with up to 31 ports: consoles
 * (virtconsole) and named channels (virtserialport), each on a character
 * backend. What a backend does not take stays with us until it has room.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "dev/char.h"
#include "dev/virtio.h"
#include "str.h"

#define F_MULTIPORT	BIT(1)
#define F_EMERG_WRITE	BIT(2)
#define QUEUE_SIZE	128
#define PORTS_MAX	31
#define Q_CTRL_RX	2
#define Q_CTRL_TX	3
#define CONFIG_LEN	12

/* Control messages (5.3.6.2). */
#define DEVICE_READY	0
#define DEVICE_ADD	1
#define DEVICE_REMOVE	2
#define PORT_READY	3
#define CONSOLE_PORT	4
#define PORT_OPEN	6
#define PORT_NAME	7
#define MSG_LEN		8

struct vserial;

/* What of a port changes; its slot stays when the port goes, for the last message. */
struct slot {
	u32 pending;			/* messages to send, a bit each */
	bool guest_open, host_open;
	u32 tx_off;			/* bytes that the backend has of the element at the head */
	/* Not saved: */
	struct port *port;
	struct virtq_elem *rx, *tx;
};

struct port {
	struct device dev;
	struct chardev *chr;		/* properties */
	char *name;
	u32 nr;
	bool console;
	struct vserial *s;
	struct char_fe fe;
};

struct vserial {
	struct virtio_dev v;
	u32 max_ports;			/* properties */
	bool emergency;
	struct device_bus bus;
	struct slot slots[PORTS_MAX];
	bool driver_ready, paused;
};

static unsigned rx_queue(u32 nr)
{
	return nr ? 2 * nr + 2 : 0;
}

static unsigned tx_queue(u32 nr)
{
	return rx_queue(nr) + 1;
}

/* ---- messages to the driver ---- */

static bool send_message(struct vserial *s, u32 nr, u16 event)
{
	struct virtq_elem *e = s->paused ? NULL : virtq_pop(&s->v, Q_CTRL_RX);
	const struct slot *t = &s->slots[nr];
	u8 msg[MSG_LEN + 256];
	size_t len = MSG_LEN;

	if (!e)
		return false;
	put_le32(msg, nr);
	put_le16(msg + 4, event);
	put_le16(msg + 6, event == PORT_OPEN ? t->host_open : 1);
	if (event == PORT_NAME && t->port && t->port->name)
		len += (size_t)snprintf((char *)msg + MSG_LEN, sizeof(msg) - MSG_LEN, "%.200s", t->port->name);
	virtq_push(&s->v, Q_CTRL_RX, e, (u32)virtq_write(e, 0, msg, len));
	return true;
}

static void flush_messages(struct vserial *s)
{
	bool sent = false;
	u16 event;
	u32 nr;

	for (nr = 0; nr < s->max_ports && s->driver_ready; nr++)
		for (event = DEVICE_ADD; event <= PORT_NAME; event++) {
			if (!(s->slots[nr].pending >> event & 1))
				continue;
			if (!send_message(s, nr, event))
				goto out;
			s->slots[nr].pending &= ~(1U << event);
			sent = true;
		}
out:
	if (sent)
		virtq_interrupt(&s->v, Q_CTRL_RX);
}

static void tell(struct vserial *s, u32 nr, u16 event)
{
	if (!virtio_has(&s->v, F_MULTIPORT) || !s->driver_ready)
		return;
	s->slots[nr].pending |= 1U << event;
	flush_messages(s);
}

/* ---- guest to host ---- */

/* What the backend takes of the element; true: all of it. */
static bool write_elem(struct slot *t, const struct virtq_elem *e)
{
	u8 buf[4096];

	for (;;) {
		size_t n = virtq_read(e, t->tx_off, buf, sizeof(buf));
		unsigned took = n && t->port ? chardev_write(&t->port->fe, buf, (unsigned)n) : (unsigned)n;

		t->tx_off += took;
		if (took < n)
			return false;
		if (n < sizeof(buf)) {
			t->tx_off = 0;
			return true;
		}
	}
}

static void run_tx(struct vserial *s, u32 nr)
{
	struct slot *t = &s->slots[nr];
	unsigned q = tx_queue(nr);
	bool done = false;

	while (!s->paused) {
		if (!t->tx)
			t->tx = virtq_pop(&s->v, q);
		if (!t->tx || !write_elem(t, t->tx))
			break;
		virtq_push(&s->v, q, t->tx, 0);
		t->tx = NULL;
		done = true;
	}
	if (done)
		virtq_interrupt(&s->v, q);
}

static void fe_writable(void *opaque)
{
	struct port *p = opaque;

	run_tx(p->s, p->nr);
}

/* ---- host to guest ---- */

static unsigned fe_can_read(void *opaque)
{
	struct port *p = opaque;
	struct vserial *s = p->s;
	struct slot *t = &s->slots[p->nr];

	if (s->paused || (!p->console && virtio_has(&s->v, F_MULTIPORT) && !t->guest_open))
		return 0;
	if (!t->rx)
		t->rx = virtq_pop(&s->v, rx_queue(p->nr));
	return t->rx ? (unsigned)MIN(t->rx->in_len, 65536ULL) : 0;
}

static void fe_read(void *opaque, const u8 *buf, unsigned len)
{
	struct port *p = opaque;
	struct slot *t = &p->s->slots[p->nr];
	unsigned q = rx_queue(p->nr);
	size_t n;

	while (len && (t->rx || (t->rx = virtq_pop(&p->s->v, q)))) {
		n = virtq_write(t->rx, 0, buf, len);
		virtq_push(&p->s->v, q, t->rx, (u32)n);
		t->rx = NULL;
		buf += n;
		len -= (unsigned)n;
		if (!n)
			break;
	}
	virtq_interrupt(&p->s->v, q);
}

static void fe_event(void *opaque, enum char_event ev)
{
	struct port *p = opaque;
	struct slot *t = &p->s->slots[p->nr];

	if (ev == CHAR_BREAK || t->host_open == (ev == CHAR_OPENED))
		return;
	t->host_open = ev == CHAR_OPENED;
	tell(p->s, p->nr, PORT_OPEN);
}

/* ---- messages from the driver ---- */

static void announce_all(struct vserial *s)
{
	u32 nr;

	for (nr = 0; nr < s->max_ports; nr++) {
		s->slots[nr].guest_open = false;
		s->slots[nr].pending = s->slots[nr].port ? 1U << DEVICE_ADD : 0;
	}
	flush_messages(s);
}

static void port_ready(struct vserial *s, u32 nr)
{
	struct slot *t = &s->slots[nr];

	if (!t->port)
		return;
	t->pending |= (t->port->console ? 1U << CONSOLE_PORT : 0) | (t->port->name ? 1U << PORT_NAME : 0) |
		      (t->host_open ? 1U << PORT_OPEN : 0);
	flush_messages(s);
}

static void guest_opened(struct vserial *s, u32 nr, bool open)
{
	struct slot *t = &s->slots[nr];
	char text[128];

	if (!t->port || t->guest_open == open)
		return;
	t->guest_open = open;
	snprintf(text, sizeof(text), "{\"id\": \"%.64s\", \"open\": %s}", t->port->dev.id ? t->port->dev.id : t->port->dev.path,
		 open ? "true" : "false");
	machine_event(s->v.dev.machine, "VSERPORT_CHANGE", text);
	if (open)
		chardev_accept_input(&t->port->fe);
}

static void take_message(struct vserial *s, const u8 *msg)
{
	u32 nr = get_le32(msg);
	u16 event = get_le16(msg + 4), value = get_le16(msg + 6);

	if (event == DEVICE_READY) {
		s->driver_ready = value == 1;
		if (s->driver_ready)
			announce_all(s);
	} else if (nr < s->max_ports && event == PORT_READY && value) {
		port_ready(s, nr);
	} else if (nr < s->max_ports && event == PORT_OPEN) {
		guest_opened(s, nr, value);
	}
}

static void run_control(struct vserial *s)
{
	struct virtq_elem *e;
	u8 msg[MSG_LEN];

	while (!s->paused && (e = virtq_pop(&s->v, Q_CTRL_TX))) {
		if (virtq_read(e, 0, msg, sizeof(msg)) == sizeof(msg))
			take_message(s, msg);
		virtq_push(&s->v, Q_CTRL_TX, e, 0);
	}
	virtq_interrupt(&s->v, Q_CTRL_TX);
}

static void vserial_notify(struct virtio_dev *v, unsigned q)
{
	struct vserial *s = (struct vserial *)v;
	u32 nr = q < 2 ? 0 : q / 2 - 1;

	if (q == Q_CTRL_RX)
		flush_messages(s);
	else if (q == Q_CTRL_TX)
		run_control(s);
	else if (nr >= s->max_ports)
		return;
	else if (q & 1)
		run_tx(s, nr);
	else if (s->slots[nr].port)
		chardev_accept_input(&s->slots[nr].port->fe);
}

/* ---- configuration ---- */

static void vserial_get_config(struct virtio_dev *v, u8 *cfg)
{
	memset(cfg, 0, CONFIG_LEN);
	put_le32(cfg + 4, ((struct vserial *)v)->max_ports);
}

/* The emergency write: a character before any queue exists. */
static void vserial_set_config(struct virtio_dev *v, const u8 *cfg)
{
	struct vserial *s = (struct vserial *)v;
	u32 val = get_le32(cfg + 8);
	u8 c = (u8)val;

	if (s->emergency && val && s->slots[0].port)
		chardev_write(&s->slots[0].port->fe, &c, 1);
}

static void drop_elems(struct slot *t)
{
	if (t->rx)
		virtq_drop(t->rx);
	if (t->tx)
		virtq_drop(t->tx);
	t->rx = t->tx = NULL;
	t->tx_off = 0;
}

static void vserial_reset(struct virtio_dev *v)
{
	struct vserial *s = (struct vserial *)v;
	u32 nr;

	s->driver_ready = false;
	for (nr = 0; nr < PORTS_MAX; nr++) {
		guest_opened(s, nr, false);
		drop_elems(&s->slots[nr]);
		s->slots[nr].pending = 0;
	}
}

static const struct virtio_ops vserial_ops = {
	.id = VIRTIO_ID_CONSOLE, .class_code = 0x078000, .features = F_MULTIPORT, .queues = 2 * (PORTS_MAX + 1),
	.queue_size = QUEUE_SIZE, .config_len = CONFIG_LEN, .get_config = vserial_get_config, .set_config = vserial_set_config,
	.notify = vserial_notify, .reset = vserial_reset,
};

/* ---- the controller ---- */

static int vserial_realize(struct device *dev, struct err *err)
{
	struct vserial *s = (struct vserial *)dev;
	char name[48];

	if (!s->max_ports || s->max_ports > PORTS_MAX)
		return err_set(err, EINVAL, "invalid max_ports, must be between 1 and %u", PORTS_MAX);
	s->paused = !dev->machine->running;
	if (virtio_init(&s->v, &vserial_ops, 2 * (s->max_ports + 1), s->emergency ? F_EMERG_WRITE : 0, err) < 0)
		return -err->code;
	if (dev->id)
		snprintf(name, sizeof(name), "%.40s.0", dev->id);
	else
		snprintf(name, sizeof(name), "virtio-serial-bus.%s", strrchr(dev->path, '.') ? strrchr(dev->path, '.') + 1 : "0");
	device_bus_init(&s->bus, "virtio-serial-bus", name, dev);
	s->bus.max = (int)s->max_ports;
	return 0;
}

static void vserial_unrealize(struct device *dev) { virtio_exit(to_virtio(dev)); }
static void vserial_dev_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }

/* Elements in our hands go back into their rings. */
static void vserial_set_running(struct device *dev, bool running)
{
	struct vserial *s = (struct vserial *)dev;
	unsigned q;
	u32 nr;

	device_lock(dev);
	s->paused = !running;
	for (nr = 0; nr < s->max_ports && !running; nr++) {
		struct slot *t = &s->slots[nr];

		if (t->rx)
			virtq_unpop(&s->v, rx_queue(nr), t->rx);
		if (t->tx)
			virtq_unpop(&s->v, tx_queue(nr), t->tx);
		t->rx = t->tx = NULL;
	}
	for (q = 0; q < s->v.queues && running; q++)
		vserial_notify(&s->v, q);
	device_unlock(dev);
}

static const struct state_field slot_fields[] = {
	STATE(struct slot, pending, U32), STATE(struct slot, guest_open, BOOL), STATE(struct slot, tx_off, U32), STATE_END
};

static const struct state_field vserial_fields[] = {
	STATE_VIRTIO(struct vserial, v), STATE(struct vserial, driver_ready, BOOL),
	STATE_SUB_ARRAY(struct vserial, slots, slot_fields), STATE_END
};

static int vserial_post_load(void *dev, u8 version, struct err *err)
{
	struct vserial *s = dev;
	u32 nr;

	(void)version;
	if (virtio_post_load(&s->v, err) < 0)
		return -err->code;
	/* The peers of the backends may be others now. */
	for (nr = 0; nr < s->max_ports; nr++)
		if (s->slots[nr].port && s->driver_ready)
			s->slots[nr].pending |= 1U << PORT_OPEN;
	return 0;
}

static const struct state_table vserial_state = { .version = 1, .fields = vserial_fields, .post_load = vserial_post_load };
static const struct pci_ops vserial_pci_ops = VIRTIO_PCI_OPS;

static const struct prop vserial_props[] = {
	PROP(struct vserial, max_ports, "max_ports", U32, PORTS_MAX, "ports"),
	PROP(struct vserial, emergency, "emergency-write", BOOL, 1, "characters without a queue"),
	PROP_END
};

/* What it is on either transport. */
#define VIRTIO_SERIAL_COMMON \
	.category = "Input", .size = sizeof(struct vserial), .locking = LOCK_DEVICE, .props = vserial_props, \
	.realize = vserial_realize, .unrealize = vserial_unrealize, .reset = vserial_dev_reset, \
	.set_running = vserial_set_running, .state = &vserial_state

static const struct device_class virtio_serial_class = {
	.name = "virtio-serial-pci", .alias = "virtio-serial", .desc = "virtio consoles and channels", .bus = "PCI",
	.bus_props = virtio_props, .type_ops = &vserial_pci_ops, VIRTIO_SERIAL_COMMON,
};
REGISTER(device, virtio_serial_class);

static const struct device_class virtio_serial_device_class = {
	.name = "virtio-serial-device", .desc = "virtio consoles and channels", .bus = "virtio-bus",
	.bus_props = virtio_bus_props, VIRTIO_SERIAL_COMMON,
};
REGISTER(device, virtio_serial_device_class);

/* ---- the ports ---- */

/* Port 0 is kept for a console: older drivers know no other. */
static int choose_nr(struct port *p, struct err *err)
{
	struct vserial *s = p->s;

	if (p->nr == 0xffffffff)
		for (p->nr = p->console ? 0 : 1; p->nr < s->max_ports && s->slots[p->nr].port; p->nr++)
			;
	if (p->nr >= s->max_ports)
		return err_set(err, EINVAL, "out-of-range port id specified, max. allowed: %u", s->max_ports - 1);
	if (p->nr == 0 && !p->console)
		return err_set(err, EINVAL, "port number 0 on virtio-serial devices reserved for virtconsole devices for backward compatibility");
	if (s->slots[p->nr].port)
		return err_set(err, EBUSY, "a virtio-serial port already exists at id %u", p->nr);
	return 0;
}

static int port_realize(struct port *p, bool console, struct err *err)
{
	struct vserial *s = (struct vserial *)p->dev.bus->parent;

	p->s = s;
	p->console = console;
	if (choose_nr(p, err) < 0)
		return -err->code;
	if (p->name && strlen(p->name) > 200)
		return err_set(err, EINVAL, "name: at most 200 characters");
	p->fe = (struct char_fe){ .dev = &s->v.dev, .label = p->dev.path, .can_read = fe_can_read, .read = fe_read,
				  .event = fe_event, .writable = fe_writable, .opaque = p };
	if (p->chr && chardev_attach(p->chr, &p->fe, err) < 0)
		return -err->code;
	device_lock(&s->v.dev);
	s->slots[p->nr].host_open = p->chr && chardev_is_open(p->chr);
	s->slots[p->nr].port = p;
	tell(s, p->nr, DEVICE_ADD);
	device_unlock(&s->v.dev);
	return 0;
}

static int console_realize(struct device *dev, struct err *err) { return port_realize((struct port *)dev, true, err); }
static int serialport_realize(struct device *dev, struct err *err) { return port_realize((struct port *)dev, false, err); }

static void port_unrealize(struct device *dev)
{
	struct port *p = (struct port *)dev;
	struct vserial *s = p->s;
	struct slot *t = &s->slots[p->nr];

	device_lock(&s->v.dev);
	if (t->rx)
		virtq_unpop(&s->v, rx_queue(p->nr), t->rx);
	if (t->tx)
		virtq_unpop(&s->v, tx_queue(p->nr), t->tx);
	*t = (struct slot){ .pending = 0 };
	tell(s, p->nr, DEVICE_REMOVE);
	device_unlock(&s->v.dev);
	chardev_detach(&p->fe);
}

static const struct prop port_props[] = {
	PROP(struct port, chr, "chardev", CHARDEV, 0, "character backend"),
	PROP(struct port, name, "name", STR, 0, "name by which the guest finds it (/dev/virtio-ports)"),
	PROP(struct port, nr, "nr", U32, 0xffffffff, "number; default: the next"),
	PROP_END
};

static const struct device_class virtconsole_class = {
	.name = "virtconsole", .desc = "virtio console", .bus = "virtio-serial-bus", .category = "Input", .size = sizeof(struct port),
	.locking = LOCK_NONE, .hotplug = true, .props = port_props, .realize = console_realize, .unrealize = port_unrealize,
};
REGISTER(device, virtconsole_class);

static const struct device_class virtserialport_class = {
	.name = "virtserialport", .desc = "channel to the guest, by name", .bus = "virtio-serial-bus", .category = "Input",
	.size = sizeof(struct port), .locking = LOCK_NONE, .hotplug = true, .props = port_props, .realize = serialport_realize,
	.unrealize = port_unrealize,
};
REGISTER(device, virtserialport_class);
