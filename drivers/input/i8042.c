// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PS/2 keyboard controller (Intel UPI-41 programmed as in the PS/2) at ports
 * 0x60 and 0x64, with its keyboard and mouse: translation of set 2 to set 1,
 * interrupts 1 and 12, A20 gate, reset line.
 */
#include <errno.h>
#include <string.h>
#include "dev/input.h"
#include "dev/isa.h"
#include "ps2.h"

#define ST_OBF		0x01
#define ST_SYS		0x04
#define ST_CMD		0x08
#define ST_UNLOCKED	0x10
#define ST_AUX		0x20

#define MODE_KBD_INT	0x01
#define MODE_AUX_INT	0x02
#define MODE_SYS	0x04
#define MODE_KBD_OFF	0x10
#define MODE_AUX_OFF	0x20
#define MODE_XLATE	0x40

#define OUT_RESET	0x01	/* 0 resets the processor */
#define OUT_A20		0x02
#define OUT_IRQ1	0x10
#define OUT_IRQ12	0x20

#define CMD_READ_RAM	0x20
#define CMD_WRITE_RAM	0x60
#define CMD_PASSWORD	0xa4
#define CMD_AUX_OFF	0xa7
#define CMD_AUX_ON	0xa8
#define CMD_AUX_TEST	0xa9
#define CMD_SELF_TEST	0xaa
#define CMD_KBD_TEST	0xab
#define CMD_KBD_OFF	0xad
#define CMD_KBD_ON	0xae
#define CMD_READ_IN	0xc0
#define CMD_READ_OUT	0xd0
#define CMD_WRITE_OUT	0xd1
#define CMD_WRITE_KBD	0xd2
#define CMD_WRITE_AUX	0xd3
#define CMD_TO_AUX	0xd4
#define CMD_A20_OFF	0xdd
#define CMD_A20_ON	0xdf
#define CMD_READ_TEST	0xe0
#define CMD_PULSE	0xf0

struct i8042 {
	struct device dev;
	struct ps2_keyboard kbd;
	struct ps2_mouse mouse;
	u8 ram[32];		/* byte 0: mode */
	u8 status, outport;
	u8 command;		/* that waits for its byte, 0: none */
	u8 obuf;
	u8 pending, pending_source;	/* the controller's own answer: 0 none, else ST_OBF | ST_AUX */
	bool released;		/* translation: F0 was seen */
	const struct irq *irq_kbd, *irq_aux;
	struct input_sink keys, pointer;
	struct isa_io data, cmd;
};

/* ---- output ---- */

static void update_irq(struct i8042 *s)
{
	bool full = s->status & ST_OBF, aux = s->status & ST_AUX;

	irq_set(s->irq_kbd, full && !aux && (s->ram[0] & MODE_KBD_INT));
	irq_set(s->irq_aux, full && aux && (s->ram[0] & MODE_AUX_INT));
}

/* The keyboard's next byte as the host is to see it, -1: none. */
static int keyboard_byte(struct i8042 *s)
{
	int v = ps2_next(&s->kbd.q);

	if (v < 0 || !(s->ram[0] & MODE_XLATE))
		return v;
	if (v == 0xf0) {
		s->released = true;
		v = ps2_next(&s->kbd.q);
		if (v < 0)
			return v;
	}
	v = ps2_translate((u8)v);
	if (s->released)
		v |= 0x80;
	s->released = false;
	return v;
}

/* Fills the output buffer when it is empty: our own answer first, then keyboard, then mouse. */
static void fill(struct i8042 *s)
{
	int v = -1;
	u8 source = ST_OBF;

	if (s->status & ST_OBF)
		return;
	if (s->pending_source) {
		v = s->pending;
		source = s->pending_source;
		s->pending_source = 0;
	} else {
		if (!(s->ram[0] & MODE_KBD_OFF))
			v = keyboard_byte(s);
		if (v < 0 && !(s->ram[0] & MODE_AUX_OFF)) {
			ps2_mouse_poll(&s->mouse);
			v = ps2_next(&s->mouse.q);
			source = ST_OBF | ST_AUX;
		}
	}
	if (v < 0)
		return;
	s->obuf = (u8)v;
	s->status = (u8)((s->status & ~ST_AUX) | source);
	update_irq(s);
}

/* An answer of the controller takes the place of what nobody has read. */
static void answer(struct i8042 *s, u8 v, u8 source)
{
	s->pending = v;
	s->pending_source = source;
	s->status &= (u8)~ST_OBF;
	update_irq(s);
}

