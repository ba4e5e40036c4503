# SPDX-License-Identifier: GPL-2.0-or-later
"""Statements (ACPI 6.4, 20.2.5.3): If, While, Return, and what touches the world outside."""
from .interp import BREAK, CONTINUE, RETURN, op
from .values import AmlError, Event, Mutex, NodeRef, describe


@op(0xa0)
def if_else(aml):
    s = aml.frame.stream
    end = s.package_end()
    taken, got = aml.integer(), None
    if taken:
        got = aml.run_block(end)
    s.pos = end
    if got is None and s.peek() == 0xa1:
        s.pos += 1
        end = s.package_end()
        if not taken:
            got = aml.run_block(end)
        s.pos = end
    return got


@op(0xa2)
def while_loop(aml):
    s = aml.frame.stream
    end = s.package_end()
    condition = s.pos
    while True:
        aml.charge(1)
        s.pos = condition
        if not aml.integer():
            break
        got = aml.run_block(end)
        if got is BREAK:
            break
        if got is RETURN:
            return got
    s.pos = end
    return None


@op(0xa1)
def stray_else(aml):
    raise AmlError("AE_AML_BAD_OPCODE", "Else without If")


@op(0xa4)
def return_value(aml):
    v = aml.term()
    aml.frame.result = v
    return RETURN


@op(0xa5)
def break_loop(aml):
    return BREAK


@op(0x9f)
def continue_loop(aml):
    return CONTINUE


@op(0xa3)
def noop(aml):
    return None


@op(0xcc)
def breakpoint_op(aml):
    return None


@op(0x86)
def notify(aml):
    target = aml.super_name()
    if not isinstance(target, NodeRef):
        target = aml.dereference(target)
    value = aml.integer()
    if not isinstance(target, NodeRef):
        raise AmlError("AE_AML_OPERAND_TYPE", "Notify of %s" % describe(target))
    aml.notify(target.node, value)


@op(0x5b21)
def stall(aml):
    aml.slept_us += aml.integer()


@op(0x5b22)
def sleep(aml):
    aml.slept_us += aml.integer() * 1000


@op(0x5b32)
def fatal(aml):
    s = aml.frame.stream
    kind, code = s.u8(), s.number(4)
    aml.fatal = kind, code, aml.integer()
    raise AmlError("AE_AML_FATAL", "Fatal(0x%x, 0x%x, 0x%x)" % aml.fatal)


def sync_object(aml, cls):
    ref = aml.super_name()
    v = ref.node.value if isinstance(ref, NodeRef) else aml.dereference(ref)
    v = v.node.value if isinstance(v, NodeRef) else v
    if not isinstance(v, cls):
        raise AmlError("AE_AML_OPERAND_TYPE", "%s where a %s is needed" % (describe(v), cls.__name__.lower()))
    return v


@op(0x5b23)
def acquire(aml):
    sync_object(aml, Mutex).held += 1
    aml.frame.stream.number(2)
    return 0        # nobody else runs: it is always free


@op(0x5b27)
def release(aml):
    m = sync_object(aml, Mutex)
    if not m.held:
        raise AmlError("AE_AML_MUTEX_NOT_ACQUIRED", "Release of a mutex that nobody holds")
    m.held -= 1


@op(0x5b24)
def signal(aml):
    sync_object(aml, Event).signals += 1


@op(0x5b25)
def wait(aml):
    e = sync_object(aml, Event)
    aml.integer()
    if e.signals:
        e.signals -= 1
        return 0
    return aml.mask     # nobody else runs: it would only time out


@op(0x5b26)
def reset(aml):
    sync_object(aml, Event).signals = 0