/* ---- output port ---- */

static void write_outport(struct i8042 *s, u8 v)
{
	struct machine *m = s->dev.machine;

	if (((s->outport ^ v) & OUT_A20) && m->ops && m->ops->a20)
		m->ops->a20(m->ctx, v & OUT_A20 ? 1 : 0);
	s->outport = v & (OUT_RESET | OUT_A20);
	if (!(v & OUT_RESET))
		machine_request(m, REQ_RESET);
}

static u8 read_outport(const struct i8042 *s)
{
	u8 v = s->outport | 0xc0;

	if (s->status & ST_OBF)
		v |= s->status & ST_AUX ? OUT_IRQ12 : OUT_IRQ1;
	return v;
}

/* ---- ports ---- */

static void set_mode(struct i8042 *s, u8 mode)
{
	s->ram[0] = mode;
	s->status = (u8)((s->status & ~ST_SYS) | (mode & MODE_SYS));
	update_irq(s);
}

static void write_command(struct i8042 *s, u8 v)
{
	s->status |= ST_CMD;
	s->command = 0;
	if (v >= CMD_READ_RAM && v < CMD_READ_RAM + 32)
		answer(s, s->ram[v & 31], ST_OBF);
	else if (v >= CMD_PULSE && !(v & OUT_RESET))
		machine_request(s->dev.machine, REQ_RESET);
	else if (v >= CMD_WRITE_RAM && v < CMD_WRITE_RAM + 32)
		s->command = v;
	switch (v) {
	case CMD_PASSWORD:	answer(s, 0xf1, ST_OBF); break;	/* none installed */
	case CMD_AUX_OFF:	set_mode(s, s->ram[0] | MODE_AUX_OFF); break;
	case CMD_AUX_ON:	set_mode(s, s->ram[0] & (u8)~MODE_AUX_OFF); break;
	case CMD_AUX_TEST:	case CMD_KBD_TEST: answer(s, 0, ST_OBF); break;
	case CMD_SELF_TEST:
		set_mode(s, s->ram[0] | MODE_SYS);
		answer(s, 0x55, ST_OBF);
		break;
	case CMD_KBD_OFF:	set_mode(s, s->ram[0] | MODE_KBD_OFF); break;
	case CMD_KBD_ON:	set_mode(s, s->ram[0] & (u8)~MODE_KBD_OFF); break;
	case CMD_READ_IN:	answer(s, 0x80, ST_OBF); break;	/* keyboard not locked */
	case CMD_READ_OUT:	answer(s, read_outport(s), ST_OBF); break;
	case CMD_READ_TEST:	answer(s, 0, ST_OBF); break;
	case CMD_WRITE_OUT:	case CMD_WRITE_KBD: case CMD_WRITE_AUX: case CMD_TO_AUX: s->command = v; break;
	case CMD_A20_OFF:	write_outport(s, s->outport & (u8)~OUT_A20); break;
	case CMD_A20_ON:	write_outport(s, s->outport | OUT_A20); break;
	}
	fill(s);
}

static void write_data(struct i8042 *s, u8 v)
{
	u8 command = s->command;

	s->status &= (u8)~ST_CMD;
	s->command = 0;
	switch (command) {
	case 0:
		s->ram[0] &= (u8)~MODE_KBD_OFF;
		s->released = false;
		ps2_keyboard_write(&s->kbd, v);
		break;
	case CMD_WRITE_RAM:
		set_mode(s, v);
		break;
	case CMD_WRITE_OUT:
		write_outport(s, v);
		break;
	case CMD_WRITE_KBD:
		answer(s, v, ST_OBF);
		break;
	case CMD_WRITE_AUX:
		answer(s, v, ST_OBF | ST_AUX);
		break;
	case CMD_TO_AUX:
		ps2_mouse_write(&s->mouse, v);
		break;
	default:
		s->ram[command & 31] = v;
	}
	fill(s);
}

static u64 data_read(void *opaque, u64 off, unsigned size)
{
	struct i8042 *s = opaque;
	u8 v = s->obuf;

	(void)off;
	(void)size;
	if (s->status & ST_OBF) {
		s->status &= (u8)~ST_OBF;
		update_irq(s);
		fill(s);
	}
	return v;
}

static void data_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)off;
	(void)size;
	write_data(opaque, (u8)val);
}

static u64 cmd_read(void *opaque, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct i8042 *)opaque)->status;
}

static void cmd_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)off;
	(void)size;
	write_command(opaque, (u8)val);
}

static const struct mem_ops data_ops = { .read = data_read, .write = data_write, .max = 1 };
static const struct mem_ops cmd_ops = { .read = cmd_read, .write = cmd_write, .max = 1 };

/* ---- input ---- */

static void on_key(struct device *dev, unsigned key, bool down)
{
	struct i8042 *s = (struct i8042 *)dev;

	ps2_keyboard_key(&s->kbd, key, down);
	fill(s);
}

static void on_mouse(struct device *dev, int dx, int dy, int dz, unsigned buttons)
{
	struct i8042 *s = (struct i8042 *)dev;

	ps2_mouse_move(&s->mouse, dx, dy, dz, buttons);
	fill(s);
}

/* ---- life ---- */

static void i8042_reset(struct device *dev)
{
	struct i8042 *s = (struct i8042 *)dev;

	ps2_keyboard_reset(&s->kbd);
	ps2_mouse_reset(&s->mouse);
	memset(s->ram, 0, sizeof(s->ram));
	s->ram[0] = MODE_KBD_INT | MODE_AUX_INT;
	s->status = ST_CMD | ST_UNLOCKED;
	s->command = s->pending_source = 0;
	s->released = false;
	update_irq(s);
	write_outport(s, OUT_RESET | OUT_A20);
}

static int i8042_realize(struct device *dev, struct err *err)
{
	struct i8042 *s = (struct i8042 *)dev;

	(void)err;
	s->irq_kbd = isa_irq(dev, 1);
	s->irq_aux = isa_irq(dev, 12);
	s->outport = OUT_RESET | OUT_A20;
	isa_io_add(dev, &s->data, "i8042-data", 0x60, 1, &data_ops);
	isa_io_add(dev, &s->cmd, "i8042-cmd", 0x64, 1, &cmd_ops);
	device_irqs_out(dev, NULL, &s->irq_kbd, 2);
	s->keys = (struct input_sink){ .dev = dev, .key = on_key };
	s->pointer = (struct input_sink){ .dev = dev, .mouse = on_mouse };
	if (machine_service_add(dev->machine, INPUT_KEYBOARD, &s->keys) < 0 ||
	    machine_service_add(dev->machine, INPUT_MOUSE, &s->pointer) < 0)
		return err_set(err, ENOSPC, "too many services");
	return 0;
}

static void i8042_unrealize(struct device *dev)
{
	struct i8042 *s = (struct i8042 *)dev;

	machine_service_add(dev->machine, INPUT_KEYBOARD, NULL);
	machine_service_add(dev->machine, INPUT_MOUSE, NULL);
	isa_io_del(&s->data);
	isa_io_del(&s->cmd);
}

static const struct state_field i8042_fields[] = {
	STATE_SUB(struct i8042, kbd, ps2_keyboard_fields),
	STATE_SUB(struct i8042, mouse, ps2_mouse_fields),
	STATE_ARRAY(struct i8042, ram, U8), STATE(struct i8042, status, U8), STATE(struct i8042, outport, U8),
	STATE(struct i8042, command, U8), STATE(struct i8042, obuf, U8), STATE(struct i8042, pending, U8),
	STATE(struct i8042, pending_source, U8), STATE(struct i8042, released, BOOL),
	STATE_END
};

static int i8042_post_load(void *dev, u8 version, struct err *err)
{
	struct i8042 *s = dev;
	struct machine *m = s->dev.machine;

	(void)version;
	if (ps2_check(&s->kbd, &s->mouse) < 0)
		return err_set(err, EINVAL, "i8042: a queue is not sane");
	if (m->ops && m->ops->a20)
		m->ops->a20(m->ctx, s->outport & OUT_A20 ? 1 : 0);
	update_irq(s);
	return 0;
}

static const struct state_table i8042_state = { .version = 1, .fields = i8042_fields, .post_load = i8042_post_load };

static const struct device_class i8042_class = {
	.name = "i8042", .desc = "PS/2 keyboard controller with keyboard and mouse", .bus = "ISA", .category = "Input",
	.size = sizeof(struct i8042), .locking = LOCK_DEVICE, .internal = true,
	.realize = i8042_realize, .unrealize = i8042_unrealize, .reset = i8042_reset, .state = &i8042_state,
};
REGISTER(device, i8042_class);
